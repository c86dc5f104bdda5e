-- One row per purchase of prepaid credits: what was bought, what was drawn from it by billed cost, what lapsed, and what is left. Each day is
-- paid from the credits that expire first. Refreshed by every load of costs and by meterhouse import purchases.
-- Amounts can be added up within one currency.
SELECT
    p.bought_on AS bought_date,
    o.label::varchar(64) AS organization,
    p.amount::numeric(28, 12) AS bought,
    {currency:p.currency},
    p.expires_on AS expiry_date,
    p.note::varchar(1000) AS purchase_note,
    coalesce(t.drawn, 0)::numeric(28, 12) AS drawn,
    CASE WHEN p.expires_on < v.as_of_date THEN p.amount - coalesce(t.drawn, 0) ELSE 0 END::numeric(28, 12) AS lapsed,
    -- What is bought later is not there yet.
    CASE
        WHEN p.expires_on < v.as_of_date OR p.bought_on > coalesce(v.as_of_date, (now() AT TIME ZONE 'UTC')::date) THEN 0
        ELSE p.amount - coalesce(t.drawn, 0)
    END::numeric(28, 12) AS credits_left,
    v.as_of_date,
    p.purchase_id
FROM warehouse.prepaid_purchases p
JOIN warehouse.dim_organization o ON o.organization_id = p.organization_id
LEFT JOIN (
    SELECT u.purchase_id, sum(u.amount) AS drawn FROM warehouse.prepaid_use u GROUP BY u.purchase_id
) t ON t.purchase_id = p.purchase_id
LEFT JOIN (
    SELECT c.organization_id, max((c.bucket_start AT TIME ZONE 'UTC')::date) AS as_of_date
    FROM ops.coverage c
    WHERE c.endpoint = 'costs' AND c.bucket_width = 1440
    GROUP BY c.organization_id
) v ON v.organization_id = p.organization_id
