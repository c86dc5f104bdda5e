"""Settings of nothing but the variables that a test gives."""

from __future__ import annotations

import pytest

from meterhouse.settings import load_settings

KEY = "sk-admin-settings-test-0123456789"
OTHER_KEY = "sk-admin-settings-test-abcdefghij"
SECRET = "hunter2hunter2"


@pytest.fixture
def load(tmp_path):
    """Load settings only from the given variables, with an empty folder for local state."""
    return lambda **environment: load_settings({"METERHOUSE_HOME": str(tmp_path), **environment})
