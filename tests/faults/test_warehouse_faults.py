"""The warehouse refuses a row, a lock or a right amid a load: the old rows stay, one line says what to do, the next run heals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from tests.postgres.comparison import assert_equals_source
from tests.postgres.fingerprints import places
from tests.postgres.loaded_organization import LoadedOrganization

from meterhouse.errors import FixConfiguration, MeterhouseError, TryAgainLater
from meterhouse.warehouse import session

FACTS = ("warehouse.usage_web_search_calls", "ops.coverage", "ops.revisions", "ops.load_log")
ENDPOINTS = ("web_search_calls",)
RAISING = """
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF nextval('public.rows_written') >= 3 THEN RAISE EXCEPTION 'as a test wants it' USING ERRCODE = '{}'; END IF;
    RETURN NEW;
END $$;
CREATE SEQUENCE public.rows_written;
GRANT ALL ON SEQUENCE public.rows_written TO PUBLIC;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON warehouse.usage_web_search_calls FOR EACH ROW EXECUTE FUNCTION public.refuse();
"""
NO_MORE = "DROP FUNCTION public.refuse() CASCADE; DROP SEQUENCE public.rows_written"


@contextmanager
def changed(loaded: LoadedOrganization, change: str, back: str) -> Iterator[None]:
    """Something about the database is different in the context."""
    with psycopg.connect(loaded.warehouse.superuser_url, autocommit=True) as superuser:
        superuser.execute(change.encode())
        try:
            yield
        finally:
            superuser.execute(back.encode())


@pytest.fixture
def grown(acme: LoadedOrganization) -> LoadedOrganization:
    """Loaded once; since then a day has gone by and the days before it were restated."""
    acme.defaults |= {"endpoints": ENDPOINTS, "widths": ("1d",)}
    acme.sync().raise_first()
    acme.advance(days=1)
    acme.fake.restate(1)
    return acme


def assert_heals(loaded: LoadedOrganization) -> None:
    loaded.sync().raise_first()
    assert_equals_source(loaded, loaded.today.replace(day=1), loaded.today + timedelta(days=1), ENDPOINTS)


def refusal(loaded: LoadedOrganization) -> MeterhouseError:
    """Sync what cannot be stored, see that no figure has changed, and return the first error."""
    before = places(loaded.warehouse.superuser_url, FACTS)
    with pytest.raises(MeterhouseError) as caught:
        loaded.sync().raise_first()
    assert places(loaded.warehouse.superuser_url, FACTS) == before
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("53100", marks=pytest.mark.fault(50), id="disk full"),
        pytest.param("40P01", marks=pytest.mark.fault(51), id="deadlock"),
        pytest.param("40001", marks=pytest.mark.fault(53), id="serialization failure"),
        pytest.param("53200", id="out of memory"),
        pytest.param("57P01", id="shut down"),
    ],
)
def test_an_error_from_the_third_row_on_leaves_the_window_alone(grown: LoadedOrganization, code: str) -> None:
    with changed(grown, RAISING.format(code), NO_MORE):
        assert isinstance(refusal(grown), TryAgainLater)
    assert_heals(grown)


@pytest.mark.fault(52)
def test_a_row_that_somebody_else_holds_is_waited_for_and_then_left_for_later(
    grown: LoadedOrganization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(session._SETTINGS, "lock_timeout", "300ms")
    with psycopg.connect(grown.warehouse.superuser_url) as holder:
        holder.execute("SELECT FROM ops.watermarks FOR UPDATE")
        assert isinstance(refusal(grown), TryAgainLater)
    assert_heals(grown)


@pytest.mark.fault(59)
def test_a_right_that_is_missing_is_named(grown: LoadedOrganization) -> None:
    revoked = "REVOKE INSERT, UPDATE ON warehouse.usage_web_search_calls FROM meterhouse_loader"
    given = "GRANT INSERT, UPDATE ON warehouse.usage_web_search_calls TO meterhouse_loader"
    with changed(grown, revoked, given):
        error = refusal(grown)
        assert isinstance(error, FixConfiguration)
        assert "meterhouse_loader" in str(error) or "usage_web_search_calls" in str(error)
    assert_heals(grown)
