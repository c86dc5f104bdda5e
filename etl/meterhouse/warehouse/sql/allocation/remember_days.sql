-- What the days were allocated from. A closed day of which no line waits for usage is done with it. A day that was allocated again from the same
-- state, as the owner of a key became known, gets a number: whatever is worked out from its parts has to notice.
INSERT INTO ops.allocated_days AS a (organization_id, usage_date, sources, allocated_at)
SELECT
    %(organization_id)s,
    d.usage_date,
    CASE
        WHEN strpos(d.sources, ' ') = 0 OR EXISTS (
            SELECT FROM warehouse.cost_allocation c
            WHERE c.organization_id = %(organization_id)s AND c.usage_date = d.usage_date AND c.reason = ANY (%(waiting)s::text [])
        ) THEN d.sources
        ELSE split_part(d.sources, ' ', 1) || ' -'
    END,
    now()
FROM unnest(%(days)s::date [], %(sources)s::text []) AS d (usage_date, sources)
ON CONFLICT (organization_id, usage_date) DO UPDATE SET
    sources = CASE
        WHEN excluded.sources = split_part(a.sources, ' ', 1)
            THEN excluded.sources || ' ' || (coalesce(substring(a.sources FROM ' ([0-9]{1,9})$')::integer, 0) + 1)
        ELSE excluded.sources
    END,
    allocated_at = excluded.allocated_at
