-- The organizations whose figures are shown, and which of them are invented. Costs of any day count, because the page shows months.
SELECT
    o.organization,
    o.is_demo
FROM dim_organization o
WHERE (%(organizations)s::text [] IS NULL OR o.organization = ANY (%(organizations)s::text []))
    AND (
        %(users)s::text [] IS NULL AND EXISTS (
            SELECT FROM place.costs() c
            WHERE c.organization = o.organization
                AND (%(projects)s::text [] IS NULL OR coalesce(c.project_id, '') = ANY (%(projects)s::text []))
                AND place.has_chosen_model()
                AND place.has_chosen_caller()
        )
        OR EXISTS (
            SELECT FROM place.known_usage() u
            WHERE u.organization = o.organization
                AND u.usage_date BETWEEN %(first)s::date AND %(last)s::date
                AND (%(projects)s::text [] IS NULL OR coalesce(u.project_id, '') = ANY (%(projects)s::text []))
                AND place.is_chosen_usage()
        )
    )
ORDER BY o.organization
