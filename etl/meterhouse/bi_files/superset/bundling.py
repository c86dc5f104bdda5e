"""The bundle: its files as they are checked in, and the zip that Superset imports as often as one likes.

The bundle holds no password: Superset's server gets it as PGPASSWORD.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

from meterhouse.bi_files.files import CHECKED_IN
from meterhouse.bi_files.questions import QUESTIONS
from meterhouse.bi_files.superset.charts import chart
from meterhouse.bi_files.superset.dashboard import SLUG, dashboard
from meterhouse.bi_files.superset.datasets import dataset, dataset_name
from meterhouse.bi_files.superset.identity import DATABASE, VERSION, identifier
from meterhouse.bi_files.yaml_folder import hold_exactly

FILES = CHECKED_IN / "superset" / "bundle"
ADDRESS = "localhost:5432/meterhouse"
# The one folder at the top of the zip.
_TOP = "meterhouse"


def files() -> dict[str, dict[str, Any]]:
    """Return the bundle's files: path below its top folder, and content."""
    datasets = sorted({dataset_name(question) for question in QUESTIONS})
    folder = DATABASE.replace(" ", "_")
    return {
        "metadata.yaml": {"version": VERSION, "type": "Dashboard", "timestamp": "2026-01-01T00:00:00+00:00"},
        f"databases/{folder}.yaml": _database(),
        **{f"datasets/{folder}/{name}.yaml": dataset(name) for name in datasets},
        **{f"charts/{question.name}.yaml": chart(question) for question in QUESTIONS},
        f"dashboards/{SLUG.replace('-', '_')}.yaml": dashboard(),
    }


def _database() -> dict[str, Any]:
    return {
        "database_name": DATABASE,
        "sqlalchemy_uri": f"postgresql+psycopg2://meterhouse_reader@{ADDRESS}",
        "cache_timeout": None,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        # Without it the import fails.
        "extra": {},
        "uuid": identifier("database", DATABASE),
        "version": VERSION,
    }


def write(folder: Path = FILES) -> None:
    """Write every file anew, and remove those that are no longer made."""
    hold_exactly(folder, files())


def bundle(out: Path, address: str = ADDRESS, folder: Path = FILES) -> None:
    """Zip the bundle for the warehouse at `address` (host:port/database). Raises `ValueError` for an address of another form."""
    if not re.fullmatch(r"[A-Za-z0-9.\[\]:-]+:[0-9]+/[A-Za-z0-9_-]+", address):
        raise ValueError(
            f"{address!r} is not an address of a warehouse: write it as db.example.com:5432/meterhouse, without user or password"
        )
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for path in sorted(folder.rglob("*.yaml")):
            text = path.read_text(encoding="utf-8")
            if path.parent.name == "databases":
                text = text.replace(f"@{ADDRESS}", f"@{address}")
            made.writestr(f"{_TOP}/{path.relative_to(folder).as_posix()}", text)
