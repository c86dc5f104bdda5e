"""Questions that should find nothing, asked of the warehouse and of the vendor."""
