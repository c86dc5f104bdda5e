SELECT
    o.label::varchar(64) AS organization_key,
    o.label::varchar(64) AS organization,
    o.vendor::varchar(64) AS vendor,
    o.label = 'demo' AS is_demo
FROM warehouse.dim_organization o
