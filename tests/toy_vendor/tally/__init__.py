"""What is true only of Tally: cursors, RFC 3339 times, cents as text, workspaces."""
