"""What exists: endpoints with their metrics and dimensions, and what every public column means."""
