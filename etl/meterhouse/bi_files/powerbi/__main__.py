"""Rewrite the files of bi/powerbi."""

from __future__ import annotations

from meterhouse.bi_files.files import command
from meterhouse.bi_files.powerbi.project import files

if __name__ == "__main__":
    command("powerbi", files)
