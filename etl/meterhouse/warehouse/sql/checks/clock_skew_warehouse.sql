-- severity: warn
-- The warehouse's clock and the one of this machine are more than 60 seconds apart; windows are cut off at this machine's.
SELECT format(
    'the warehouse''s clock is %%s s %%s this machine''s: set both by a time server (NTP)',
    round(abs(s.seconds)), CASE WHEN s.seconds > 0 THEN 'ahead of' ELSE 'behind' END
)
FROM (SELECT extract(epoch FROM clock_timestamp() - %(our_clock)s::timestamptz) AS seconds) s
WHERE abs(s.seconds) > 60
