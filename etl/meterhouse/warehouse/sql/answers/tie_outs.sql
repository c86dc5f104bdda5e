-- The months that were compared with an invoice, and those that could be, as every day of theirs is settled; the newest first.
SELECT
    t.month_start,
    t.organization,
    t.currency,
    t.billed,
    t.invoiced,
    t.unexplained,
    t.state,
    t.state_reason,
    t.is_complete,
    t.tax,
    t.credit,
    t.bundle,
    t.adjustment,
    t.restatement,
    t.period_shift,
    t.rounding,
    t.corrections
FROM invoice_tie_out t
WHERE (%(month)s::date IS NULL OR t.month_start <= %(month)s::date)
    AND (t.state <> 'no_invoice' OR t.is_complete)
    AND t.currency IS NOT NULL
    AND (%(organizations)s::text [] IS NULL OR t.organization = ANY (%(organizations)s::text []))
ORDER BY t.month_start DESC, t.organization, t.currency
