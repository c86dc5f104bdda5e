"""The built-in dashboard, and the same charts as one file: reads only schema `bi`, loads nothing from outside."""
