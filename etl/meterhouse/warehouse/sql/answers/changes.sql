-- What each member of some dimensions added to the change between two periods, and its parts, which add up to it. Of chosen projects, only
-- members that belong to one project are known.
SELECT
    c.comparison,
    c.organization,
    c.dimension,
    c.member_id,
    c.member_name,
    c.currency,
    c.period_first_date,
    c.period_last_date,
    c.previous_first_date,
    c.previous_last_date,
    c.days,
    c.previous_days,
    c.previous_cost,
    c.cost,
    c.change_cost,
    c.days_effect,
    c.volume_effect,
    c.model_mix_effect,
    c.tier_mix_effect,
    c.direction_mix_effect,
    c.cache_effect,
    c.price_effect,
    c.new_cost,
    c.gone_cost,
    c.restatement_effect,
    c.credit_effect,
    c.other_effect,
    c.is_comparable,
    c.reason
FROM cost_changes c
WHERE c.comparison = ANY (%(comparisons)s::text [])
    AND c.dimension = ANY (%(dimensions)s::text [])
    AND (%(period_first_date)s::date IS NULL OR c.period_first_date = %(period_first_date)s::date)
    AND (%(organizations)s::text [] IS NULL OR c.organization = ANY (%(organizations)s::text []))
    AND (
        %(projects)s::text [] IS NULL
        OR c.dimension IN ('project', 'api_key') AND coalesce(c.project_id, '') = ANY (%(projects)s::text [])
    )
ORDER BY c.comparison, c.dimension, abs(c.change_cost) DESC NULLS LAST, c.organization, c.member_id
