"""Figures that a test has measured, said at the end of the session."""

from __future__ import annotations

import pytest

FIGURES = pytest.StashKey[list[str]]()
