-- severity: warn
-- The price of a line item differed by more than 0.5% from its contract, the price list or its own earlier days, on two settled days in a row
-- of the last 14 that are settled.
SELECT format(
    '%%s: %%L cost %%s %%s per %%s from %%s to %%s, %%s says %%s: %%s',
    d.organization, d.line_item, trim_scale(d.effective_price), d.currency, d.price_unit, d.first_date, d.last_date,
    CASE d.compared_with WHEN 'contract' THEN 'the contract' WHEN 'own_level' THEN 'its own level before' ELSE 'the price list' END,
    trim_scale(d.expected_price),
    CASE
        WHEN d.compared_with = 'contract' THEN 'ask the vendor, or import the new contract price'
        WHEN d.compared_with = 'own_level' THEN 'see whether the vendor announced a new price'
        ELSE 'import your contract prices with meterhouse import prices FILE, or ask the vendor'
    END
)
FROM bi.price_drift d
WHERE d.last_date > (
    SELECT max((c.bucket_start AT TIME ZONE 'UTC')::date) - 14
    FROM ops.coverage c
    JOIN warehouse.dim_organization o ON o.organization_id = c.organization_id
    WHERE c.endpoint = 'costs' AND c.bucket_width = 1440 AND c.is_complete AND o.label = d.organization
)
ORDER BY d.organization, abs(d.cost) DESC, d.line_item, d.currency, d.first_date
