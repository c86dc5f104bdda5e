"""Labels: what the organizations are called in the warehouse. Pure."""

from __future__ import annotations

import re

DEFAULT_LABEL = "default"
DEMO_LABEL = "demo"
LABEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def is_label(text: str) -> bool:
    """Whether an organization may have this label; what looks like a key is none, as labels are shown."""
    return bool(LABEL.fullmatch(text)) and not text.startswith("sk-")
