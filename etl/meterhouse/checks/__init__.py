"""Checks of the warehouse, and against the vendor, that should find nothing."""
