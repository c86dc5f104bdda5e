-- One row per organization: a dimension of the star. Refreshed by its first load. There are no figures to add up.
SELECT
    ({key:o.label})::varchar(64) AS organization_key,
    o.label::varchar(64) AS organization,
    o.vendor::varchar(64) AS vendor,
    o.label = 'demo' AS is_demo
FROM warehouse.dim_organization o
