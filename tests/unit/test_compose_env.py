"""The file of settings for docker-compose.yml: secrets drawn once and shown to nobody, and nothing that a person wrote is changed."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from meterhouse.local.compose_env import CannotWrite, filled_in, values_of, write_env
from meterhouse.local.compose_job import PASSWORDS, checked_passwords

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "etl" / "meterhouse" / "local" / "compose_env.py"
EXAMPLE = (ROOT / ".env.example").read_text()
KEY = "sk-admin-of-a-test-0123456789"
# What a person may want to leave empty.
OPTIONAL = {
    "OPENAI_ADMIN_KEY",
    "METERHOUSE_HISTORY_START",
    "METERHOUSE_ORGANIZATIONS",
    "METERHOUSE_WEEKLY_REPORT_DIR",
    "METERHOUSE_MONTHLY_REPORT_DIR",
    "AIRFLOW_CONN_METERHOUSE_ALERTS",
    "AIRFLOW_CONN_METERHOUSE_ALERTS_MAIL",
    "AIRFLOW_CONN_METERHOUSE_REPORT_MAIL",
    "METERHOUSE_DASHBOARD_IDENTITY_HEADER",
    "METERHOUSE_DASHBOARD_PROXIES",
    "METERHOUSE_DASHBOARD_FRAME_ANCESTORS",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".env.example").write_text(EXAMPLE)
    return tmp_path


def test_every_secret_is_drawn_and_only_what_is_optional_stays_empty(folder: Path) -> None:
    write_env(folder, {})
    values = values_of((folder / ".env").read_text())
    assert {name for name, value in values.items() if not value} == OPTIONAL
    assert set(values) == set(values_of(EXAMPLE))
    drawn = [values[name] for name, value in values_of(EXAMPLE).items() if not value and name not in OPTIONAL]
    assert len(drawn) > 10
    assert len(set(drawn)) == len(drawn)


def test_two_checkouts_draw_different_secrets() -> None:
    first, second = values_of(filled_in(EXAMPLE, "", {})), values_of(filled_in(EXAMPLE, "", {}))
    assert not {name for name in set(PASSWORDS.values()) | {"AIRFLOW_FERNET_KEY"} if first[name] == second[name]}


def test_the_passwords_are_ones_that_the_migrate_job_takes() -> None:
    assert set(checked_passwords(values_of(filled_in(EXAMPLE, "", {})))) == set(PASSWORDS)


def test_the_keys_have_the_length_that_airflow_asks_for() -> None:
    values = values_of(filled_in(EXAMPLE, "", {}))
    assert len(base64.urlsafe_b64decode(values["AIRFLOW_FERNET_KEY"])) == 32
    assert len(values["AIRFLOW_JWT_SECRET"].encode()) >= 64
    assert len(values["METABASE_ENCRYPTION_KEY"]) >= 16


def test_metabases_password_has_a_digit_however_the_rest_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meterhouse.local.compose_env.secrets.token_urlsafe", lambda _=None: "letters-alone")
    values = values_of(filled_in(EXAMPLE, "", {}))
    assert values["METERHOUSE_LOADER_PASSWORD"] == "letters-alone"
    assert values["METERHOUSE_METABASE_PASSWORD"][:-1] == "letters-alone"
    assert values["METERHOUSE_METABASE_PASSWORD"][-1].isdigit()


def test_only_its_owner_can_read_it_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0)
    try:
        write_env(folder, {})
    finally:
        os.umask(before)
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in folder.iterdir()} == {".env.example", ".env"}


def test_a_second_run_changes_nothing(folder: Path) -> None:
    write_env(folder, {"OPENAI_ADMIN_KEY": KEY})
    before = ((folder / ".env").read_bytes(), (folder / ".env").stat().st_mtime_ns)
    assert write_env(folder, {"OPENAI_ADMIN_KEY": f"{KEY}-another"}).endswith("is complete")
    assert ((folder / ".env").read_bytes(), (folder / ".env").stat().st_mtime_ns) == before


def test_a_file_that_others_can_read_is_closed_to_them(folder: Path) -> None:
    write_env(folder, {})
    (folder / ".env").chmod(0o644)
    write_env(folder, {})
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600


def test_what_a_person_wrote_stays_and_a_newer_versions_variables_come_with_their_comments(folder: Path) -> None:
    mine = (
        "# mine\nMETERHOUSE_WORKERS=6\nexport OPENAI_BASE_URL = 'https://proxy.example.com/v1'\nOF_MY_OWN=x\nMETERHOUSE_LOADER_PASSWORD=\n"
    )
    (folder / ".env").write_text(mine)
    write_env(folder, {})
    text = (folder / ".env").read_text()
    assert text.startswith(mine.removesuffix("METERHOUSE_LOADER_PASSWORD=\n"))
    values = values_of(text)
    assert (values["METERHOUSE_WORKERS"], values["OPENAI_BASE_URL"]) == ("6", "'https://proxy.example.com/v1'")
    assert values["METERHOUSE_LOADER_PASSWORD"]
    assert set(values) == set(values_of(EXAMPLE)) | {"OF_MY_OWN"}
    assert "# Metabase's own database.\nMETERHOUSE_METABASE_DB_PASSWORD=" in text


@pytest.mark.parametrize("empty", ['""', "''", "  ", " # the loader's"])
def test_a_secret_that_compose_would_see_as_empty_is_drawn(empty: str) -> None:
    values = values_of(filled_in(EXAMPLE, f"METERHOUSE_LOADER_PASSWORD={empty}\n", {}))
    checked_passwords(values)


def test_of_two_lines_about_one_secret_the_last_counts() -> None:
    values = values_of(filled_in(EXAMPLE, "METERHOUSE_LOADER_PASSWORD=\nMETERHOUSE_LOADER_PASSWORD=written-by-a-person\n", {}))
    assert values["METERHOUSE_LOADER_PASSWORD"] == "written-by-a-person"


def test_the_callers_key_is_written_where_there_is_none(folder: Path) -> None:
    assert "OPENAI_ADMIN_KEY is empty" in write_env(folder, {})
    assert "OPENAI_ADMIN_KEY" not in write_env(folder, {"OPENAI_ADMIN_KEY": KEY})
    assert values_of((folder / ".env").read_text())["OPENAI_ADMIN_KEY"] == KEY


@pytest.mark.parametrize("bad", ['sk-admin-"quoted"-0123456789', "sk-admin-$HOME-0123456789", "sk-admin-a\\b-0123456789", "pasted wrongly"])
def test_a_key_that_would_break_the_file_or_the_json_is_refused_and_not_shown(folder: Path, bad: str) -> None:
    with pytest.raises(CannotWrite, match="OPENAI_ADMIN_KEY") as refused:
        write_env(folder, {"OPENAI_ADMIN_KEY": bad})
    assert bad not in str(refused.value)
    assert not (folder / ".env").exists()


def test_outside_of_a_checkout_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="checkout"):
        write_env(tmp_path, {})


def test_it_runs_before_anything_is_installed_and_prints_no_secret(tmp_path: Path) -> None:
    place = tmp_path / "etl" / "meterhouse" / "local"
    place.mkdir(parents=True)
    (place / SCRIPT.name).write_text(SCRIPT.read_text())
    (tmp_path / ".env.example").write_text(EXAMPLE)
    # Isolated and without site-packages: only the standard library.
    command = [sys.executable, "-I", "-S", str(place / SCRIPT.name)]
    done = subprocess.run(command, env={"OPENAI_ADMIN_KEY": KEY}, capture_output=True, text=True, check=True, timeout=60)
    values = values_of((tmp_path / ".env").read_text())
    assert values["OPENAI_ADMIN_KEY"] == KEY
    assert f"{len([value for value in values.values() if value])} values written" in done.stdout
    secret = [value for name, value in values.items() if value and not values_of(EXAMPLE)[name]]
    assert len(secret) > 10
    assert not [value for value in secret if value in done.stdout + done.stderr]


def test_a_mistake_is_one_line_and_status_2(tmp_path: Path) -> None:
    place = tmp_path / "etl" / "meterhouse" / "local"
    place.mkdir(parents=True)
    (place / SCRIPT.name).write_text(SCRIPT.read_text())
    done = subprocess.run([sys.executable, str(place / SCRIPT.name)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
