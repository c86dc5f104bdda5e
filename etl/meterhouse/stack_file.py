"""`stack.json` in METERHOUSE_HOME: where the local stack listens, so that a second terminal finds it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE_NAME = "stack.json"


@dataclass(frozen=True)
class StackFile:
    """Addresses of the local stack. The URLs carry passwords, so the file is readable only by its owner."""

    admin_url: str | None = None
    loader_url: str | None = None
    reader_url: str | None = None
    fake_api_url: str | None = None
    fake_api_key: str | None = None
    airflow_url: str | None = None

    @classmethod
    def read(cls, home: Path) -> StackFile:
        """Return what the last `meterhouse up` wrote; all fields are None when it never ran here."""
        path = home / FILE_NAME
        if not path.exists():
            return cls()
        known = {field: value for field, value in json.loads(path.read_text()).items() if field in cls.__dataclass_fields__}
        return cls(**known)

    def write(self, home: Path) -> None:
        """Replace the file in one step."""
        home.mkdir(parents=True, exist_ok=True)
        draft = home / f"{FILE_NAME}.draft"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
            json.dump(asdict(self), handle, indent=1)
        draft.replace(home / FILE_NAME)
