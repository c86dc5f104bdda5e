"""Fixtures of the tests that kill parts of a running stack; the figures that they measure are printed at the end."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest

from .figures import FIGURES
from .redis_server import PROGRAM

Say = Callable[[str], None]


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Say:
    """Keep a line for the end of the session."""
    lines = request.config.stash.setdefault(FIGURES, [])
    return lambda line: lines.append(f"{request.node.name}: {line}")


@pytest.fixture(scope="session")
def celery_and_redis() -> None:
    """What the CeleryExecutor needs on this machine."""
    if PROGRAM is None:
        pytest.skip("redis-server is not installed (on Debian: apt-get install redis-server)")
    if importlib.util.find_spec("airflow.providers.celery") is None:
        pytest.skip("Airflow's Celery provider is not installed: run make install-cluster")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured."""
    if lines := config.stash.get(FIGURES, []):
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)
