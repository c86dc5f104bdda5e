-- severity: fail
-- One organization is loaded under two labels, so its figures are counted twice: the vendor gave both the same identifier, or, if that is
-- not known, they share a project, which no two organizations do.
WITH projects AS (
    SELECT g.organization_id, g.project_id FROM warehouse.dim_group g WHERE g.project_id IS NOT NULL
    UNION
    SELECT g.organization_id, g.project_id FROM warehouse.dim_cost_group g WHERE g.project_id IS NOT NULL
    UNION
    SELECT p.organization_id, p.project_id FROM warehouse.dim_project p
),

shared AS (
    SELECT a.organization_id AS one_id, b.organization_id AS other_id, min(a.project_id) AS project_id
    FROM projects a
    JOIN projects b ON b.project_id = a.project_id AND b.organization_id > a.organization_id
    GROUP BY 1, 2
)

-- The finding suggests removing the label that is no longer loaded, or was added later; the reader may choose the other one.
SELECT format(
    '%%s and %%s are both the organization %%s, so fix it with meterhouse purge --organization %%s',
    a.label, b.label, coalesce(a.vendor_organization_id, b.vendor_organization_id, 'of the project ' || s.project_id),
    CASE WHEN a.label = ANY(%(labels)s) OR NOT b.label = ANY(%(labels)s) THEN b.label ELSE a.label END
)
FROM warehouse.dim_organization a
JOIN warehouse.dim_organization b ON b.vendor = a.vendor AND b.organization_id > a.organization_id
LEFT JOIN shared s ON s.one_id = a.organization_id AND s.other_id = b.organization_id
WHERE a.vendor_organization_id = b.vendor_organization_id
OR ((a.vendor_organization_id IS NULL OR b.vendor_organization_id IS NULL) AND s.project_id IS NOT NULL)
ORDER BY a.label, b.label
