"""Loading: every stream, window by window, from the vendor's pages to one transaction that puts them in place."""
