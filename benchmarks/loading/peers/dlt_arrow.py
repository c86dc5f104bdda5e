"""dlt with Arrow tables, its fast way: no row is normalised in Python."""

from __future__ import annotations

import os
from collections.abc import Iterator

import dlt
import msgspec
import pyarrow as pa
from usage_api import FIGURES, KEY, pages, rows

SCHEMA = pa.schema(
    [("bucket_start", pa.timestamp("us", tz="UTC"))]
    + [(name, pa.bool_() if name == "batch" else pa.string()) for name in KEY[1:]]
    + [(name, pa.int64()) for name in FIGURES]
)


@dlt.resource(name="completions", write_disposition={"disposition": "merge", "strategy": "upsert"}, primary_key=list(KEY))
def completions() -> Iterator[pa.Table]:
    """Yield a table for each page."""
    for page in pages():
        yield pa.Table.from_pylist(list(rows(msgspec.json.decode(page.content))), schema=SCHEMA)


def main() -> None:
    """Run the pipeline."""
    pipeline = dlt.pipeline(
        pipeline_name=os.environ["SCHEMA"],
        destination=dlt.destinations.postgres(os.environ["DATABASE_URL"]),
        dataset_name=os.environ["SCHEMA"],
        pipelines_dir=os.environ["STATE_FOLDER"],
    )
    pipeline.run(completions()).raise_on_failed_jobs()


if __name__ == "__main__":
    main()
