-- One row per assignment of an API key, a beginning of key names, a user, a mail domain or a project to a team, and of everything else by
-- default, with the days that it is valid. Refreshed by meterhouse teams import. There are no figures to add up.
SELECT
    a.kind::varchar(16) AS assigned_by,
    a.value::varchar(255) AS assigned_value,
    o.label::varchar(64) AS only_organization,
    a.team::varchar(255) AS team,
    a.cost_centre::varchar(255) AS cost_centre,
    a.valid_from AS valid_from_date,
    a.valid_to AS valid_to_date,
    (a.imported_at AT TIME ZONE 'UTC') AS imported_at_utc
FROM warehouse.owner_assignments a
LEFT JOIN warehouse.dim_organization o ON o.organization_id = a.organization_id
