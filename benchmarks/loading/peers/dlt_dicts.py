"""dlt as its introduction teaches it: a resource that yields dicts."""

from __future__ import annotations

from merged import merge
from usage_api import pages, rows

if __name__ == "__main__":
    merge(list(rows(page.json())) for page in pages())
