-- Lines of the invoices of organizations that were granted to the role as a whole.
SELECT l.*
FROM warehouse.invoice_lines l
WHERE EXISTS (SELECT FROM warehouse.team_invoices i WHERE i.invoice_key = l.invoice_key)
