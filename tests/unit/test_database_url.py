"""Addresses of databases: what drivers would cut at another place is refused, and nothing of it is repeated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from meterhouse.database_url import postgres_url
from meterhouse.errors import FixConfiguration
from meterhouse.settings import load_settings

GOOD = [
    "postgresql://loader:p%40ss%2Fword%25@db.example.com:5432/warehouse",
    "postgresql://loader:a:b@db/warehouse",
    "postgresql://loader@[::1]:5432/warehouse?sslmode=require&sslrootcert=/etc/ca.pem",
    "postgresql://db/warehouse?user=loader&password=p%26q",
    "postgresql://u:p@%2Fvar%2Frun/warehouse",
    "postgresql://u:p@ep.example.com/d?options=endpoint%3Dep-1",
]
SECRETS = [
    "S3cr3t@zwei",
    "a@zwei@b",
    "a/zwei",
    "1/zwei",
    "a?zwei",
    "1?zwei",
    "a#zwei",
    "a%zwei",
    "zwei%",
    "%zzwei",
    "zw ei",
    "a%00zwei",
    "zwei\\@x",
    "1/zw?ei=a",
]


@pytest.mark.parametrize("url", GOOD)
def test_what_is_written_as_drivers_read_it_is_taken(url: str) -> None:
    assert postgres_url(url) == url
    assert conninfo_to_dict(url)["dbname"] in {"warehouse", "d"}


@pytest.mark.parametrize("variable", ["WAREHOUSE_URL", "METERHOUSE_MIGRATE_URL", "METERHOUSE_AIRFLOW_DB_URL"])
@pytest.mark.parametrize("secret", SECRETS)
def test_a_password_that_is_not_encoded_is_one_line_that_says_how_and_repeats_nothing(variable: str, secret: str) -> None:
    for host in ("127.0.0.1:9", "db"):
        with pytest.raises(FixConfiguration, match="%40 %2F %3F %23 %25") as refused:
            load_settings({variable: f"postgresql://odd:{secret}@{host}/wh"})
        assert "zw" not in str(refused.value)
        assert "odd" not in str(refused.value)


@given(st.text(st.characters(codec="ascii"), min_size=1, max_size=12))
def test_a_password_reaches_the_driver_whole_or_not_at_all(password: str) -> None:
    try:
        url = postgres_url(f"postgresql://loader:{password}@db:5432/warehouse")
    except ValueError:
        return
    read = conninfo_to_dict(url)
    assert (read["user"], read["host"], str(read["port"]), read["dbname"]) == ("loader", "db", "5432", "warehouse")


def test_settings_show_no_address_of_a_database() -> None:
    names = ("WAREHOUSE_URL", "METERHOUSE_MIGRATE_URL", "METERHOUSE_AIRFLOW_DB_URL")
    assert "geheim" not in repr(load_settings(dict.fromkeys(names, "postgresql://u:geheim@h/d")))
