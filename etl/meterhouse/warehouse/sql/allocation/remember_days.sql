-- What the days were allocated from.
INSERT INTO ops.allocated_days AS a (organization_id, usage_date, sources, allocated_at)
SELECT %(organization_id)s, d.usage_date, d.sources, now()
FROM unnest(%(days)s::date [], %(sources)s::text []) AS d (usage_date, sources)
ON CONFLICT (organization_id, usage_date) DO UPDATE SET sources = excluded.sources, allocated_at = excluded.allocated_at
