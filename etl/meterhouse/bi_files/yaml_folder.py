"""A folder of YAML files that holds exactly what a tool's module makes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meterhouse.bi_files import as_yaml
from meterhouse.checkout import folder_beside
from meterhouse.export.output import HANDED_ON, write_whole


def hold_exactly(folder: Path, files: Mapping[str, Any]) -> None:
    """Rewrite every file, by path below `folder`; of the checkout's own folder remove YAML files that are no longer made."""
    wanted = {folder / path: content for path, content in files.items()}
    # In a folder that somebody named there may be files of theirs.
    if folder.resolve().is_relative_to(folder_beside("bi")):
        for stale in set(folder.rglob("*.yaml")) - set(wanted):
            stale.unlink()
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(as_yaml(content).encode(), path, HANDED_ON)
