"""Secrets are drawn once, kept private and shown by no repr."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from meterhouse.errors import FixConfiguration
from meterhouse.local.compose_job import PASSWORDS, checked_passwords
from meterhouse.local.secrets_file import Secrets


def test_they_are_drawn_once_and_readable_only_by_the_owner(tmp_path: Path) -> None:
    first = Secrets.load(tmp_path / "home")
    assert Secrets.load(tmp_path / "home") == first
    assert (tmp_path / "home" / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert Secrets.load(tmp_path / "other") != first


def test_one_that_is_missing_is_drawn_and_the_others_stay(tmp_path: Path) -> None:
    first = Secrets.load(tmp_path)
    path = tmp_path / "secrets.json"
    known = asdict(first)
    del known["postgres_reader"]
    path.write_text(json.dumps(known | {"of_a_later_version": "x"}))
    second = Secrets.load(tmp_path)
    assert second.postgres_reader != first.postgres_reader
    assert replace(second, postgres_reader=first.postgres_reader) == first


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Secrets.load(tmp_path)
    (tmp_path / "secrets.json").chmod(0o644)
    with pytest.raises(FixConfiguration, match="chmod 600"):
        Secrets.load(tmp_path)


def test_they_are_strong_enough_for_what_they_are_for() -> None:
    secrets = Secrets()
    assert len(base64.urlsafe_b64decode(secrets.airflow_fernet_key)) == 32
    # Shorter ones make Airflow warn.
    assert len(secrets.airflow_jwt_secret.encode()) >= 64
    assert secrets.fake_api_key.startswith("sk-admin-")


def test_no_repr_shows_one() -> None:
    secrets = Secrets()
    assert not [value for value in asdict(secrets).values() if value in repr(secrets)]


def test_airflow_finds_its_password(tmp_path: Path) -> None:
    secrets = Secrets.load(tmp_path)
    path = secrets.write_airflow_passwords(tmp_path)
    assert json.loads(path.read_text()) == {"admin": secrets.airflow_admin}
    assert path.stat().st_mode & 0o777 == 0o600


STRONG = {variable: f"{number}-abcdefghijkl-mnop" for number, variable in enumerate(PASSWORDS.values())}


def test_the_compose_job_takes_strong_passwords() -> None:
    assert set(checked_passwords(STRONG)) == set(PASSWORDS)


@pytest.mark.parametrize("weak", ["", "airflow", "a" * 30, "with space and 'quote'", "short-1234"])
@pytest.mark.parametrize("variable", PASSWORDS.values())
def test_the_compose_job_refuses_weak_ones_by_name(variable: str, weak: str) -> None:
    with pytest.raises(FixConfiguration, match=variable):
        checked_passwords(STRONG | {variable: weak})


def test_the_compose_job_refuses_one_password_for_two() -> None:
    with pytest.raises(FixConfiguration, match="differ"):
        checked_passwords(dict.fromkeys(PASSWORDS.values(), "0-abcdefghijkl-mnop"))
