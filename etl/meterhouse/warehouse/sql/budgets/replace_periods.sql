-- Writes the periods that were judged; a row that is the same is not written again.
INSERT INTO warehouse.budget_periods AS p (
    organization_id, budget, period_start, period_end, period, scope_kind, scope_key, currency, budget_cost, thresholds, spent_cost,
    settled_through_date, unknown_days, used_share, expected_cost, low_cost, high_cost, passes_on_date, state, highest_threshold,
    next_threshold, reason, is_current, sources
)
VALUES (
    %(organization_id)s, %(budget)s, %(period_start)s, %(period_end)s, %(period)s, %(scope_kind)s, %(scope_key)s, %(currency)s,
    %(budget_cost)s, %(thresholds)s, %(spent_cost)s, %(settled_through_date)s, %(unknown_days)s, %(used_share)s, %(expected_cost)s,
    %(low_cost)s, %(high_cost)s, %(passes_on_date)s, %(state)s, %(highest_threshold)s, %(next_threshold)s, %(reason)s, %(is_current)s,
    %(sources)s
)
ON CONFLICT (organization_id, budget, period_start) DO UPDATE SET
    period_end = excluded.period_end,
    period = excluded.period,
    scope_kind = excluded.scope_kind,
    scope_key = excluded.scope_key,
    currency = excluded.currency,
    budget_cost = excluded.budget_cost,
    thresholds = excluded.thresholds,
    spent_cost = excluded.spent_cost,
    settled_through_date = excluded.settled_through_date,
    unknown_days = excluded.unknown_days,
    used_share = excluded.used_share,
    expected_cost = excluded.expected_cost,
    low_cost = excluded.low_cost,
    high_cost = excluded.high_cost,
    passes_on_date = excluded.passes_on_date,
    state = excluded.state,
    highest_threshold = excluded.highest_threshold,
    next_threshold = excluded.next_threshold,
    reason = excluded.reason,
    is_current = excluded.is_current,
    sources = excluded.sources
WHERE p.* IS DISTINCT FROM excluded.*
