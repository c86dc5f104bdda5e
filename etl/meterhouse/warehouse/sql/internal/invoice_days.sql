-- The invoice that bills the usage of each day: of two that do, the one that was issued last.
SELECT DISTINCT ON (i.organization_id, i.currency, d.billing_day::date)
    i.organization_id,
    i.currency,
    d.billing_day::date AS billing_date,
    i.invoice_key,
    i.invoice_id
FROM warehouse.invoices i
CROSS JOIN LATERAL generate_series(i.period_start::timestamp, i.period_end::timestamp, interval '1 day') AS d (billing_day)
WHERE EXISTS (SELECT FROM warehouse.invoice_lines l WHERE l.invoice_key = i.invoice_key AND l.kind = 'usage')
ORDER BY i.organization_id, i.currency, d.billing_day::date, i.issued_on DESC, i.invoice_key DESC
