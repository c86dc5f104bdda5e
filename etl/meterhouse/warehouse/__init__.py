"""Where it is kept: sessions, tables, views, roles, and totals by day and hour."""
