"""Imported days beside days of the API: what a load replaces, what it leaves, and what an import leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from meterhouse.errors import ConfirmToEmpty
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.load.sync import allocate

from .comparison import assert_equals_source
from .doctored_vendor import Change, doctor
from .fingerprints import places
from .imported_files import END, FIRST, Files, acme, assert_rows_equal_source_in_sum, covered, files, files_origin
from .loaded_organization import LoadedOrganization
from .saved_exports import COST_COLUMNS_2025, as_csv, costs_export, epoch, times

__all__ = ["acme", "files"]  # fixtures, which pytest finds by their names


def test_a_later_load_of_the_api_replaces_the_days_of_a_file_and_that_is_no_restatement(acme: LoadedOrganization, files: Files) -> None:
    columns = [name for name in COST_COLUMNS_2025 if name not in {"project_id", "line_item"}]
    text = costs_export(acme.fake, FIRST, END, columns=columns)
    files.costs(files.write("cost_2026-03-02_2026-03-08.csv", text))
    # A total of the organization: a row per day, which says no more than that.
    assert acme.read("SELECT count(*), count(project_id), count(line_item), count(api_key_id) FROM bi.costs_daily") == [(7, 0, 0, 0)]
    assert_rows_equal_source_in_sum(acme)
    acme.backfill(FIRST, END, ["costs"]).raise_first()
    assert_equals_source(acme, FIRST, END, ["costs"])
    assert acme.read("SELECT DISTINCT origin FROM bi.coverage WHERE endpoint = 'costs'") == [("api",)]
    assert acme.read("SELECT count(*) > 0, bool_or(is_restatement) FROM bi.revisions") == [(True, False)]
    assert covered(acme)[0][1:4] == ("loaded", "settled", "api")


def first_load(loaded: LoadedOrganization, only: str = "costs", **options: Any) -> None:
    """The first load of the schedule, which begins with the year of the files."""
    loaded.sync([only], history_start=datetime(2026, 1, 1, tzinfo=UTC), **options).raise_first()


def without_rows_before(end: date) -> Change:
    """The vendor does not reach further back than `end`, and says nothing of it."""

    def change(path: str, dimensions: list[str], answered: list[dict[str, Any]]) -> None:
        for bucket in answered:
            if bucket["start_time"] < epoch(end):
                bucket["results"] = []

    return change


def test_the_first_load_after_an_import_replaces_the_days_that_it_has_rows_of(acme: LoadedOrganization, files: Files) -> None:
    files.costs(files.write("cost_2026-03-02_2026-03-08.csv", costs_export(acme.fake, FIRST, END)))
    first_load(acme)
    assert_equals_source(acme, FIRST, END, ["costs"])
    assert acme.read("SELECT DISTINCT origin FROM bi.coverage WHERE endpoint = 'costs'") == [("api",)]


# The vendor reaches back into the month of the file, to its fifth day; or not as far as that month.
@pytest.mark.parametrize("reached", [date(2026, 3, 7), date(2026, 6, 1)])
def test_imported_days_of_which_the_api_has_nothing_stay_and_are_named_and_the_load_goes_on(
    acme: LoadedOrganization, files: Files, caplog: pytest.LogCaptureFixture, reached: date
) -> None:
    path = files.write("cost_2026-03-02_2026-03-08.csv", costs_export(acme.fake, FIRST, END))
    files.costs(path)
    stood = acme.query("SELECT f.* FROM warehouse.costs f WHERE bucket_start < %s ORDER BY 1, 2, 3", (reached,))
    doctor(acme, without_rows_before(reached))
    first_load(acme)
    kept = min(reached, END) - timedelta(days=1)
    origin = files_origin(acme)
    # A window of the load begins on the fourth.
    spans = [(FIRST, date(2026, 3, 3)), (date(2026, 3, 4), kept)]
    assert [message for message in caplog.messages if "imported from" in message] == [
        f"acme/costs/1d: the vendor answers nothing for {(last - first).days + 1} days between {first} and {last}, imported from {origin}:"
        " what was imported stays; if the vendor is right, remove it by meterhouse backfill --force for these days"
        for first, last in spans
    ]
    assert acme.query("SELECT f.* FROM warehouse.costs f WHERE bucket_start < %s ORDER BY 1, 2, 3", (reached,)) == stood
    kept_days = acme.read("SELECT min(usage_date), max(usage_date) FROM bi.coverage WHERE endpoint = 'costs' AND origin = %s", [origin])
    assert kept_days == [(FIRST, kept)]
    assert_equals_source(acme, date(2026, 6, 1), acme.fake.clock.now().date(), ["costs"])
    acme.backfill(FIRST, END, ["costs"], force=True).raise_first()
    assert acme.read("SELECT DISTINCT origin FROM bi.coverage WHERE endpoint = 'costs'") == [("api",)]


def test_days_of_the_api_beside_imported_ones_are_still_emptied_only_by_force(acme: LoadedOrganization, files: Files) -> None:
    files.costs(files.write("cost_2026-03-02_2026-03-08.csv", costs_export(acme.fake, FIRST, END)))
    acme.backfill(END, END + timedelta(days=1), ["costs"]).raise_first()
    doctor(acme, without_rows_before(date(2026, 6, 1)))
    with pytest.raises(ConfirmToEmpty, match="--force"):
        first_load(acme)


def test_the_same_grouping_from_the_api_is_no_restatement_either(acme: LoadedOrganization, files: Files) -> None:
    wrong = [times(epoch(FIRST), epoch(FIRST) + 86400, has_rows=True) | {"amount_value": "1.5", "amount_currency": "usd"}]
    project = next(iter(acme.fake.roster.projects))
    rows = [row | {"line_item": "gpt-5-nano, input", "project_id": project, "api_key_id": "key_gone"} for row in wrong]
    files.costs(files.write("cost_2026-03-02_2026-03-02.csv", as_csv((*rows[0],), rows)))
    acme.backfill(FIRST, FIRST + timedelta(days=1), ["costs"]).raise_first()
    assert_equals_source(acme, FIRST, FIRST + timedelta(days=1), ["costs"])
    found = "SELECT change, old_value, is_restatement FROM bi.revisions WHERE metric = 'amount'"
    assert acme.read(found) == [("removed", Decimal("1.5"), False)]


def test_days_of_the_api_are_left_alone_counted_and_named(acme: LoadedOrganization, files: Files) -> None:
    acme.backfill(FIRST + timedelta(days=2), FIRST + timedelta(days=4), ["costs"]).raise_first()
    stood = acme.query("SELECT f.* FROM warehouse.costs f ORDER BY 1, 2, 3")
    text = costs_export(acme.fake, FIRST, END, group_by=("project_id", "line_item"), columns=COST_COLUMNS_2025)
    path = files.write("cost_2026-03-02_2026-03-08.csv", text.replace(",usd,", ",USD,"))
    said = files.costs(path)
    assert "  costs: stores 5 days, 2026-03-02 to 2026-03-03, 2026-03-06 to 2026-03-08" in said
    assert "  costs: covered by the API, left as it is: 2 days, 2026-03-04 to 2026-03-05" in said
    assert set(stood) <= set(acme.query("SELECT f.* FROM warehouse.costs f"))
    by_origin = acme.read("SELECT usage_date, left(origin, 5) FROM bi.coverage ORDER BY 1")
    assert [origin for _, origin in by_origin] == ["file:", "file:", "api", "api", "file:", "file:", "file:"]
    # Never doubled: on each day there is one set of rows, of one grouping.
    assert_rows_equal_source_in_sum(acme)
    assert acme.read("SELECT max(n) FROM (SELECT count(DISTINCT source_grouping) n FROM bi.costs_daily GROUP BY usage_date) g") == [(1,)]


class Meanwhile:
    """An organization during whose first answer something else happens."""

    def __init__(self, fake: FakeOrganization, happens: Callable[[], None]) -> None:
        self.fake = fake
        self.happens = [happens]

    def answer(self, request: Request) -> Answer:
        while self.happens:
            self.happens.pop()()
        return self.fake.answer(request)


def test_a_load_of_the_api_that_began_before_the_import_still_wins(acme: LoadedOrganization, files: Files) -> None:
    path = files.write("cost_x.csv", costs_export(acme.fake, FIRST, END, columns=COST_COLUMNS_2025))
    said: list[str] = []
    acme.server.application = Meanwhile(acme.fake, lambda: said.extend(files.costs(path)))
    acme.backfill(FIRST, END, ["costs"]).raise_first()
    assert said[-1].startswith("imported 1 file: 7 days")
    assert_equals_source(acme, FIRST, END, ["costs"])
    assert {row[3] for row in covered(acme)} == {"api"}


def test_a_closed_month_stays_whatever_file_comes(acme: LoadedOrganization, files: Files) -> None:
    path = files.write("cost_2026-03-02_2026-03-08.csv", costs_export(acme.fake, FIRST, END, columns=COST_COLUMNS_2025))
    files.costs(path)
    acme.query("UPDATE ops.coverage SET finality = 'invoiced'")
    allocate(acme.settings())
    stood = places(acme.warehouse.superuser_url)
    assert files.costs(path)[-1].startswith("imported 1 file: nothing changes")
    finer = files.costs(files.write("finer.csv", costs_export(acme.fake, FIRST, END)))
    assert "  costs: covered by another file, left as it is: 7 days, 2026-03-02 to 2026-03-08" in finer
    assert places(acme.warehouse.superuser_url) == stood
