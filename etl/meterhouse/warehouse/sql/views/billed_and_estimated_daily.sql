-- One row per organization, UTC day, project, model or tool, and currency: what was billed, next to what the usage is estimated to cost, and
-- the gap between them; also for days and organizations without a bill. Refreshed by every load of costs or day buckets. Amounts can be added
-- up within one currency; billed and estimated amounts are the same money, so never add up the two.
SELECT
    d.usage_date,
    o.label::varchar(64) AS organization,
    d.project_id::varchar(128) AS project_id,
    q.project_name::varchar(255) AS project_name,
    d.model_name::varchar(255) AS model,
    d.feature::varchar(255) AS feature,
    {currency:d.currency},
    CASE WHEN d.billed_rows > 0 THEN d.billed_cost WHEN c.bucket_start IS NOT NULL THEN 0 END::numeric(28, 12) AS billed_cost,
    {figure:d.estimated_cost} AS estimated_cost,
    (
        CASE
            WHEN d.billed_rows > 0 THEN {figure:d.billed_cost - d.estimated_cost}
            WHEN c.bucket_start IS NOT NULL THEN {figure:0 - d.estimated_cost}
        END
    )::numeric(28, 12) AS cost_gap,
    (CASE WHEN d.billed_rows > 0 THEN {percent:d.billed_cost, d.estimated_cost} END)::numeric(14, 6) AS gap_percent,
    CASE WHEN abs(d.counted_priced) < 1000 * abs(d.counted_total) THEN 1 - d.counted_priced / d.counted_total END
        ::numeric(12, 6) AS unpriced_share,
    d.price_source::varchar(255) AS price_source,
    CASE
        WHEN c.bucket_start IS NULL THEN 'the costs of the day are not loaded'
        WHEN d.billed_rows = 0 AND d.estimated_cost > 0 AND NOT coalesce(c.is_complete, false) THEN 'nothing was billed yet'
        WHEN d.billed_rows = 0 AND d.estimated_cost > 0 THEN 'nothing was billed'
        WHEN d.billed_rows > 0 AND d.usage_rows = 0 THEN 'billed, and no usage reported'
        ELSE d.unpriced_reason
    END::varchar(255) AS gap_reason,
    coalesce(c.is_complete, false) AS is_complete,
    coalesce(c.finality, 'open')::varchar(16) AS finality
FROM (
    SELECT
        b.organization_id,
        b.usage_date,
        b.project_id,
        b.model_name,
        b.feature,
        b.currency,
        sum(b.billed_rows) AS billed_rows,
        CASE WHEN coalesce(sum(b.rows_without_cost), 0) = 0 THEN sum(b.billed_cost) END AS billed_cost,
        sum(b.usage_rows) AS usage_rows,
        sum(b.estimated_cost) AS estimated_cost,
        sum(b.counted_total) AS counted_total,
        sum(b.counted_priced) AS counted_priced,
        string_agg(DISTINCT b.price_source, ', ' ORDER BY b.price_source) AS price_source,
        max(b.unpriced_reason) AS unpriced_reason
    FROM (
        SELECT
            r.organization_id,
            r.usage_date,
            r.project_id,
            CASE WHEN {price_feature:l} IS NULL THEN l.model_name END AS model_name,
            coalesce({price_feature:l}, CASE WHEN l.model_name IS NULL THEN coalesce(l.feature, r.line_item) END) AS feature,
            r.currency,
            r.row_count AS billed_rows,
            r.rows_without_cost,
            r.cost AS billed_cost,
            0 AS usage_rows,
            NULL::numeric AS estimated_cost,
            0 AS counted_total,
            0 AS counted_priced,
            NULL AS price_source,
            NULL AS unpriced_reason
        FROM warehouse.rollup_costs_by_line_item r
        LEFT JOIN warehouse.line_item_names l ON l.line_item = r.line_item
        UNION ALL
        SELECT
            e.organization_id,
            e.usage_date,
            e.project_id,
            CASE WHEN e.feature IS NULL THEN e.model_name END,
            e.feature,
            coalesce(e.currency, k.currency),
            0,
            0,
            NULL,
            1,
            e.estimated_cost,
            e.counted_total,
            e.counted_priced,
            e.price_source,
            e.unpriced_reason
        FROM warehouse.usage_estimated e
        JOIN warehouse.organization_currencies k ON k.organization_id = e.organization_id
    ) b
    GROUP BY b.organization_id, b.usage_date, b.project_id, b.model_name, b.feature, b.currency
) d
JOIN warehouse.dim_organization o ON o.organization_id = d.organization_id
LEFT JOIN warehouse.current_projects q ON q.organization_id = d.organization_id AND q.project_id = d.project_id
LEFT JOIN ops.coverage c
    ON c.organization_id = d.organization_id AND c.endpoint = 'costs' AND c.bucket_width = 1440
    AND c.bucket_start = d.usage_date::timestamp AT TIME ZONE 'UTC'
