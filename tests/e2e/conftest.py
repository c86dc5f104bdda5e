"""What a fresh .env says."""

from __future__ import annotations

import pytest

from meterhouse.local.compose_env import filled_in, values_of

from .compose_file import EXAMPLE


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    """The variables of a fresh .env, with a key."""
    return values_of(filled_in(EXAMPLE, "", {"OPENAI_ADMIN_KEY": "sk-admin-of-a-test-0123456789"}))
