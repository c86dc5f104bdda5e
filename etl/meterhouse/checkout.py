"""The checkout that the package runs from, if it does, and the folder for local state."""

from __future__ import annotations

import os
from pathlib import Path

import meterhouse

PACKAGE = Path(meterhouse.__file__).resolve().parent


def checkout() -> Path | None:
    """Return the top folder of the checkout, or None for an installed package, whatever the folders around it are called."""
    # Only a wheel has the migrations inside; `pip install --target` may put it below somebody's own pyproject.toml and bi/.
    return None if (PACKAGE / "migrations").exists() else PACKAGE.parents[1]


def folder_beside(name: str) -> Path:
    """Return a folder, such as `dags`, that a checkout has at its top and an installed package inside."""
    return (checkout() or PACKAGE) / name


def default_home() -> Path:
    """Return the folder for local state: `.meterhouse` in a checkout, the user's state folder for an installed package."""
    if top := checkout():
        return top / ".meterhouse"
    return Path(os.environ.get("XDG_STATE_HOME", "~/.local/state")).expanduser() / "meterhouse"
