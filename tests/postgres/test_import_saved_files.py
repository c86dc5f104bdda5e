"""Files that people saved: file total and warehouse total agree to the last decimal, and days of the API are never touched."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import COMPLETIONS, ENDPOINTS, HOUR, MINUTE, USAGE, Endpoint
from meterhouse.errors import ConfirmToEmpty, FixConfiguration
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.imports.saved_files import Chosen, import_files

from .comparison import assert_equals_source
from .doctored_vendor import Change, doctor
from .fingerprints import places
from .loaded_organization import LABEL, NOW, LoadedOrganization, served
from .saved_exports import (
    COST_COLUMNS_2025,
    COST_COLUMNS_2026,
    OLD_COST_COLUMNS,
    as_csv,
    billed_rows,
    billing_usage,
    buckets,
    costs_export,
    empty_export,
    epoch,
    sum_of,
    times,
    usage_dump,
    usage_export,
)

# Long before what the schedule loads.
FIRST, END = date(2026, 3, 2), date(2026, 3, 9)
ORGANIZATION_OF = "SELECT vendor_organization_id FROM warehouse.dim_organization"
COVERAGE = "SELECT usage_date, status, finality, origin, row_count, source_grouping FROM bi.coverage WHERE endpoint = %s ORDER BY 1"


@pytest.fixture
def acme(warehouse: Warehouse) -> Iterator[LoadedOrganization]:
    """An invented organization that was never loaded."""
    with served(FakeOrganization(NOW, scale=0.2), warehouse) as loaded:
        yield loaded


class Files:
    """Writes files and imports them as the organization's own clock has it."""

    def __init__(self, folder: Path, loaded: LoadedOrganization) -> None:
        self.folder = folder
        self.loaded = loaded

    def write(self, name: str, content: str | dict[str, Any] | list[Any], saved_at: datetime | None = None) -> Path:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        instant = (saved_at or self.loaded.now).timestamp()
        os.utime(path, (instant, instant))
        return path

    def bring(self, is_costs: bool, *paths: Path, **options: Any) -> list[str]:
        settings = {name: options.pop(name) for name in ("exclude_dimensions",) if name in options}
        chosen = Chosen(is_costs, **options)
        return list(import_files(self.loaded.settings(**settings), paths, chosen, clock=self.loaded.fake.clock.now))

    def costs(self, *paths: Path, **options: Any) -> list[str]:
        return self.bring(True, *paths, **options)

    def usage(self, *paths: Path, **options: Any) -> list[str]:
        return self.bring(False, *paths, **options)


@pytest.fixture
def files(tmp_path: Path, acme: LoadedOrganization) -> Files:
    return Files(tmp_path, acme)


def billed(loaded: LoadedOrganization) -> Decimal:
    return Decimal(loaded.read("SELECT sum(cost_exact::numeric) FROM bi.costs_daily")[0][0])


def test_the_export_of_costs_is_stored_to_the_last_decimal_and_equals_what_the_api_says(acme: LoadedOrganization, files: Files) -> None:
    text = costs_export(acme.fake, FIRST, END)
    said = files.costs(files.write("cost_2026-03-02_2026-03-08.csv", text))
    with localcontext(prec=90):
        total = sum_of(text, "amount_value")
        assert billed(acme) == total
    assert f", {total.normalize():f} usd" in said[-1]
    assert said[-1].startswith("imported 1 file: 7 days, 2026-03-02 to 2026-03-08, ")
    assert_equals_source(acme, FIRST, END, ["costs"])
    assert acme.read("SELECT DISTINCT origin, source_grouping FROM bi.costs_daily") == [
        (files_origin(acme), "project_id,api_key_id,line_item")
    ]
    assert acme.query(ORGANIZATION_OF) == [(acme.fake.roster.organization_id,)]
    # Nothing that a schedule goes by has moved.
    assert acme.query("SELECT watermark, loaded_from FROM ops.watermarks") == [(None, None)]
    assert acme.query("SELECT count(*) FROM ops.bucket_totals") == [(0,)]


def files_origin(loaded: LoadedOrganization) -> str:
    (origin,) = loaded.query("SELECT DISTINCT 'file:' || left(parameters ->> 'sha256', 12) FROM ops.run_log WHERE command LIKE 'import%'")
    return str(origin[0])


def covered(loaded: LoadedOrganization, endpoint: str = "costs") -> list[tuple[Any, ...]]:
    return loaded.read(COVERAGE, [endpoint])


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


def assert_rows_equal_source_in_sum(loaded: LoadedOrganization) -> None:
    truth = loaded.fake.truth("costs", FIRST, END, [])
    assert dict(loaded.read("SELECT usage_date, sum(cost_exact::numeric) FROM bi.costs_daily GROUP BY 1")) == {
        key[0]: figures["amount"] for key, figures in truth.items()
    }


def test_the_same_file_twice_changes_nothing_and_says_so(acme: LoadedOrganization, files: Files) -> None:
    text = costs_export(acme.fake, FIRST, END)
    path = files.write("cost_2026-03-02_2026-03-08.csv", text)
    files.costs(path)
    stood = places(acme.warehouse.superuser_url)
    said = files.costs(path)
    assert said[-1] == "imported 1 file: nothing changes, all of their days are as they were"
    assert "  costs: unchanged, left as it is: 7 days, 2026-03-02 to 2026-03-08" in said
    # A copy of it, under another name and younger.
    acme.advance(days=20)
    assert files.costs(files.write("copy.csv", text))[-1] == said[-1]
    assert places(acme.warehouse.superuser_url) == stood


def test_a_dry_run_says_the_same_and_writes_nothing(acme: LoadedOrganization, files: Files) -> None:
    path = files.write("cost_2026-03-02_2026-03-08.csv", costs_export(acme.fake, FIRST, END))
    copy = files.write("again.csv", path.read_text())
    stood = places(acme.warehouse.superuser_url)
    dry = files.costs(path, copy, dry_run=True)
    assert places(acme.warehouse.superuser_url) == stood
    done = files.costs(path, copy)
    assert [line.replace("would import", "imported").replace("would store", "stores") for line in dry] == done
    assert done[-1].startswith("imported 2 files: 7 days, ")


@pytest.mark.parametrize("endpoint", USAGE, ids=lambda one: one.name)
def test_the_export_of_every_usage_equals_what_the_api_says(endpoint: Endpoint, warehouse: Warehouse, tmp_path: Path) -> None:
    first, end = date(2026, 11, 2), date(2026, 11, 9)
    # A large organization: it uses everything.
    with served(FakeOrganization(NOW), warehouse) as large:
        text = usage_export(large.fake, endpoint, first, end)
        files = Files(tmp_path, large)
        files.usage(files.write(f"{endpoint.name}_usage_2026-11-02_2026-11-08.csv", text))
        for metric in endpoint.metrics:
            stored = large.query(f"SELECT sum({metric.name}) FROM warehouse.usage_{endpoint.name}")[0][0]
            assert stored == sum_of(text, metric.name), metric.name
            assert stored or not metric.required
        assert_equals_source(large, first, end, [endpoint.name])


@pytest.mark.parametrize("width", [HOUR, MINUTE], ids=lambda one: one.name)
def test_hours_and_minutes_are_added_up_to_days(width: Any, acme: LoadedOrganization, files: Files) -> None:
    end = FIRST + timedelta(days=2)
    files.usage(files.write("completions_usage_x.csv", usage_export(acme.fake, COMPLETIONS, FIRST, end, width=width)))
    assert_equals_source(acme, FIRST, end, ["completions"])
    assert [row[1:3] for row in covered(acme, "completions")] == [("loaded", "settled")] * 2


def test_a_day_of_which_the_file_has_only_some_minutes_is_incomplete(acme: LoadedOrganization, files: Files) -> None:
    end = FIRST + timedelta(days=2)
    lines = usage_export(acme.fake, COMPLETIONS, FIRST, end, width=MINUTE).splitlines()
    # From ten o'clock of the first day on.
    kept = [lines[0], *(line for line in lines[1:] if int(line.split(",")[0]) >= epoch(FIRST) + 36000)]
    said = files.usage(files.write("completions_usage_x.csv", "\n".join(kept)))
    assert [row[:3] for row in covered(acme, "completions")] == [
        (FIRST, "provisional", "open"),
        (FIRST + timedelta(days=1), "loaded", "settled"),
    ]
    assert "  completions: of them not whole, or not over when it was saved, so open: 1 day, 2026-03-02" in said
    assert acme.query("SELECT min(reported_start) FROM ops.coverage") == [(datetime(2026, 3, 2, 10, tzinfo=UTC),)]
    # Another file has all of the first day, and lacks a minute in the middle of the second.
    hole = epoch(FIRST) + 86400 + 7200
    holed = [line for line in lines if not line.startswith(str(hole))]
    assert len(holed) < len(lines)
    said = files.usage(files.write("completions_usage_y.csv", "\n".join(holed)))
    assert "  completions: covered by another file, left as it is: 1 day, 2026-03-03" in said
    assert [row[1:3] for row in covered(acme, "completions")] == [("loaded", "settled")] * 2
    assert_equals_source(acme, FIRST, end, ["completions"])


def test_an_older_export_of_costs_and_its_json_become_the_same_rows(acme: LoadedOrganization, files: Files) -> None:
    rows = billed_rows(acme.fake, FIRST, END)
    total = sum((Decimal(row["cost_in_major"]) for row in rows), Decimal(0))
    said = files.costs(files.write("cost-2026-03-02-2026-03-09.csv", as_csv(OLD_COST_COLUMNS, rows)))
    assert said[0].startswith(
        "cost-2026-03-02-2026-03-09.csv: an older export of costs, saved 2026-11-20, for acme, 2026-03-02 to 2026-03-08, "
    )
    assert billed(acme) == total
    assert_rows_equal_source_in_sum(acme)
    stood = acme.read("SELECT usage_date, project_id, line_item, cost_exact FROM bi.costs_daily ORDER BY 1, 2, 3")
    # The JSON of the same export says it in another file: these days are covered.
    exported = {"object": "list", "data": rows}
    assert files.costs(files.write("export.json", exported))[-1].startswith("imported 1 file: nothing changes")
    acme.query("DELETE FROM warehouse.costs")
    acme.query("DELETE FROM ops.coverage")
    # Without cost_in_major the cents say as much.
    for row in rows:
        del row["cost_in_major"]
    files.costs(files.write("cents.json", exported))
    assert acme.read("SELECT usage_date, project_id, line_item, cost_exact FROM bi.costs_daily ORDER BY 1, 2, 3") == stood


def test_cents_of_the_retired_billing_answer_become_dollars_exactly(acme: LoadedOrganization, files: Files) -> None:
    answer = billing_usage(acme.fake, FIRST, END)
    files.costs(files.write("billing.json", answer))
    assert billed(acme) == Decimal(answer["total_usage"]).scaleb(-2)
    assert_rows_equal_source_in_sum(acme)
    assert acme.read("SELECT count(*) FROM bi.costs_daily WHERE cost = 0 OR project_id IS NOT NULL") == [(0,)]
    one = {"object": "list", "daily_costs": [{"timestamp": epoch(date(2023, 5, 1)), "line_items": [{"name": "Chat models", "cost": 1.46}]}]}
    files.costs(files.write("one.json", one | {"total_usage": 1.46}), organization=LABEL)
    found = "SELECT cost_exact, currency, line_item, category, origin LIKE 'file:%%' FROM bi.costs_daily WHERE usage_date < '2024-01-01'"
    assert acme.read(found) == [("0.0146", "usd", "Chat models", "text_tokens", True)]


def test_a_day_dump_of_the_retired_usage_becomes_that_day_of_every_endpoint(acme: LoadedOrganization, files: Files) -> None:
    dump = usage_dump(acme.fake, FIRST)
    said = files.usage(files.write("usage.json", dump | {"ft_data": [{"job": 1}, {"job": 2}]}))
    assert "  ft_data has 2 rows whose fields are not known: they are in no figure" in said
    sums = "sum(input_tokens), sum(output_tokens), sum(input_cached_tokens), sum(num_model_requests)"
    tokens = [row for row in dump["data"] if row["operation"] == "completion"]
    names = ("n_context_tokens_total", "n_generated_tokens_total", "n_cached_context_tokens_total", "n_requests")
    assert acme.query(f"SELECT {sums} FROM warehouse.usage_completions") == [tuple(sum(int(row[name]) for row in tokens) for name in names)]
    truth = acme.fake.truth("completions", FIRST, FIRST + timedelta(days=1), ["project_id", "api_key_id", "model", "batch"])
    columns = "project_id, api_key_id, model_reported, is_batch, input_tokens, requests"
    day = acme.read(f"SELECT {columns} FROM bi.usage_daily WHERE endpoint = 'completions'")
    assert {row[:4]: row[4:] for row in day} == {
        key[1:]: (known["input_tokens"], known["num_model_requests"]) for key, known in truth.items()
    }
    for endpoint in ("embeddings", "images", "audio_transcriptions"):
        (metric, *_) = ENDPOINTS[endpoint].metrics
        known = acme.fake.truth(endpoint, FIRST, FIRST + timedelta(days=1), [])
        assert acme.query(f"SELECT sum({metric.name}) FROM warehouse.usage_{endpoint}") == [
            (sum(figures[metric.name] for figures in known.values()) or None,)
        ]
    states = dict(acme.read("SELECT endpoint, status FROM bi.coverage"))
    assert set(states) == {"completions", "embeddings", "images", "audio_transcriptions", "audio_speeches"}
    assert set(states.values()) <= {"loaded", "empty"}


def test_an_empty_export_covers_its_days_and_has_no_row(acme: LoadedOrganization, files: Files) -> None:
    text = empty_export(FIRST, 7)
    assert files.costs(files.write("cost_2026-03-02_2026-03-08.csv", text), organization=LABEL)[-1] == (
        "imported 1 file: 7 days, 2026-03-02 to 2026-03-08, 0 rows"
    )
    assert {row[1:3] for row in covered(acme)} == {("empty", "settled")}
    files.usage(files.write("embeddings_usage_2026-03-02_2026-03-08.csv", text))
    assert len(covered(acme, "embeddings")) == 7
    assert acme.read("SELECT count(*) FROM bi.costs_daily") == [(0,)]
    with pytest.raises(FixConfiguration, match="give it the name that it was saved under"):
        files.usage(files.write("export.csv", text))


def test_equal_dimensions_are_added_up_with_thirty_decimals(acme: LoadedOrganization, files: Files) -> None:
    amounts = ["0.000000000000000000000000000001", "1234567.000000000000000000000000000002", "-0.5"]
    start = epoch(FIRST)
    rows = [
        times(start, start + 86400, has_rows=True)
        | {"amount_value": amount, "amount_currency": "usd", "line_item": "gpt-5-nano, input_tokens", "organization_id": "org-x"}
        for amount in amounts
    ]
    files.costs(files.write("cost_2026-03-02_2026-03-02.csv", as_csv((*rows[0],), rows, delimiter="\t")))
    assert acme.read("SELECT cost_exact, model FROM bi.costs_daily") == [("1234566.500000000000000000000000000003", "gpt-5-nano")]
    requests = [
        times(start, start + 86400, has_rows=True) | {"num_model_requests": count, "input_tokens": count, "model": "text-embedding-3-small"}
        for count in ("8.0", "1.0")
    ]
    files.usage(files.write("embeddings_usage_2026-03-02_2026-03-02.csv", as_csv((*requests[0],), requests)), organization=LABEL)
    assert acme.read("SELECT requests FROM bi.usage_daily") == [(9,)]


def test_a_file_that_was_saved_too_early_is_provisional_until_a_later_one(acme: LoadedOrganization, files: Files) -> None:
    text = costs_export(acme.fake, FIRST, END)
    early = datetime(2026, 3, 8, 9, tzinfo=UTC)
    said = files.costs(files.write("early.csv", text, saved_at=early))
    assert [row[2] for row in covered(acme)] == ["settled"] * 4 + ["settling"] * 2 + ["open"]
    assert "  costs: of them saved too early to be final, so settling: 2 days, 2026-03-06 to 2026-03-07" in said
    assert acme.read("SELECT usage_date, is_complete FROM bi.costs_daily_by_project GROUP BY 1, 2 ORDER BY 1 DESC LIMIT 1") == [
        (date(2026, 3, 8), False)
    ]
    later = files.write("later.csv", text + "\n", saved_at=datetime(2026, 3, 20, tzinfo=UTC))
    said = files.costs(later)
    assert "  costs: stores 3 days, 2026-03-06 to 2026-03-08" in said
    assert "  costs: covered by another file, left as it is: 4 days, 2026-03-02 to 2026-03-05" in said
    assert {row[2] for row in covered(acme)} == {"settled"}
    # What somebody says about when it was saved counts, whatever the file system says.
    files.costs(later, saved_at=datetime(2026, 3, 9, tzinfo=UTC))
    assert [row[2] for row in covered(acme)] == ["settled"] * 5 + ["settling"] * 2


def test_of_two_files_the_finer_one_is_kept_whatever_the_order(acme: LoadedOrganization, files: Files) -> None:
    columns = [name for name in COST_COLUMNS_2025 if name != "line_item"]
    coarse = files.write("coarse.csv", costs_export(acme.fake, FIRST, END, columns=columns))
    fine = files.write("fine.csv", costs_export(acme.fake, FIRST, END))
    files.costs(coarse)
    files.costs(fine)
    assert {row[5] for row in covered(acme)} == {"project_id,api_key_id,line_item"}
    assert_equals_source(acme, FIRST, END, ["costs"])
    assert files.costs(coarse)[-1].startswith("imported 1 file: nothing changes")
    assert_equals_source(acme, FIRST, END, ["costs"])


@pytest.mark.parametrize("excluded", [(), ("user_id",)])
def test_addresses_are_kept_beside_the_row_and_dropped_where_users_are_excluded(
    excluded: tuple[str, ...], acme: LoadedOrganization, files: Files
) -> None:
    dump = usage_dump(acme.fake, FIRST)
    dump["data"][0] |= {"email": "who@example.com"}
    files.usage(files.write("usage.json", dump), exclude_dimensions=excluded)
    rows = next(buckets(acme.fake, COMPLETIONS, FIRST, FIRST + timedelta(days=1), ("project_id", "user_id")))[2]
    start = epoch(FIRST) + 86400
    named = [times(start, start + 86400, has_rows=True) | row | {"user_email": "else@example.com"} for row in rows]
    columns = [name for name in named[0] if name != "object"]
    files.usage(files.write("completions_usage_x.csv", as_csv(columns, named)), exclude_dimensions=excluded)
    files.costs(files.write("cost_x.csv", costs_export(acme.fake, FIRST, END)), exclude_dimensions=excluded)
    everything = str(acme.query("SELECT to_jsonb(t) FROM warehouse.usage_completions t")) + str(
        acme.query("SELECT to_jsonb(t) FROM warehouse.usage_images t UNION ALL SELECT to_jsonb(t) FROM warehouse.costs t")
    )
    assert ("@example.com" in everything) is (not excluded)
    assert ("who@example.com" in everything) is (not excluded)
    assert acme.read("SELECT count(user_id) > 0 FROM bi.usage_daily") == [(not excluded,)]


def test_a_file_of_another_organization_is_refused_and_nothing_is_written(acme: LoadedOrganization, files: Files) -> None:
    acme.backfill(END, END + timedelta(days=1), ["costs", "completions"]).raise_first()
    stood = places(acme.warehouse.superuser_url)
    other = FakeOrganization(NOW, seed=2, scale=0.2)
    costs = files.write("cost_other.csv", costs_export(other, FIRST, END))
    usage = files.write("completions_usage_other.csv", usage_export(other, COMPLETIONS, FIRST, END))
    ours = files.write("cost_ours.csv", costs_export(acme.fake, FIRST, END))
    with pytest.raises(FixConfiguration, match=f"cost_other.csv is of the organization {other.roster.organization_id}, and the label acme"):
        files.costs(ours, costs)
    with pytest.raises(FixConfiguration, match=r"none of its .* projects is known under the label acme"):
        files.usage(usage)
    mixed = costs_export(acme.fake, FIRST, END) + "".join(costs_export(other, FIRST, END).splitlines(keepends=True)[1:])
    with pytest.raises(FixConfiguration, match="rows of several organizations"):
        files.costs(files.write("mixed.csv", mixed))
    assert places(acme.warehouse.superuser_url) == stood


def test_a_misspelt_label_is_no_new_organization(acme: LoadedOrganization, files: Files) -> None:
    path = files.write("cost_x.csv", empty_export(FIRST, 2))
    with pytest.raises(FixConfiguration, match="no organization is called 'acem': give one of acme"):
        files.costs(path, organization="acem")
    assert acme.query("SELECT count(*) FROM warehouse.dim_organization") == [(0,)]


@pytest.mark.parametrize("line", [3, 40])
def test_one_bad_cell_is_one_line_and_nothing_is_stored(line: int, acme: LoadedOrganization, files: Files) -> None:
    rows = costs_export(acme.fake, FIRST, END).splitlines()
    cells = rows[line - 1].split(",")
    rows[line - 1] = ",".join([*cells[:4], "$1.50", *cells[5:]])
    good = files.write("cost_good.csv", costs_export(acme.fake, END, END + timedelta(days=1)))
    with pytest.raises(FixConfiguration) as told:
        files.costs(good, files.write("cost_bad.csv", "\n".join(rows)))
    assert str(told.value) == f"cost_bad.csv, line {line}: amount_value is '$1.50': write a plain number such as 0.0125"
    assert acme.query("SELECT count(*) FROM ops.coverage") == [(0,)]


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


def test_what_was_imported_is_allocated_to_the_last_digit(acme: LoadedOrganization, files: Files) -> None:
    files.costs(files.write("cost_2026-03-02_2026-03-08.csv", costs_export(acme.fake, FIRST, END)))
    files.usage(files.write("completions_usage_2026-03-02_2026-03-08.csv", usage_export(acme.fake, COMPLETIONS, FIRST, END)))
    by_line = "usage_date, project_id, line_item, sum(cost)"
    billed_lines = acme.read(f"SELECT {by_line} FROM bi.costs_daily GROUP BY 1, 2, 3 HAVING sum(cost) <> 0 ORDER BY 1, 2, 3")
    allocated = acme.read(f"SELECT {by_line} FROM bi.cost_allocation_daily GROUP BY 1, 2, 3 HAVING sum(cost) <> 0 ORDER BY 1, 2, 3")
    assert allocated == billed_lines
    # The usage of another file says whose the tokens were.
    assert acme.read("SELECT count(user_id) > 0 FROM bi.cost_allocation_daily") == [(True,)]


def test_a_closed_month_stays_whatever_file_comes(acme: LoadedOrganization, files: Files) -> None:
    path = files.write("cost_2026-03-02_2026-03-08.csv", costs_export(acme.fake, FIRST, END, columns=COST_COLUMNS_2025))
    files.costs(path)
    acme.query("UPDATE ops.coverage SET finality = 'invoiced'")
    stood = places(acme.warehouse.superuser_url)
    assert files.costs(path)[-1].startswith("imported 1 file: nothing changes")
    finer = files.costs(files.write("finer.csv", costs_export(acme.fake, FIRST, END)))
    assert "  costs: covered by another file, left as it is: 7 days, 2026-03-02 to 2026-03-08" in finer
    assert places(acme.warehouse.superuser_url) == stood


def test_an_export_by_user_is_also_the_bill_by_user_and_never_counted_twice(acme: LoadedOrganization, files: Files) -> None:
    columns = [name for name in COST_COLUMNS_2026 if name != "api_key_id"]
    text = costs_export(acme.fake, FIRST, END, group_by=("project_id", "user_id", "line_item"), columns=columns)
    acme.backfill(FIRST, FIRST + timedelta(days=2), ["costs"]).raise_first()
    said = files.costs(files.write("cost_2026-03-02_2026-03-08.csv", text))
    with localcontext(prec=90):
        total = sum_of(text, "amount_value")
    assert f" rows, {total.normalize():f} usd" in said[0]
    # A copy goes with its bill: on days that the API has covered there is none.
    assert "  costs_by_user: stores 5 days, 2026-03-04 to 2026-03-08" in said
    assert "  costs_by_user: covered by the API, left as it is: 2 days, 2026-03-02 to 2026-03-03" in said
    assert_rows_equal_source_in_sum(acme)
    # In costs, users of one project and line item are one row.
    counted = "SELECT count(*) FROM warehouse.{} WHERE bucket_start >= '2026-03-04T00:00Z'"
    assert acme.query(counted.format("costs_by_user")) > acme.query(counted.format("costs"))
    days = "SELECT usage_date, sum(cost_exact::numeric) FROM bi.{} WHERE usage_date >= '2026-03-04' GROUP BY 1 ORDER BY 1"
    assert acme.read(days.format("costs_by_user_daily")) == acme.read(days.format("costs_daily"))
    methods = acme.read("SELECT DISTINCT method FROM bi.cost_allocation_daily WHERE usage_date >= '2026-03-04'")
    assert ("billed_by_user",) in methods
    stood = places(acme.warehouse.superuser_url)
    assert files.costs(files.write("again.csv", text))[-1].startswith("imported 1 file: nothing changes")
    assert places(acme.warehouse.superuser_url) == stood


def test_of_several_organizations_a_file_finds_its_own_and_one_that_says_nothing_needs_the_label(
    acme: LoadedOrganization, files: Files, tmp_path: Path
) -> None:
    acme.backfill(END, END + timedelta(days=1), ["costs"]).raise_first()
    with served(FakeOrganization(NOW, seed=2, scale=0.2), acme.warehouse, "globex") as globex:
        globex.backfill(END, END + timedelta(days=1), ["costs"]).raise_first()
        theirs = Files(tmp_path, globex)
        costs = files.write("cost_theirs.csv", costs_export(globex.fake, FIRST, END))
        usage = files.write("completions_usage_theirs.csv", usage_export(globex.fake, COMPLETIONS, FIRST, END))
        nobodys = files.write("cost_2026-03-02.csv", empty_export(FIRST - timedelta(days=30), 2))
        both = acme.settings(organizations=(*acme.settings().organizations, *globex.settings().organizations))

        def bring(is_costs: bool, path: Path, label: str | None = None) -> list[str]:
            return list(import_files(both, [path], Chosen(is_costs, label), clock=acme.fake.clock.now))

        with pytest.raises(FixConfiguration, match="does not say which of acme, globex it belongs to: give it with --organization"):
            bring(True, nobodys)
        with pytest.raises(FixConfiguration, match="and the label acme holds"):
            bring(True, costs, "acme")
        with pytest.raises(FixConfiguration, match=r"is of the project proj_.*, and the label globex holds it"):
            bring(False, usage, "acme")
        assert "for globex" in bring(True, costs)[0]
        assert "for globex" in bring(False, usage)[0]
        assert "for acme" in bring(True, nobodys, "acme")[0]
        assert theirs.costs(costs)[-1].startswith("imported 1 file: nothing changes")
        assert_equals_source(globex, FIRST, END, ["costs", "completions"])
    assert acme.read("SELECT count(*) FROM bi.costs_daily WHERE organization = 'acme' AND usage_date < %s", [END]) == [(0,)]


def test_days_that_had_not_begun_when_a_file_was_saved_are_not_covered(acme: LoadedOrganization, files: Files) -> None:
    """An export of a month that is not over lists its last days too, empty."""
    begun = costs_export(acme.fake, FIRST, END)
    rest = [times(start, start + 86400, has_rows=False) for start in range(epoch(END), epoch(END) + 20 * 86400, 86400)]
    text = begun + as_csv(COST_COLUMNS_2026, rest).split("\n", 1)[1]
    files.costs(files.write("cost_2026-03-02_2026-03-28.csv", text, saved_at=datetime(2026, 3, 10, 8, tzinfo=UTC)))
    assert [row[0] for row in covered(acme)] == [FIRST + timedelta(days=number) for number in range(9)]
    assert covered(acme)[-1][1:3] == ("provisional", "open")
    with pytest.raises(FixConfiguration, match="has figures of 2026-03-06, but was saved on 2026-03-05: say when"):
        files.costs(files.write("early.csv", begun, saved_at=datetime(2026, 3, 5, tzinfo=UTC)))
    with pytest.raises(FixConfiguration, match="has only days after it was saved, 2026-01-01"):
        files.costs(files.write("cost_e.csv", empty_export(FIRST, 3), saved_at=datetime(2026, 1, 1, tzinfo=UTC)))
    with pytest.raises(FixConfiguration, match="timestamp is '17724096000': write Unix seconds"):
        files.costs(files.write("cost-x.csv", f"timestamp,name,cost_in_major\n{epoch(FIRST)},GPT-4o,1\n{epoch(FIRST)}0,GPT-4o,1\n"))
