"""What both ways of dlt share: one resource, merged into its table by key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import dlt
from usage_api import KEY


def merge(pages: Iterator[Any]) -> None:
    """Run a pipeline over `pages`: lists of dicts, or Arrow tables."""
    pipeline = dlt.pipeline(
        pipeline_name=os.environ["SCHEMA"],
        destination=dlt.destinations.postgres(os.environ["DATABASE_URL"]),
        dataset_name=os.environ["SCHEMA"],
        pipelines_dir=os.environ["STATE_FOLDER"],
    )
    by_key = {"write_disposition": {"disposition": "merge", "strategy": "upsert"}, "primary_key": list(KEY)}
    pipeline.run(dlt.resource(pages, name="completions", **by_key)).raise_on_failed_jobs()
