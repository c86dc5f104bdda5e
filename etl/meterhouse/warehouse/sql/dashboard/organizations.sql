-- The organizations that figures of the choice are of, and which of them are invented. Costs of any day count, since the page shows months.
SELECT
    o.organization,
    o.is_demo
FROM bi.dim_organization o
WHERE (%(organizations)s::text [] IS NULL OR o.organization = ANY (%(organizations)s::text []))
    AND (
        %(users)s::text [] IS NULL AND EXISTS (
            SELECT FROM {costs} c
            WHERE c.organization = o.organization
                AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
                AND {has_chosen_model}
                AND {has_chosen_key}
        )
        OR EXISTS (
            SELECT FROM {known_usage} u
            WHERE u.organization = o.organization
                AND u.usage_date BETWEEN %(first)s::date AND %(last)s::date
                AND (%(projects)s::text [] IS NULL OR coalesce(u.project_id, '') = ANY (%(projects)s::text []))
                AND {is_chosen_usage}
        )
    )
ORDER BY o.organization
