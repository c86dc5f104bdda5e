-- One row per settled UTC day, organization, series (the organization, a model, a project, an API key) and currency on which the cost was unusual:
-- what was billed, what was expected, and why the day is unusual. Show the rows with is_shown: one per cause, neither planned nor withdrawn. Refreshed
-- by every load of costs, at its end; a restated day keeps its row. excess_cost can be added up within one currency, over the rows with is_shown.
SELECT
    a.usage_date,
    o.label::varchar(64) AS organization,
    a.series_kind::varchar(16) AS series_kind,
    a.series_key::varchar(255) AS series_key,
    n.series_name::varchar(255) AS series_name,
    a.project_id::varchar(128) AS project_id,
    {currency:a.currency},
    a.actual_cost::numeric(28, 12) AS actual_cost,
    a.expected_cost::numeric(28, 12) AS expected_cost,
    a.low_cost::numeric(28, 12) AS low_cost,
    a.high_cost::numeric(28, 12) AS high_cost,
    (a.actual_cost - a.expected_cost)::numeric(28, 12) AS excess_cost,
    a.z_score,
    a.kind::varchar(16) AS kind,
    CASE WHEN t.plan_id IS NOT NULL AND a.state <> 'withdrawn' THEN 'planned' ELSE a.state END::varchar(32) AS state,
    e.explained_by::varchar(255) AS explained_by,
    a.explained_kind IS NULL AND a.state <> 'withdrawn' AND t.plan_id IS NULL AS is_shown,
    a.first_seen_at AT TIME ZONE 'UTC' AS first_seen_at_utc,
    a.judged_at AT TIME ZONE 'UTC' AS judged_at_utc,
    a.reason::varchar(64) AS reason,
    t.note::varchar(1000) AS note,
    p.project_name::varchar(255) AS project_name,
    a.anomaly_id
FROM warehouse.cost_anomalies a
JOIN warehouse.dim_organization o ON o.organization_id = a.organization_id
LEFT JOIN warehouse.current_projects p ON p.organization_id = a.organization_id AND p.project_id = a.project_id
LEFT JOIN warehouse.current_api_keys k
    ON a.series_kind = 'api_key' AND k.organization_id = a.organization_id AND k.api_key_id = a.series_key
CROSS JOIN LATERAL (
    SELECT
        coalesce(
            CASE a.series_kind WHEN 'organization' THEN o.label WHEN 'project' THEN p.project_name WHEN 'api_key' THEN k.api_key_name END,
            a.series_key
        ) AS series_name
) n
LEFT JOIN warehouse.current_projects q
    ON a.explained_kind = 'project' AND q.organization_id = a.organization_id AND q.project_id = a.explained_key
LEFT JOIN warehouse.current_api_keys r
    ON a.explained_kind = 'api_key' AND r.organization_id = a.organization_id AND r.api_key_id = a.explained_key
CROSS JOIN LATERAL (
    SELECT
        coalesce(
            CASE a.explained_kind WHEN 'project' THEN q.project_name WHEN 'api_key' THEN r.api_key_name END,
            a.explained_key
        ) AS explained_by
) e
-- What is planned for a series holds for all below it, and what is planned for a model also holds for the series that explains it.
LEFT JOIN LATERAL (
    SELECT w.plan_id, w.note
    FROM warehouse.planned_activity w
    WHERE w.organization_id = a.organization_id
        AND a.usage_date BETWEEN w.first_date AND w.last_date
        AND CASE w.series_kind
            WHEN 'organization' THEN true
            WHEN 'project' THEN w.series_key = a.project_id
            ELSE
                w.series_kind = a.series_kind AND w.series_key = a.series_key
                OR w.series_kind = 'model' AND EXISTS (
                    SELECT FROM warehouse.cost_anomalies b
                    WHERE b.organization_id = a.organization_id AND b.usage_date = a.usage_date
                        AND b.series_kind = 'model' AND b.series_key = w.series_key
                        AND b.explained_kind = a.series_kind AND b.explained_key = a.series_key
                )
        END
    ORDER BY w.first_date DESC, w.plan_id
    LIMIT 1
) t ON true
