"""Control totals: a vendor that cannot be asked, or not for everything, and what `meterhouse check` says then."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.admin_keys import AdminKey, Organization
from meterhouse.checks.warehouse_checks import run_warehouse_checks
from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.queries import Capabilities

from .doctored_vendor import ago, ask, asked_vendor, doctor, figures, ungrouped
from .loaded_organization import NOW, LoadedOrganization, midnight, organization, served


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def kept(loaded: LoadedOrganization) -> list[str]:
    return [row[0] for row in loaded.query("SELECT check_name FROM ops.check_results ORDER BY check_result_id")]


def test_a_vendor_that_cannot_be_reached_is_an_error_after_the_results_of_the_warehouse_are_kept(small: LoadedOrganization) -> None:
    doctor(small, ungrouped("/completions", ago(2), lambda row: row.update(num_model_requests=0)))
    assert not ask(small).is_ok
    earlier = kept(small)
    away = Organization("acme", AdminKey(small.server.admin_key), f"http://127.0.0.1:{closed_port()}/v1")
    run_warehouse_checks(small.settings(organizations=(away,)), clock=lambda: NOW)
    with pytest.raises(TryAgainLater, match="cannot be reached"):
        asked_vendor(small.settings(organizations=(away,)), clock=lambda: NOW)
    names = [result.check.name for result in run_warehouse_checks(small.settings(), clock=lambda: NOW)]
    assert kept(small)[len(earlier) :] == names * 2
    # What was found before is not taken back by an answer that never came.
    assert small.read("SELECT is_ok FROM bi.checks WHERE check_name = 'control_totals'") == [(False,)]


def test_the_fault_of_one_endpoint_leaves_the_others_alone_and_their_findings_are_kept(small: LoadedOrganization) -> None:
    doctor(small, ungrouped("/completions", ago(2), lambda row: row.update(num_model_requests=0)))
    small.query(f"UPDATE warehouse.costs SET amount = 0 WHERE bucket_start = '{ago(4)}T00:00Z'")
    right_before = small.query(f"SELECT sum(amount) FROM warehouse.costs WHERE bucket_start = '{ago(4)}T00:00Z'")
    small.server.fail_next(status=503, path_contains="/images")
    with pytest.raises(TryAgainLater, match="503"):
        ask(small)
    assert small.read("SELECT is_ok, finding_count FROM bi.checks WHERE check_name = 'control_totals'") == [(False, 1)]
    assert small.query(f"SELECT sum(amount) FROM warehouse.costs WHERE bucket_start = '{ago(4)}T00:00Z'") > right_before


def test_an_endpoint_that_was_there_and_is_not_found_now_is_asked_again_later(small: LoadedOrganization) -> None:
    small.fake.offers = Capabilities(absent_endpoints=("images",))
    with pytest.raises(TryAgainLater, match="acme/images was there and is not found now"):
        ask(small)
    assert small.query("SELECT is_supported FROM ops.capabilities WHERE endpoint = 'images' AND capability = 'endpoint'") == [(True,)]


def test_an_organization_without_a_key_is_not_asked_and_none_at_all_is_said(small: LoadedOrganization, warehouse: Warehouse) -> None:
    with served(FakeOrganization(NOW, scale=0.2, seed=8), warehouse, "globex") as other:
        other.defaults |= small.defaults
        other.sync().raise_first()
        other.forget_requests()
        warehouse_rows = "UPDATE warehouse.usage_completions SET input_tokens = 0"
        small.query(warehouse_rows)
        assert "acme/completions" in (ask(small).detail or "")
        assert "globex" not in (ask(small).detail or "")
        assert other.server.requests == []
        both = small.settings(organizations=(organization(small.server), organization(other.server, "globex")))
        results = {result.check.name: result for result in asked_vendor(both, clock=lambda: NOW)}
        assert "globex/completions" in (results["control_totals"].detail or "")
    before = kept(small)
    run_warehouse_checks(small.settings(organizations=()), clock=lambda: NOW)
    with pytest.raises(FixConfiguration, match="OPENAI_ADMIN_KEY is not set: set it, or run meterhouse check --offline"):
        asked_vendor(small.settings(organizations=()), clock=lambda: NOW)
    assert kept(small)[: len(before)] == before
    assert len(kept(small)) > len(before)


def test_a_wrong_key_of_one_organization_does_not_keep_the_next_from_being_asked(small: LoadedOrganization, warehouse: Warehouse) -> None:
    with served(FakeOrganization(NOW, scale=0.2, seed=8), warehouse, "globex") as other:
        other.defaults |= small.defaults
        other.sync().raise_first()
        other.query("UPDATE warehouse.usage_images SET images = images + 1 WHERE bucket_width = 1440")
        wrong = Organization("acme", AdminKey("sk-admin-somebody-elses"), small.server.base_url)
        before = figures(other, "usage_images")
        with pytest.raises(FixConfiguration, match="refuses the admin key"):
            asked_vendor(small.settings(organizations=(wrong, organization(other.server, "globex"))), clock=lambda: NOW)
        assert figures(other, "usage_images") != before
        assert len(small.server.requests) == 1, "a refused key is refused for every endpoint"


def test_an_answer_that_never_came_says_nothing_about_the_vendor_s_clock(small: LoadedOrganization) -> None:
    def ours() -> datetime:
        # Ten minutes go by while the first answer is on its way.
        return NOW + timedelta(minutes=10 * min(1, len(small.server.requests)))

    small.server.fail_next(kind="reset", path_contains="/images")
    with pytest.raises(TryAgainLater):
        asked_vendor(small.settings(endpoints=("completions", "images")), clock=ours)
    assert small.read("SELECT is_ok FROM bi.checks WHERE check_name = 'clock_skew_vendor'") == [(True,)]


def test_the_offline_run_asks_nobody(small: LoadedOrganization) -> None:
    assert "control_totals" not in {result.check.name for result in run_warehouse_checks(small.settings(), clock=lambda: NOW)}
    assert small.server.requests == []


# -- the command ----------------------------------------------------------------------------------------------------------------------


def test_the_command_prints_what_the_warehouse_says_before_it_asks_the_vendor(warehouse: Warehouse, tmp_path: Path) -> None:
    with served(FakeOrganization(scale=0.2), warehouse) as acme:
        first = acme.today - timedelta(days=5)
        acme.sync(["completions"], history_start=midnight(first), hourly_history_days=1).raise_first()
        environment = {
            "PATH": os.environ["PATH"],
            **{name: text for name, text in os.environ.items() if name.startswith("COVERAGE_")},
            "METERHOUSE_HOME": str(tmp_path),
            "METERHOUSE_HISTORY_START": str(first),
            "METERHOUSE_HTTP_RETRIES": "0",
            "WAREHOUSE_URL": warehouse.loader_url,
            "OPENAI_ADMIN_KEY_ACME": acme.server.admin_key,
            "OPENAI_BASE_URL": acme.server.base_url,
        }

        def check(*options: str, **changes: str) -> tuple[int, list[str], str]:
            command = [sys.executable, "-m", "meterhouse", "check", *options]
            done = subprocess.run(command, env=environment | changes, capture_output=True, text=True, check=False, timeout=60)
            asking = "      asking the vendor for totals to compare with; --offline skips this"
            lines = done.stdout.splitlines()
            assert lines.count(asking) == ("--offline" not in options)
            return done.returncode, [line for line in lines if line != asking], done.stderr

        of_vendor = ["ok    clock_skew_vendor: nothing found", "ok    control_totals: nothing found"]
        status, lines, errors = check()
        assert (status, lines[-2:], errors) == (0, of_vendor, "")
        of_warehouse = lines[:-2]
        acme.forget_requests()
        assert check("--offline") == (0, of_warehouse, "")
        assert acme.server.requests == []

        status, lines, errors = check(OPENAI_BASE_URL=f"http://127.0.0.1:{closed_port()}/v1")
        assert (status, lines) == (1, of_warehouse)
        assert errors.startswith("meterhouse: 127.0.0.1:")
        assert errors.count("\n") == 1

        yesterday = acme.today - timedelta(days=1)

        def without_totals(_: str, dimensions: list[str], buckets: list[dict[str, Any]]) -> None:
            for bucket in buckets if not dimensions else ():
                bucket["results"] = []

        doctor(acme, without_totals)
        status, lines, errors = check()
        assert (status, errors) == (1, "")
        found = next(line for line in lines if "control_totals" in line)
        assert found.startswith("fail  control_totals: ")
        assert f"acme/completions on {yesterday}: input_tokens " in found
        # The next line says what that means.
        assert lines[lines.index(found) + 1].startswith("      A complete day of the last 3 for usage")
