"""The bundle: its files as they are checked in, and the zip that Superset imports as often as one likes.

The bundle holds no password: Superset's server gets it as PGPASSWORD.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

from meterhouse.bi_files import as_yaml
from meterhouse.bi_files.files import Address
from meterhouse.bi_files.questions import QUESTIONS
from meterhouse.bi_files.superset.charts import chart
from meterhouse.bi_files.superset.dashboard import SLUG, dashboard
from meterhouse.bi_files.superset.datasets import dataset, dataset_name
from meterhouse.bi_files.superset.identity import DATABASE, VERSION, identifier
from meterhouse.bi_files.yaml_folder import hold_exactly
from meterhouse.errors import FixConfiguration

ADDRESS = "localhost:5432/meterhouse"
USER = Address().user
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
        "sqlalchemy_uri": f"postgresql+psycopg2://{USER}@{ADDRESS}",
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


def write(folder: Path) -> None:
    """Rewrite every file in `bundle` of the folder, and remove those that are no longer made."""
    hold_exactly(folder / "bundle", files())


def bundle(out: Path, address: str = ADDRESS, user: str = USER) -> None:
    """Zip the bundle for the warehouse at `address` (host:port/database) and the reader `user`; no password is in it.

    Raises `FixConfiguration` for an address or a name of another form.
    """
    if not re.fullmatch(r"[A-Za-z0-9_]+", user):
        raise FixConfiguration(f"{user!r} is not the name of a reader: give the one that meterhouse create-reader made")
    if not re.fullmatch(r"[A-Za-z0-9.\[\]:-]+:[0-9]+/[A-Za-z0-9_-]+", address):
        raise FixConfiguration(
            f"{address!r} is not an address of a warehouse: write it as db.example.com:5432/meterhouse, without user or password"
        )
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for path, content in sorted(files().items()):
            text = as_yaml(content)
            made.writestr(
                f"{_TOP}/{path}", text.replace(f"{USER}@{ADDRESS}", f"{user}@{address}") if path.startswith("databases/") else text
            )
