-- What the days were judged by. Those that are too old to be judged again are forgotten.
WITH gone AS (
    DELETE FROM ops.judged_days j
    WHERE j.organization_id = %(organization_id)s AND j.usage_date < %(first_judged)s
)

INSERT INTO ops.judged_days AS j (organization_id, usage_date, sources, judged_at)
SELECT %(organization_id)s, d.usage_date, d.sources, now()
FROM unnest(%(days)s::date [], %(sources)s::text []) AS d (usage_date, sources)
ON CONFLICT (organization_id, usage_date) DO UPDATE SET sources = excluded.sources, judged_at = excluded.judged_at
