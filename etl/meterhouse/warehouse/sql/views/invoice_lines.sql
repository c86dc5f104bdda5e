-- One row per line of an invoice that was imported. Refreshed by meterhouse import invoice. amount can be added up within one currency.
SELECT
    i.month_start,
    o.label::varchar(64) AS organization,
    i.invoice_id::varchar(128) AS invoice_id,
    l.position AS line_number,
    l.kind::varchar(16) AS line_kind,
    l.description::varchar(1000) AS line_description,
    l.amount::numeric(28, 12) AS amount,
    {currency:i.currency},
    i.period_start,
    i.period_end AS period_end_date,
    i.issued_on AS issued_date,
    (i.imported_at AT TIME ZONE 'UTC') AS imported_at_utc
FROM warehouse.invoice_lines l
JOIN warehouse.invoices i ON i.invoice_key = l.invoice_key
JOIN warehouse.dim_organization o ON o.organization_id = i.organization_id
