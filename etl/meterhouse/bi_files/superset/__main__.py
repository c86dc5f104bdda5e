"""Run the command of the Superset bundle."""

from __future__ import annotations

from meterhouse.bi_files.files import run
from meterhouse.bi_files.superset.command import main

if __name__ == "__main__":
    run(main)
