"""Write the files of bi/metabase anew."""

from __future__ import annotations

from meterhouse.bi_files.metabase.serialization import write

if __name__ == "__main__":
    write()
