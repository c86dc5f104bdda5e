"""Run the command of the Superset bundle."""

from __future__ import annotations

import sys

from meterhouse.bi_files.superset.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
