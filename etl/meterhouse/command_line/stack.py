"""The stack: the commands that run the parts of it on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from meterhouse.settings import Settings


def up(settings: Settings, _: argparse.Namespace) -> int:
    """Start everything on this machine."""
    from meterhouse.local.up import up

    return up(settings)


def down(settings: Settings, _: argparse.Namespace) -> int:
    """Stop what `up` started."""
    from meterhouse.local.down import down

    return down(settings)


def fake_api(settings: Settings, options: argparse.Namespace) -> int:
    """Serve the invented organization."""
    from meterhouse.fake_openai import run

    run(
        options.port or settings.fake_api_port,
        seed=options.seed,
        now=options.now,
        replay=options.replay,
        admin_key=os.environ.get("METERHOUSE_FAKE_API_KEY"),
        control=True,
        absent=tuple(name.strip() for name in options.absent.split(",") if name.strip()),
    )
    return 0
