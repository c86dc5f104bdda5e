"""dlt as its introduction teaches it: a resource that yields dicts, merged by key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import dlt
from usage_api import KEY, pages, rows


@dlt.resource(name="completions", write_disposition={"disposition": "merge", "strategy": "upsert"}, primary_key=list(KEY))
def completions() -> Iterator[list[dict[str, Any]]]:
    """Yield a list of rows for each page."""
    for page in pages():
        yield list(rows(page.json()))


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
