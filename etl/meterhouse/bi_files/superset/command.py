"""`python -m meterhouse.bi_files.superset`: write the bundle's files anew, or make the file to import."""

from __future__ import annotations

import argparse
from pathlib import Path

from meterhouse.bi_files.superset.bundling import ADDRESS, bundle, write


def main(arguments: list[str]) -> int:
    """Write the sources, or with `--zip` the file to import; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m meterhouse.bi_files.superset")
    parser.add_argument("--zip", type=Path, metavar="FILE", help="make the file to import instead of rewriting the sources")
    parser.add_argument("--warehouse", default=ADDRESS, metavar="HOST:PORT/DATABASE", help="as Superset's server sees it")
    options = parser.parse_args(arguments)
    if options.zip is None:
        write()
        return 0
    try:
        bundle(options.zip, options.warehouse)
    except ValueError as error:
        parser.error(str(error))
    return 0
