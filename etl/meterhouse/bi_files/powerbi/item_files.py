"""What every item of a Power BI project has: JSON that names its schema, and a .platform file that tells what it is."""

from __future__ import annotations

import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

NAME = "meterhouse"
SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric"


def platform(kind: str) -> str:
    """Return the .platform file of a semantic model or a report."""
    # Never changes, so that a workspace that is synchronised with git knows it again.
    logical = str(uuid5(NAMESPACE_URL, f"meterhouse/{kind}"))
    return as_json({
        "$schema": f"{SCHEMAS}/gitIntegration/platformProperties/2.0.0/schema.json",
        "metadata": {"type": kind, "displayName": NAME}, "config": {"version": "2.0", "logicalId": logical},
    })  # fmt: skip


def as_json(content: Any) -> str:
    """Return a file's content as JSON."""
    return json.dumps(content, indent=2) + "\n"
