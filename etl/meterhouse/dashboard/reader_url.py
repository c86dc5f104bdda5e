"""Which address the dashboard reads from: the local stack's reader, or a given warehouse."""

from __future__ import annotations

from meterhouse.errors import FixConfiguration
from meterhouse.settings import Settings
from meterhouse.stack_file import StackFile


def reader_url(settings: Settings) -> str:
    """Return the reader's address. Raises `FixConfiguration` when there is no warehouse."""
    stack = StackFile.read(settings.home)
    # A warehouse that was named wins over a stack that ran here once.
    if stack.reader_url and settings.warehouse_url in {None, stack.loader_url, stack.reader_url}:
        return stack.reader_url
    if settings.warehouse_url is None:
        raise FixConfiguration(
            "there is no warehouse here: run make up, or set WAREHOUSE_URL to one, as a member of meterhouse_reader or of a team's role"
        )
    return settings.warehouse_url
