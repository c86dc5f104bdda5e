"""Files and folders that have the mode they need, whatever the umask."""

from __future__ import annotations

import os
from pathlib import Path


def make_folder(path: Path, mode: int) -> None:
    """Create `path` with `mode` and its parents open to enter; an existing folder is left as it is."""
    if path.is_dir():
        return
    make_folder(path.parent, 0o755)
    path.mkdir(exist_ok=True)
    path.chmod(mode)


def write_private(path: Path, text: str) -> None:
    """Replace `path` in one step by a file that only its owner can read."""
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
    draft.replace(path)
