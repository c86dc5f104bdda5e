-- One row per charge, with the columns of FOCUS 1.2, and newer names beside them: each row of costs_daily, each correction of a closed month, each
-- line of an imported invoice that is not usage, each purchase of prepaid credits, and each day's cost that those paid for. Refreshed by every
-- load of costs and every import of invoices, purchases and teams. Costs can be added up within one currency; prices cannot.
WITH charge AS (
    SELECT
        c.usage_date,
        c.usage_date AS billing_date,
        c.organization,
        c.project_id,
        c.project_name,
        c.api_key_id,
        c.api_key_name,
        c.line_item,
        c.currency,
        c.cost AS billed_cost,
        c.cost AS effective_cost,
        c.cost AS contracted_cost,
        c.quantity,
        c.quantity_unit,
        CASE c.category WHEN 'credits' THEN 'Credit' WHEN 'taxes' THEN 'Tax' ELSE 'Usage' END AS charge_category,
        NULL AS charge_class,
        coalesce(c.line_item, '(not grouped by line item)')::text AS charge_description,
        NULL AS product,
        NULL AS invoice_id,
        NULL AS invoice_detail_id,
        'costs' AS charge_origin,
        c.cost_exact,
        c.source_grouping,
        c.is_complete,
        c.finality
    FROM bi.costs_daily c
    UNION ALL
    SELECT
        x.usage_date, x.seen_date, x.organization, x.project_id, x.project_name, NULL, NULL, x.line_item, x.currency,
        x.correction, x.correction, x.correction, NULL, NULL,
        CASE l.category WHEN 'credits' THEN 'Credit' WHEN 'taxes' THEN 'Tax' ELSE 'Usage' END, 'Correction',
        coalesce(x.line_item, '(not grouped by line item)')::text, NULL, NULL, NULL, 'correction', NULL, NULL, NULL, NULL
    FROM bi.cost_corrections x
    LEFT JOIN warehouse.line_item_names l ON l.line_item = x.line_item
    UNION ALL
    SELECT
        a.charge_date, a.charge_date, o.label::varchar(64), NULL, NULL, NULL, NULL, NULL, a.currency::varchar(3),
        a.billed_cost, a.effective_cost, a.contracted_cost, NULL, NULL, a.charge_category, NULL,
        a.charge_description, a.product, a.invoice_id, a.invoice_detail_id, a.charge_origin, NULL, NULL, NULL, NULL
    FROM warehouse.account_charges a
    JOIN warehouse.dim_organization o ON o.organization_id = a.organization_id
),

-- The SKU of each charge of usage, and what is bought with each purchase; Tax, Credit and Adjustment have neither. An aggregate of one row
-- is calculated once, and not at all for a query that asks for no quantity and no price.
priced AS (
    SELECT
        c.*,
        o.organization_id,
        CASE o.vendor WHEN 'openai' THEN 'OpenAI' ELSE initcap(o.vendor) END AS vendor_name,
        coalesce(c.product, CASE WHEN c.charge_category = 'Usage' THEN coalesce(s.sku_id, 'unspecified') END) AS sku_id,
        coalesce(c.product, CASE WHEN c.charge_category = 'Usage' THEN coalesce(s.sku_meter, 'Unspecified') END) AS sku_meter,
        coalesce(
            c.product, CASE
                WHEN c.charge_category = 'Usage'
                    THEN coalesce(s.sku_and_tier, 'unspecified') || '@' || coalesce(p.valid_since[q.place], 'unknown')
            END
        ) AS sku_price_id,
        CASE WHEN c.charge_category = 'Usage' THEN s.sku_price_details END AS sku_price_details,
        CASE WHEN q.consumed_quantity IS NOT NULL THEN s.consumed_unit END AS consumed_unit,
        CASE WHEN q.pricing_quantity IS NOT NULL THEN coalesce(c.product, s.pricing_unit) END AS pricing_unit,
        q.consumed_quantity,
        q.pricing_quantity,
        q.contracted_unit_price,
        q.list_price,
        CASE
            WHEN c.charge_origin = 'costs' AND c.charge_category = 'Usage'
                THEN CASE WHEN q.list_price IS NOT NULL THEN 'price_list' ELSE 'billed' END
        END AS list_cost_basis
    FROM charge c
    LEFT JOIN warehouse.dim_organization o ON o.label = c.organization
    LEFT JOIN warehouse.line_skus s
        ON s.line_item = c.line_item
        AND s.said_unit = CASE
            WHEN c.quantity_unit IS NULL THEN ''
            WHEN c.quantity_unit IN ({vendor_units}) THEN c.quantity_unit
            ELSE 'other'
        END
    LEFT JOIN warehouse.sku_prices p ON p.list_key = s.list_key AND p.vendor = o.vendor AND p.currency = c.currency
    LEFT JOIN LATERAL (
        SELECT
            max(n.place) AS place,
            max(n.consumed_quantity) AS consumed_quantity,
            max(n.pricing_quantity) AS pricing_quantity,
            -- No price where nothing was counted, and none below zero.
            max(
                CASE
                    WHEN n.pricing_quantity > 0 AND c.billed_cost >= 0 AND c.billed_cost < 9999999999 * n.pricing_quantity
                        THEN (c.billed_cost / n.pricing_quantity)::numeric(28, 18)
                END
            ) AS contracted_unit_price,
            -- A price is for less than ten thousand, and a quantity that it is multiplied by less than a trillion.
            max(
                CASE
                    WHEN abs(n.pricing_quantity) < 1e12 AND p.prices[n.place] * s.list_units < 1e4
                        THEN (p.prices[n.place] * s.list_units)::numeric(28, 18)
                END
            ) AS list_price
        FROM (
            SELECT
                width_bucket(c.usage_date, p.first_dates) AS place,
                CASE WHEN c.charge_category = 'Usage' THEN {figure:c.quantity * s.consumed_factor} END AS consumed_quantity,
                CASE
                    WHEN c.product IS NOT NULL THEN 1
                    WHEN c.charge_category = 'Usage' AND abs(c.quantity * s.priced_factor) < 1e16 THEN c.quantity * s.priced_factor
                END::numeric(28, 12) AS pricing_quantity
            OFFSET 0
        ) n
    ) q ON true
)

SELECT
    c.usage_date,
    c.organization::varchar(64) AS billing_account_id,
    c.organization::varchar(64) AS billing_account_name,
    'Organization'::varchar(32) AS billing_account_type,
    c.project_id::varchar(128) AS sub_account_id,
    CASE WHEN c.project_id IS NOT NULL THEN coalesce(c.project_name, c.project_id) END::varchar(255) AS sub_account_name,
    CASE WHEN c.project_id IS NOT NULL THEN 'Project' END::varchar(32) AS sub_account_type,
    date_trunc('month', c.billing_date::timestamp) AS billing_period_start_utc,
    date_trunc('month', c.billing_date::timestamp) + interval '1 month' AS billing_period_end_utc,
    c.usage_date::timestamp AS charge_period_start_utc,
    (c.usage_date + 1)::timestamp AS charge_period_end_utc,
    upper(coalesce(c.currency, {other_currency}))::varchar(3) AS billing_currency,
    c.billed_cost::numeric(28, 12) AS billed_cost,
    c.effective_cost::numeric(28, 12) AS effective_cost,
    c.contracted_cost::numeric(28, 12) AS contracted_cost,
    CASE WHEN c.list_cost_basis = 'price_list' THEN c.list_price * c.pricing_quantity ELSE c.contracted_cost END::numeric(28, 12) AS list_cost,
    c.contracted_unit_price::numeric(28, 18) AS contracted_unit_price,
    coalesce(c.list_price, c.contracted_unit_price)::numeric(28, 18) AS list_unit_price,
    c.consumed_quantity::numeric(28, 12) AS consumed_quantity,
    c.consumed_unit::varchar(64) AS consumed_unit,
    c.pricing_quantity::numeric(28, 12) AS pricing_quantity,
    c.pricing_unit::varchar(64) AS pricing_unit,
    CASE WHEN c.charge_category IN ('Usage', 'Purchase') THEN 'Standard' END::varchar(32) AS pricing_category,
    c.charge_category::varchar(32) AS charge_category,
    c.charge_class::varchar(32) AS charge_class,
    c.charge_description::varchar(1000) AS charge_description,
    CASE WHEN c.charge_category = 'Usage' THEN 'Usage-Based' ELSE 'One-Time' END::varchar(32) AS charge_frequency,
    c.sku_id::varchar(1000) AS sku_id,
    c.sku_price_id::varchar(1000) AS sku_price_id,
    c.sku_meter::varchar(255) AS sku_meter,
    c.sku_price_details::varchar(4000) AS sku_price_details,
    coalesce(c.invoice_id, i.invoice_id)::varchar(128) AS invoice_id,
    c.invoice_detail_id::varchar(128) AS invoice_detail_id,
    c.vendor_name::varchar(64) AS invoice_issuer_name,
    c.vendor_name::varchar(64) AS provider_name,
    c.vendor_name::varchar(64) AS publisher_name,
    c.vendor_name::varchar(64) AS service_provider_name,
    c.vendor_name::varchar(64) AS host_provider_name,
    'AI and Machine Learning'::varchar(64) AS service_category,
    'Generative AI'::varchar(64) AS service_subcategory,
    (c.vendor_name || ' API')::varchar(64) AS service_name,
    t.tags[width_bucket(c.usage_date, t.first_dates)]::varchar(4000) AS tags,
    c.charge_origin::varchar(32) AS x_charge_origin,
    c.line_item::varchar(255) AS x_line_item,
    c.api_key_id::varchar(128) AS x_api_key_id,
    c.api_key_name::varchar(255) AS x_api_key_name,
    c.cost_exact::varchar(96) AS x_billed_cost_exact,
    c.source_grouping::varchar(255) AS x_source_grouping,
    c.is_complete AS x_is_complete,
    c.finality::varchar(16) AS x_finality,
    CASE WHEN c.charge_origin IN ('costs', 'correction') THEN 'vendor_cost_api' ELSE 'imported_file' END::varchar(32) AS x_cost_basis,
    c.list_cost_basis::varchar(32) AS x_list_cost_basis,
    'billed'::varchar(32) AS x_allocation_method,
    CASE
        -- Most rows are as they should be, and are not looked at twice.
        WHEN c.charge_origin = 'costs' AND c.contracted_unit_price IS NOT NULL AND c.currency <> {other_currency} AND c.line_item IS NOT NULL
            THEN NULL
        ELSE nullif(
            concat_ws(
                ', ',
                CASE WHEN c.billed_cost IS NULL THEN 'no_amount' END,
                CASE WHEN coalesce(c.currency, {other_currency}) = {other_currency} THEN 'no_currency' END,
                CASE WHEN c.charge_origin IN ('costs', 'correction') AND c.line_item IS NULL THEN 'no_line_item' END,
                CASE WHEN c.charge_origin = 'costs' AND c.charge_category = 'Usage' THEN
                    CASE
                        WHEN c.quantity IS NULL THEN 'no_quantity'
                        WHEN c.pricing_quantity IS NULL THEN 'unknown_unit'
                        WHEN c.pricing_quantity = 0 THEN 'zero_quantity'
                        WHEN c.contracted_unit_price IS NULL AND c.billed_cost IS NOT NULL THEN 'no_price'
                    END
                END,
                CASE WHEN c.charge_origin = 'prepaid_use' THEN 'prepaid_use' END
            ),
            ''
        )
    END::varchar(255) AS x_conformance
FROM priced c
LEFT JOIN warehouse.invoice_days i
    ON i.organization_id = c.organization_id AND i.currency = c.currency AND i.billing_date = c.billing_date
    AND c.charge_origin IN ('costs', 'correction')
LEFT JOIN warehouse.charge_teams t
    ON t.organization_id = c.organization_id AND t.project_id = coalesce(c.project_id, '') AND t.api_key_id = coalesce(c.api_key_id, '')
    AND c.charge_origin IN ('costs', 'correction')
