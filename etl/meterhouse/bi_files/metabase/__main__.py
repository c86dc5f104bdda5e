"""Rewrite the files of bi/metabase."""

from __future__ import annotations

from meterhouse.bi_files.files import command_without_address
from meterhouse.bi_files.metabase.serialization import write

if __name__ == "__main__":
    command_without_address("metabase", write)
