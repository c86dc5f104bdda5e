"""`python -m meterhouse.bi_files.superset`: rewrite the bundle's files, or make the file to import."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from meterhouse.bi_files.files import folder_of
from meterhouse.bi_files.superset.bundling import ADDRESS, USER, bundle, write


def main(arguments: Sequence[str]) -> None:
    """Write the sources, or with `--zip` the file to import."""
    parser = argparse.ArgumentParser(prog="python -m meterhouse.bi_files.superset")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder to write the sources to (default: the checkout's)")
    parser.add_argument("--zip", type=Path, metavar="FILE", help="make the file to import instead of writing the sources")
    parser.add_argument("--warehouse", default=ADDRESS, metavar="HOST:PORT/DATABASE", help="as Superset's server sees it")
    parser.add_argument("--user", default=USER, help="reader that Superset connects as; its password is given to Superset's server")
    options = parser.parse_args(arguments)
    if options.zip is None:
        write(folder_of("superset", options.out))
    else:
        bundle(options.zip, options.warehouse, options.user)
