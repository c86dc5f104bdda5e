-- severity: warn
-- A complete day has tokens but no cost rows at all.
SELECT format('%%s on %%s', u.organization, u.usage_date)
FROM bi.tokens_by_model_daily u
WHERE u.is_complete
AND EXISTS (
    SELECT FROM bi.coverage c
    WHERE c.organization = u.organization AND c.endpoint = 'costs' AND c.usage_date = u.usage_date AND c.status = 'empty'
)
GROUP BY u.organization, u.usage_date
ORDER BY 1
