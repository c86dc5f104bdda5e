-- One row per organization and unit price: what the vendor's price list asks, and what was agreed in a contract, each with the days on which it is
-- in force. A contract price takes precedence over the list's. List prices are an indication that comes with this version; contract prices are
-- imported. Refreshed by every migration and every import of prices. There are no figures to add up.
SELECT
    o.label::varchar(64) AS organization,
    p.price_kind::varchar(32) AS price_kind,
    p.model::varchar(255) AS model,
    p.feature::varchar(255) AS feature,
    p.tier::varchar(64) AS tier,
    p.is_batch,
    p.direction::varchar(64) AS direction,
    p.modality::varchar(64) AS modality,
    p.context_band::varchar(255) AS context_band,
    {figure:p.price} AS price,
    p.unit::varchar(64) AS price_unit,
    {currency:p.currency},
    p.valid_from AS valid_from_date,
    p.valid_to AS valid_to_date,
    n.today >= p.first_date AND n.today < p.end_date
    AND (
        p.price_kind = 'contract'
        OR NOT EXISTS (
            SELECT FROM warehouse.price_list c
            WHERE c.price_kind = 'contract' AND c.organization_id = p.organization_id AND c.subject = p.subject
            AND c.priced_tier = p.priced_tier AND c.is_batch = p.is_batch AND c.price_class IS NOT DISTINCT FROM p.price_class
            AND c.band = p.band AND n.today >= c.first_date AND n.today < c.end_date
        )
    ) AS is_in_force,
    p.source::varchar(255) AS price_origin,
    p.note::varchar(255) AS price_note
FROM warehouse.price_list p
JOIN warehouse.dim_organization o ON o.organization_id = p.organization_id
CROSS JOIN (SELECT (now() AT TIME ZONE 'UTC')::date AS today) n
