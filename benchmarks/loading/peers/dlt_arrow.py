"""dlt with Arrow tables, its fast way: no row is normalised in Python."""

from __future__ import annotations

import msgspec
import pyarrow as pa
from merged import merge
from usage_api import FIGURES, KEY, pages, rows

SCHEMA = pa.schema(
    [("bucket_start", pa.timestamp("us", tz="UTC"))]
    + [(name, pa.bool_() if name == "batch" else pa.string()) for name in KEY[1:]]
    + [(name, pa.int64()) for name in FIGURES]
)

if __name__ == "__main__":
    merge(pa.Table.from_pylist(list(rows(msgspec.json.decode(page.content))), schema=SCHEMA) for page in pages())
