-- severity: warn
-- The warehouse's clock and this machine's clock differ by more than 60 seconds; windows end at this machine's time.
SELECT format(
    'the warehouse''s clock is %%s s %%s this machine''s: set both by a time server (NTP)',
    round(abs(s.seconds)), CASE WHEN s.seconds > 0 THEN 'ahead of' ELSE 'behind' END
)
FROM (SELECT extract(epoch FROM clock_timestamp() - %(our_clock)s::timestamptz) AS seconds) s
WHERE abs(s.seconds) > 60
