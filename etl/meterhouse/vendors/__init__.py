"""Talking to vendors: HTTP, retries, pages and the text of pages, for any vendor; one folder for each."""
