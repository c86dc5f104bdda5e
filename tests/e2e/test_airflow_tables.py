"""Airflow's own tables are made beside other work; a migration that fails is one line, and none is left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.conftest import Warehouse

from meterhouse.errors import TryAgainLater
from meterhouse.local.airflow import MIGRATE, Airflow
from meterhouse.local.children import Children, recorded

pytestmark = pytest.mark.airflow
NOWHERE = "postgresql+psycopg2://nobody:nothing@127.0.0.1:1/none"


@pytest.fixture
def airflow(tmp_path: Path, empty_database: Warehouse) -> Airflow:
    """An Airflow whose database is empty, and whose commands are given an address where there is none."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.fspath(tmp_path),
        "AIRFLOW_HOME": os.fspath(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": NOWHERE,
    }
    return Airflow(tmp_path, Children(tmp_path), environment, empty_database.superuser_url)


def test_a_migration_that_fails_names_its_log_and_is_begun_again(airflow: Airflow) -> None:
    assert airflow.begin_migration()
    with pytest.raises(TryAgainLater, match=rf"airflow db migrate failed: see .*{MIGRATE}\.log$"):
        airflow.finish_migration()
    assert "127.0.0.1" in (airflow.home / "logs" / f"{MIGRATE}.log").read_text()
    assert recorded(airflow.home) == []
    # Nothing is begun: nothing to wait for.
    airflow.finish_migration()
    assert airflow.begin_migration()
    airflow.stop()
    assert recorded(airflow.home) == []
