"""`make clean`: stop the stack of METERHOUSE_HOME and delete its server's data, wherever it had to be put."""

from __future__ import annotations

import contextlib
import os
import sys

from meterhouse.errors import FixConfiguration
from meterhouse.local.databases import embedded_server
from meterhouse.local.down import down, server_may_run
from meterhouse.local.secrets_file import Secrets
from meterhouse.settings import load_settings


def clean() -> int:
    """Stop everything and delete the embedded server's data."""
    # Nothing else matters here, so a bad setting does not get in the way.
    settings = load_settings({"METERHOUSE_HOME": os.environ.get("METERHOUSE_HOME", "")})
    down(settings)
    if server_may_run(settings.home):
        with contextlib.suppress(FixConfiguration):
            embedded_server(settings, Secrets.load(settings.home)).remove()
    return 0


if __name__ == "__main__":
    sys.exit(clean())
