-- One row per organization, calendar month, project, model and currency with tokens on settled days: what reading from the cache saved, less the
-- extra cost of writing to it; what batches saved; and what was eligible and not used, under the assumption given in the row. All amounts are at
-- the prices of usage_estimated_cost_daily, which are effective prices where the bill has them. Refreshed by every load of costs or day buckets.
-- Amounts and tokens can be added up within one currency; days and shares cannot.
SELECT
    s.month_start,
    o.label::varchar(64) AS organization,
    s.project_id::varchar(128) AS project_id,
    q.project_name::varchar(255) AS project_name,
    s.model_name::varchar(255) AS model,
    s.currency::varchar(3) AS currency,
    {figure:s.cache_saved} AS cache_saved,
    {figure:s.cache_write_premium} AS cache_write_premium,
    {figure:s.cache_saved - s.cache_write_premium} AS cache_saved_net,
    s.cached_tokens::bigint AS cached_tokens,
    {figure:s.batch_saved} AS batch_saved,
    s.batch_tokens::bigint AS batch_tokens,
    {figure:s.cache_unused} AS cache_unused,
    s.uncached_tokens::bigint AS uncached_tokens,
    {figure:s.batch_unused} AS batch_unused,
    s.standard_tokens::bigint AS standard_tokens,
    'cache_unused: had every uncached input token been read from the cache; batch_unused: had every request of the standard tier been a batch'
        ::varchar(255) AS savings_assumption,
    nullif(concat_ws(
        '; ',
        CASE WHEN s.cache_is_partly_unknown THEN 'without cached or written tokens that have no price' END,
        CASE WHEN s.batch_is_partly_unknown THEN 'without tokens of batches that have no price of their own' END
    ), '')::varchar(255) AS savings_reason,
    s.price_source::varchar(255) AS price_source,
    s.batch_source::varchar(255) AS batch_price_source,
    s.first_date AS first_settled_date,
    s.last_date AS settled_through_date,
    s.settled_days::bigint AS settled_days,
    ((s.month_start + interval '1 month')::date - s.month_start)::bigint AS days_in_month
FROM (
    SELECT
        date_trunc('month', e.usage_date)::date AS month_start,
        e.organization_id,
        e.project_id,
        e.model_name,
        e.currency,
        sum(e.cache_saved) AS cache_saved,
        sum(e.cache_write_premium) AS cache_write_premium,
        sum(e.cached_tokens) AS cached_tokens,
        -- Without the batch flag nobody knows; without a batch nothing was saved.
        CASE
            WHEN count(*) FILTER (WHERE e.batch) > 0 THEN sum(e.batch_difference) FILTER (WHERE e.batch)
            WHEN count(e.batch) > 0 THEN 0
        END AS batch_saved,
        CASE WHEN count(e.batch) > 0 THEN coalesce(sum(e.counted_total) FILTER (WHERE e.batch), 0) END AS batch_tokens,
        sum(e.cache_unused) AS cache_unused,
        sum(e.uncached_tokens) AS uncached_tokens,
        sum(e.batch_difference) FILTER (WHERE NOT e.batch AND e.priced_tier = 'standard') AS batch_unused,
        CASE WHEN count(e.batch) > 0 THEN coalesce(sum(e.counted_total) FILTER (WHERE NOT e.batch AND e.priced_tier = 'standard'), 0) END
            AS standard_tokens,
        bool_or(e.cache_is_partly_unknown) AS cache_is_partly_unknown,
        bool_or(e.batch AND e.batch_is_partly_unknown) AS batch_is_partly_unknown,
        string_agg(DISTINCT e.batch_source, ', ' ORDER BY e.batch_source) FILTER (WHERE e.batch) AS batch_source,
        string_agg(DISTINCT e.price_source, ', ' ORDER BY e.price_source) AS price_source,
        min(e.usage_date) AS first_date,
        max(e.usage_date) AS last_date,
        count(DISTINCT e.usage_date) AS settled_days
    FROM warehouse.usage_estimated e
    JOIN ops.coverage c
        ON c.organization_id = e.organization_id AND c.endpoint = e.endpoint AND c.bucket_width = 1440
        AND c.bucket_start = e.usage_date::timestamp AT TIME ZONE 'UTC' AND c.is_complete
    WHERE e.endpoint IN ({cached_endpoints}) AND NOT e.is_free AND e.counted_total > 0
    GROUP BY 1, 2, 3, 4, 5
) s
JOIN warehouse.dim_organization o ON o.organization_id = s.organization_id
LEFT JOIN warehouse.current_projects q ON q.organization_id = s.organization_id AND q.project_id = s.project_id
