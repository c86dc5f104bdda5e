"""Where it stands: sessions, tables, views, roles, and the sums kept by day."""
