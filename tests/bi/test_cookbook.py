"""The cookbook: every statement is run on the invented organization, and its answer is what the organization itself or plain sums say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.bi.brought import ODD_DAY
from tests.conftest import Warehouse
from tests.docs.markdown import blocks
from tests.postgres.loaded_organization import LoadedOrganization, midnight, rows, served

from meterhouse.fake_openai import FakeOrganization
from meterhouse.imports.rates import import_rates
from meterhouse.imports.teams import import_teams
from meterhouse.load.directory import sync_directory
from meterhouse.warehouse.migrate import migrate

from .cookbook_truth import FIRST, NOVEMBER, NOW, OCTOBER, added, allocated, by, compared, keys, projects, truth, truth_by_day

PAGE = (Path(__file__).parents[2] / "docs" / "bi" / "cookbook.md").read_text()
GAP = [date(2026, 10, 7), date(2026, 10, 8), date(2026, 10, 20)]
RATES = [("2026-10-01", "0.85"), ("2026-10-12", "0.86")]
Answer = Callable[[str], list[dict[str, Any]]]


def statements() -> dict[str, list[str]]:
    """The SQL blocks below each heading of the page."""
    parts = re.split(r"^#+ (.+)$", PAGE, flags=re.MULTILINE)
    return {heading: found for heading, text in zip(parts[1::2], parts[2::2], strict=True) if (found := blocks(text, "sql"))}


STATEMENTS = statements()
QUESTIONS = {heading: sql[0] for heading, sql in STATEMENTS.items() if heading.endswith("?")}
OWN_TABLES = "Your own tables"


@pytest.fixture(scope="module")
def loaded(module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedOrganization]:
    """Eleven weeks of the invented organization, with teams, rates of a currency, and the tables that the page makes."""
    folder = tmp_path_factory.mktemp("brought")
    with pytest.MonkeyPatch.context() as patch, served(FakeOrganization(NOW, scale=0.2), module_warehouse) as organization:
        patch.setenv("METERHOUSE_REPORTING_CURRENCY", "eur")
        migrate(module_warehouse.owner_url)
        organization.defaults |= {"history_start": midnight(FIRST), "hourly_history_days": 3}
        organization.sync().raise_first()
        sync_directory(organization.settings(), clock=organization.fake.clock.now)
        teams = folder / "teams.csv"
        teams.write_text(f"kind,value,team\nproject,{projects(organization)[0]},Search\n")
        import_teams(organization.settings(), teams, NOW)
        rates = folder / "rates.csv"
        rates.write_text("rate_date,from_currency,to_currency,rate\n" + "".join(f"{day},usd,eur,{rate}\n" for day, rate in RATES))
        import_rates(organization.settings(), [rates], NOW)
        grant, made = STATEMENTS[OWN_TABLES]
        rows(module_warehouse.superuser_url, "CREATE ROLE planner")
        try:
            rows(module_warehouse.owner_url, grant)
            rows(module_warehouse.owner_url, made)
            first, second = projects(organization)[:2]
            rows(module_warehouse.owner_url, f"INSERT INTO my.customer_projects VALUES ('{first}', 'Globex'), ('{second}', 'Initech')")
            one, two = keys(organization)[:2]
            rows(
                module_warehouse.owner_url,
                f"INSERT INTO my.feature_keys VALUES ('{one}', 'search', 0.25), ('{one}', 'chat', 0.75), ('{two}', 'chat', 1)",
            )
            yield organization
        finally:
            rows(module_warehouse.superuser_url, "DROP OWNED BY planner; DROP ROLE planner")


@pytest.fixture
def answer(loaded: LoadedOrganization) -> Answer:
    """Asks as the reader, and gives the rows by column."""

    def ask(sql: str) -> list[dict[str, Any]]:
        with psycopg.connect(loaded.warehouse.reader_url) as connection:
            found = connection.execute(sql.encode())
            names = [column.name for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found]

    return ask


def test_the_page_has_the_questions_that_were_asked_for_each_one_statement_and_none_is_left_out_here() -> None:
    assert len(QUESTIONS) == 18
    assert {heading for heading in STATEMENTS if heading not in QUESTIONS} == {OWN_TABLES, "A view for the BI tool"}
    for heading, sql in QUESTIONS.items():
        assert len(STATEMENTS[heading]) == 1, heading
        assert ";" not in sql, heading
        assert re.search(r"\bbi\.", sql), heading
        assert not re.search(r"\b(?:warehouse|ops|bi_team)\.", sql), heading
    tests = Path(__file__).read_text()
    assert [heading for heading in QUESTIONS if f'QUESTIONS["{heading}"]' not in tests] == []


def test_users(loaded: LoadedOrganization, answer: Answer) -> None:
    found = answer(QUESTIONS["What did each user cost?"])
    whose = allocated(loaded, "coalesce(user_name, user_email, user_id)")
    nobodys = whose.pop(None)
    others = {who: cost for who, cost in by(found, "who").items() if who not in whose}
    assert by(found, "who") == whose | others
    # Each service account has a row with its name, and what is left is one row.
    assert sum(others.values()) == nobodys
    accounts = {
        name for (name,) in loaded.read("SELECT service_account_name FROM bi.spend_by_user_month WHERE service_account_name IS NOT NULL")
    }
    assert accounts
    assert set(others) <= accounts | {"(nobody)"}
    assert [row["who"] for row in found].count("(nobody)") == 1
    assert sum(row["cost"] for row in found) == truth(loaded, OCTOBER, NOVEMBER)[None]
    assert abs(sum(row["share_of_month"] for row in found) - 1) < Decimal("0.0001")
    # What the vendor bills by user is in no other row than that user's.
    ids = dict(loaded.read("SELECT user_id, user_name FROM bi.dim_user WHERE user_id IS NOT NULL"))
    billed = {ids[user]: cost for user, cost in truth(loaded, OCTOBER, NOVEMBER, "user_id").items() if user in ids}
    assert billed
    for who, cost in billed.items():
        assert by(found, "who")[who] >= cost > 0


def test_api_keys(loaded: LoadedOrganization, answer: Answer) -> None:
    found = answer(QUESTIONS["What did each API key cost, and whose is it?"])
    assert by(found, "api_key") == allocated(loaded, "coalesce(api_key_name, api_key_id, '(no key)')")
    assert sum(row["cost"] for row in found) == truth(loaded, OCTOBER, NOVEMBER)[None]
    owners = dict(loaded.read("SELECT coalesce(api_key_name, api_key_id), coalesce(owner_name, owner_id) FROM bi.dim_api_key"))
    for row in found:
        if row["api_key"] != "(no key)":
            assert row["owner"] == (owners[row["api_key"]] or "(unknown)")


def test_all_breakdowns_add_up_to_the_bill(loaded: LoadedOrganization, answer: Answer) -> None:
    found = answer(QUESTIONS["Do all of these add up to the bill?"])
    assert {row["breakdown"] for row in found} == {"the bill", "project", "team", "user", "model", "API key"}
    assert {row["cost"] for row in found} == {truth(loaded, OCTOBER, NOVEMBER)[None]}


def test_models(loaded: LoadedOrganization, answer: Answer) -> None:
    found = answer(QUESTIONS["What did each model cost?"])
    assert by(found, "model") == allocated(loaded, "coalesce(model, '(no model)')")
    before = allocated(loaded, "coalesce(model, '(no model)')", "2026-09-01", "2026-10-01")
    for row in found:
        assert (row["previous_month_cost"] or 0) == before[row["model"]], row


def test_a_thousand_tokens(loaded: LoadedOrganization, answer: Answer) -> None:
    found = answer(QUESTIONS["What do 1,000 tokens of each model cost us?"])
    lines = loaded.read(
        "SELECT model, cost_exact::numeric, quantity FROM bi.costs_daily WHERE usage_date >= '2026-10-01' AND usage_date < '2026-11-01'"
        " AND quantity_unit = 'tokens' AND model IS NOT NULL"
    )
    cost, tokens = added([(model, amount) for model, amount, _ in lines]), added([(model, quantity) for model, _, quantity in lines])
    assert len(found) == len(cost) > 3
    for row in found:
        assert (row["cost"], row["tokens"]) == (cost[row["model"]], tokens[row["model"]])
        assert abs(row["cost_per_1000_tokens"] - 1000 * cost[row["model"]] / tokens[row["model"]]) < Decimal("1e-11")


def test_teams(loaded: LoadedOrganization, answer: Answer) -> None:
    found = answer(QUESTIONS["What did each team cost?"])
    search = truth(loaded, OCTOBER, NOVEMBER, "project_id")[projects(loaded)[0]]
    assert by(found, "team") == {"Search": search, "(unassigned)": truth(loaded, OCTOBER, NOVEMBER)[None] - search}


def test_month_to_date(loaded: LoadedOrganization, answer: Answer) -> None:
    (row,) = answer(QUESTIONS["How much so far, against the same days of last month?"])
    end, end_before = compared(loaded)
    now, then = truth(loaded, NOVEMBER, end)[None], truth(loaded, OCTOBER, end_before)[None]
    assert (row["settled_through"], row["month_to_date"], row["same_days_of_last_month"], row["change"]) == (
        end - timedelta(days=1),
        now,
        then,
        now - then,
    )


def test_movers(loaded: LoadedOrganization, answer: Answer) -> None:
    found = answer(QUESTIONS["Which projects moved it?"])
    end, end_before = compared(loaded)
    now, then = truth(loaded, NOVEMBER, end, "project_id"), truth(loaded, OCTOBER, end_before, "project_id")
    names = {None: "(none)"} | dict(loaded.read("SELECT project_id, project_name FROM bi.dim_project WHERE project_id IS NOT NULL"))
    wanted = {names[one]: now.get(one, Decimal(0)) - then.get(one, Decimal(0)) for one in now.keys() | then.keys()}
    assert {name: change for name, change in by(found, "project", "change").items() if change} == {k: v for k, v in wanted.items() if v}
    sizes = [abs(row["change"]) for row in found]
    assert sizes == sorted(sizes, reverse=True)


def test_the_forecast(loaded: LoadedOrganization, answer: Answer) -> None:
    (row,) = answer(QUESTIONS["What will this month cost?"])
    end, _ = compared(loaded)
    assert row["as_of_date"] == end - timedelta(days=1)
    assert row["billed_cost"] == truth(loaded, NOVEMBER, end)[None]
    assert row["previous_month_cost"] == truth(loaded, OCTOBER, NOVEMBER)[None]
    # What the month came to in the end is known to the invented organization; half of it is billed, so the guess is near.
    whole = sum(truth_by_day(loaded, OCTOBER, NOVEMBER).values()) / 31 * 30
    assert row["low_cost"] <= row["expected_cost"] <= row["high_cost"]
    assert abs(row["expected_cost"] - whole) < whole / 4


def test_odd_days(loaded: LoadedOrganization, answer: Answer) -> None:
    asked = QUESTIONS["Which days were unusual, and why?"]
    shown = answer(asked)
    rows(loaded.warehouse.loader_url, ODD_DAY)
    try:
        found = answer(asked)
    finally:
        rows(loaded.warehouse.loader_url, "DELETE FROM warehouse.cost_anomalies WHERE usage_date = '2026-11-10' AND series_key = ''")
    (added_row,) = [row for row in found if row not in shown]
    assert added_row["reason"] == "3.0 times the 300.00 usd expected for a Tuesday"
    assert (added_row["usage_date"], added_row["excess_cost"], added_row["series_name"]) == (date(2026, 11, 10), 600, loaded.label)
    sizes = [row["excess_cost"] for row in found]
    assert sizes == sorted(sizes, reverse=True)


def test_busiest_hours(loaded: LoadedOrganization, answer: Answer) -> None:
    found = answer(QUESTIONS["When are we busiest?"])
    lines = loaded.read(
        "SELECT bucket_start_utc, requests FROM bi.usage_hourly WHERE usage_date IN ('2026-11-18', '2026-11-19')"
        " AND endpoint <> 'web_search_calls'"
    )
    hours = added(lines)
    assert [(row["bucket_start_utc"], row["requests"]) for row in found] == sorted(hours.items(), key=lambda one: (-one[1], one[0]))[:10]


def test_the_cache(loaded: LoadedOrganization, answer: Answer) -> None:
    found = answer(QUESTIONS["What did the cache save?"])
    lines = loaded.read(
        "SELECT coalesce(project_name, project_id), cache_saved - cache_write_premium FROM bi.savings_monthly"
        " WHERE month_start = '2026-10-01' AND cache_saved IS NOT NULL"
    )
    saved, wanted = by(found, "project", "saved"), added(lines)
    # Each row is rounded to the twelfth decimal.
    assert {name for name, amount in saved.items() if amount} == set(wanted)
    assert all(abs(saved[name] - wanted[name]) < Decimal("1e-9") for name in wanted)
    # Tokens that are free save nothing.
    ((used,),) = loaded.read(
        "SELECT sum(input_cached_tokens) FROM bi.usage_daily WHERE usage_date BETWEEN '2026-10-01' AND '2026-10-31'"
        " AND is_free_tier IS NOT TRUE"
    )
    assert sum(row["cached_tokens"] or 0 for row in found) == used > 0


def test_batches(loaded: LoadedOrganization, answer: Answer) -> None:
    found = answer(QUESTIONS["What did batches save, and what more could they have saved?"])
    lines = "SELECT model, {} FROM bi.savings_monthly WHERE month_start = '2026-10-01'"
    assert by(found, "model", "saved") == added(loaded.read(lines.format("batch_saved")))
    assert by(found, "model", "could_have_saved") == added(loaded.read(lines.format("batch_unused")))
    assert sum(row["saved"] or 0 for row in found) > 0


def test_missing_days(loaded: LoadedOrganization, answer: Answer) -> None:
    question = QUESTIONS["Are days missing?"]
    assert answer(question) == []
    with psycopg.connect(loaded.warehouse.superuser_url) as superuser:
        superuser.execute(
            "DELETE FROM ops.coverage WHERE endpoint = 'images' AND bucket_width = 1440"
            " AND (bucket_start AT TIME ZONE 'UTC')::date = ANY(%s)",
            [GAP],
        )
        found = superuser.execute(question.encode()).fetchall()
        superuser.rollback()
    assert [row[1:] for row in found] == [("images", GAP[0], GAP[1], 2), ("images", GAP[2], GAP[2], 1)]


def test_what_nobody_explains(loaded: LoadedOrganization, answer: Answer) -> None:
    found = answer(QUESTIONS["Which part of the bill does no user, key or model explain?"])
    left = loaded.read(
        "SELECT reason, cost FROM bi.cost_allocation_daily WHERE method NOT IN ('billed_by_user', 'billed_by_key', 'by_quantity')"
        " AND usage_date >= '2026-10-01' AND usage_date < '2026-11-01'"
    )
    assert by(found, "reason") == added(left)
    assert sum(row["row_count"] for row in found) == len(left) > 0
    fees = {item: cost for item, cost in truth(loaded, OCTOBER, NOVEMBER, "line_item").items() if item == "Scale Tier bundle"}
    assert by(found, "reason")["fee_or_bundle"] == sum(fees.values()) > 0


def test_another_currency(loaded: LoadedOrganization, answer: Answer) -> None:
    (row,) = answer(QUESTIONS["What is that in our own currency?"])
    converted, without = Decimal(0), Decimal(0)
    days = truth_by_day(loaded, OCTOBER, NOVEMBER)
    for day, cost in days.items():
        # A rate holds for its day and the seven days behind it.
        valid = [Decimal(rate) for since, rate in RATES if 0 <= (day - date.fromisoformat(since)).days <= 7]
        converted += cost * valid[-1] if valid else 0
        without += 0 if valid else cost
    assert row["reporting_currency"] == "eur"
    assert abs(row["cost_converted"] - converted) < Decimal("1e-9")
    assert row["cost_without_a_rate"] == without > 0
    assert row["why"] == "no_rate"


def test_customers(loaded: LoadedOrganization, answer: Answer) -> None:
    found = answer(QUESTIONS["What does each customer cost?"])
    cost = truth(loaded, OCTOBER, NOVEMBER, "project_id")
    first, second = projects(loaded)[:2]
    rest = sum(cost.values()) - cost[first] - cost[second]
    assert by(found, "customer") == {"Globex": cost[first], "Initech": cost[second], "(no customer)": rest}


def test_features(loaded: LoadedOrganization, answer: Answer) -> None:
    found = by(answer(QUESTIONS["What does each feature cost?"]), "feature")
    cost = allocated(loaded, "api_key_id")
    one, two = keys(loaded)[:2]
    assert found["search"] == cost[one] / 4
    assert found["chat"] == cost[one] * 3 / 4 + cost[two]
    assert sum(found.values()) == truth(loaded, OCTOBER, NOVEMBER)[None]


def test_a_view_of_ones_own_is_read_by_bi_tools_and_stays_when_the_warehouse_is_migrated(
    loaded: LoadedOrganization, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (view,) = STATEMENTS["A view for the BI tool"]
    rows(loaded.warehouse.owner_url, f"SET ROLE meterhouse_my; {view}")
    asked = "SELECT customer, sum(cost) AS cost FROM my.cost_per_customer WHERE usage_date BETWEEN '2026-10-01' AND '2026-10-31' GROUP BY 1"
    before = by(answer(asked), "customer")
    assert before == by(answer(QUESTIONS["What does each customer cost?"]), "customer")
    monkeypatch.setenv("METERHOUSE_REPORTING_CURRENCY", "eur")
    migrate(loaded.warehouse.owner_url)
    assert by(answer(asked), "customer") == before
