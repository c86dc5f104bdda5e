-- What the usage of a day is estimated to cost, by project, model or tool, tier and batch flag, with what the cache and batches saved.
SELECT
    c.organization_id,
    c.usage_date,
    c.endpoint,
    c.project_id,
    m.model_name,
    {usage_feature:c} AS feature,
    c.batch,
    lower(coalesce(c.service_tier, '')) IN ({free_tiers}) AS is_free,
    {usage_tier:c} AS priced_tier,
    p.currency,
    p.price_source,
    p.batch_source,
    t.counted_total,
    t.counted_priced,
    e.*,
    {unpriced_reason:m.list_model} AS unpriced_reason
FROM (
    SELECT u.organization_id, u.usage_date, u.endpoint, u.project_id, u.model, u.batch, u.service_tier, q.*
    FROM warehouse.rollup_usage_by_tier u
    -- Computed once, however often it is used.
    CROSS JOIN LATERAL (SELECT {counted:u} OFFSET 0) q
) c
LEFT JOIN warehouse.usage_prices p
    ON p.organization_id = c.organization_id AND p.usage_date = c.usage_date AND p.endpoint = c.endpoint
    AND p.model_key = coalesce(c.model, '') AND p.batch_key = coalesce(c.batch::text, '') AND p.tier_key = coalesce(c.service_tier, '')
LEFT JOIN warehouse.priced_models m ON m.model = c.model
CROSS JOIN LATERAL (SELECT {counted_total} AS counted_total, {counted_priced} AS counted_priced OFFSET 0) t
CROSS JOIN LATERAL (
    SELECT
        {estimated_cost} AS estimated_cost,
        c.cached_text + coalesce(c.cached_audio, 0) + coalesce(c.cached_image, 0) AS cached_tokens,
        c.input_text + coalesce(c.input_audio, 0) + coalesce(c.input_image, 0) AS uncached_tokens,
        {cache_saved} AS cache_saved,
        {cache_premium} AS cache_write_premium,
        {cache_unused} AS cache_unused,
        {batch_difference} AS batch_difference,
        {cache_is_partly_unknown} AS cache_is_partly_unknown,
        {batch_is_partly_unknown} AS batch_is_partly_unknown
) e
