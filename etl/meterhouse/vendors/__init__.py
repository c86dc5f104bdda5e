"""What is asked and what is said: HTTP, retries, pages and the text of pages, for whatever vendor; a folder for each."""
