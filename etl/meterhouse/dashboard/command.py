"""`meterhouse dashboard`: from settings to a server, or one line that says what is missing."""

from __future__ import annotations

import importlib.util
import sys

from meterhouse.dashboard.reader_url import reader_url
from meterhouse.dashboard.sharing import sharing
from meterhouse.errors import FixConfiguration
from meterhouse.ports import LOOPBACK, require_free
from meterhouse.settings import Settings


def serve_dashboard(settings: Settings, port: int, host: str = LOOPBACK) -> None:
    """Serve until the process is stopped. Raises `FixConfiguration` without a warehouse, the extra, a free port, or a lock on the door."""
    if any(importlib.util.find_spec(name) is None for name in ("dash", "waitress")):
        raise FixConfiguration("the dashboard is not installed here: run make install, or pip install 'meterhouse[dashboard]'")
    shared = sharing(settings, host)
    url = reader_url(settings)
    require_free(port, "the dashboard", "METERHOUSE_DASHBOARD_PORT")
    from meterhouse.dashboard.server import serve  # noqa: PLC0415  # Dash takes a second to import

    sys.stdout.write(f"dashboard on http://{f'[{host}]' if ':' in host else host}:{port}\n")
    sys.stdout.flush()
    serve(url, port, shared)
