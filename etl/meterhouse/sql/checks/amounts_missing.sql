-- severity: warn
-- A cost row came without an amount or currency, so it is in no total.
SELECT format('%%s on %%s: %%s rows', c.organization, c.usage_date, count(*))
FROM bi.costs_daily c
WHERE c.cost IS NULL OR c.currency IS NULL
GROUP BY c.organization, c.usage_date
ORDER BY 1
