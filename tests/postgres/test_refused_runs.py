"""Runs that are refused, by this side or by the vendor: nothing is written, with any command."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest

from meterhouse.admin_keys import AdminKey, Organization
from meterhouse.errors import FixConfiguration, MeterhouseError, TryAgainLater
from meterhouse.load.directory import sync_directory

from .fingerprints import row_counts, writes
from .loaded_organization import LABEL, LoadedOrganization, organization


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("command", ["sync", "backfill", "directory"])
@pytest.mark.parametrize("fault", ["a wrong key", "an unreachable host", "a redirect", "no permission"])
def test_a_refused_run_writes_nothing(acme: LoadedOrganization, command: str, fault: str) -> None:
    wrong = {"organizations": (organization(acme.server, LABEL),)}
    expected: type[MeterhouseError] = FixConfiguration
    if fault == "a wrong key":
        wrong["organizations"] = (Organization(LABEL, AdminKey("sk-admin-this-is-another-one"), acme.server.base_url),)
    elif fault == "an unreachable host":
        wrong["organizations"] = (Organization(LABEL, AdminKey(acme.server.admin_key), f"http://127.0.0.1:{closed_port()}/v1"),)
        expected = TryAgainLater
    elif fault == "a redirect":
        acme.server.fail_next(1, kind="redirect")
    else:
        acme.server.fail_next(1, status=403)
    url = acme.warehouse.superuser_url
    before = writes(url)
    run = {
        "sync": lambda: acme.sync(**wrong).raise_first(),
        "backfill": lambda: acme.backfill(acme.today - timedelta(days=3), acme.today, **wrong).raise_first(),
        "directory": lambda: sync_directory(acme.settings(**wrong), clock=acme.fake.clock.now),
    }[command]
    with pytest.raises(expected) as refused:
        run()
    assert "\n" not in str(refused.value)
    assert row_counts(url) == {}
    assert writes(url) == before
    # The fault is everybody's, so no other endpoint was asked.
    assert len(acme.server.requests) <= 1


def test_settings_that_lack_a_key_or_name_an_unknown_endpoint_are_refused_before_anything_is_asked(acme: LoadedOrganization) -> None:
    with pytest.raises(FixConfiguration, match="OPENAI_ADMIN_KEY is not set"):
        acme.sync(organizations=())
    with pytest.raises(FixConfiguration, match="unknown endpoint 'emails'"):
        acme.sync(["emails"])
    assert acme.server.requests == []
    assert row_counts(acme.warehouse.superuser_url) == {}
