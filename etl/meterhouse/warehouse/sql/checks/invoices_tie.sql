-- severity: warn
-- A settled month does not match its invoices: more is unexplained than the tolerance.
SELECT format(
    '%%1$s %%2$s %%3$s: %%4$s; once its file is right, import it again with meterhouse import invoice FILE',
    t.organization, to_char(t.month_start, 'YYYY-MM'), t.currency, t.state_reason
)
FROM bi.invoice_tie_out t
WHERE t.state = 'mismatch'
ORDER BY t.organization, t.month_start, t.currency
