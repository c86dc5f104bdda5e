"""A small Singer tap: a schema and a record for each row, on standard output, for any target."""

from __future__ import annotations

import json
import sys

from usage_api import FIGURES, KEY, pages, rows

STREAM = "completions"


def kind(name: str) -> dict[str, object]:
    """Return the JSON schema of a field."""
    if name == "bucket_start":
        return {"type": "string", "format": "date-time"}
    if name == "batch":
        return {"type": "boolean"}
    return {"type": ["null", "integer"]} if name in FIGURES else {"type": "string"}


def main() -> None:
    """Write every message."""
    properties = {name: kind(name) for name in (*KEY, *FIGURES)}
    schema = {"type": "SCHEMA", "stream": STREAM, "schema": {"properties": properties}, "key_properties": list(KEY)}
    sys.stdout.write(json.dumps(schema) + "\n")
    for page in pages():
        for row in rows(page.json()):
            record = row | {"bucket_start": row["bucket_start"].isoformat()}
            sys.stdout.write(json.dumps({"type": "RECORD", "stream": STREAM, "record": record}) + "\n")


if __name__ == "__main__":
    main()
