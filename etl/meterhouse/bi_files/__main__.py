"""`python -m meterhouse.bi_files`: write the files of every BI tool; in a checkout first the list of columns, which all are made of."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from meterhouse.bi_files import columns, dbt, grafana, tableau
from meterhouse.bi_files.files import folder_of, run, write
from meterhouse.bi_files.metabase import serialization
from meterhouse.bi_files.powerbi import project
from meterhouse.bi_files.superset import bundling


def main(arguments: Sequence[str]) -> None:
    """Write everything below the checkout's `bi`, or below a folder that is given."""
    words = argparse.ArgumentParser(prog="python -m meterhouse.bi_files", description="Write the files of every BI tool.")
    words.add_argument("--out", type=Path, metavar="FOLDER", help="folder to write to (default: the checkout's bi)")
    out = words.parse_args(arguments).out

    def of(tool: str) -> Path:
        folder = folder_of(tool, out / tool if out else None)
        # Said before it is written, as it may take a while.
        sys.stdout.write(f"writing {folder}\n")
        sys.stdout.flush()
        return folder

    if out is None:
        folder_of("columns", None)
        sys.stdout.write("reading the columns of all views, on a temporary server\n")
        sys.stdout.flush()
        columns.main([])
    write(of("powerbi"), project.files())
    write(of("tableau"), tableau.files())
    serialization.write(of("metabase"))
    bundling.write(of("superset"))
    grafana.write_into(of("grafana"))
    dbt.write_into(of("dbt"))


if __name__ == "__main__":
    run(main)
