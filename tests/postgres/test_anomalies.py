"""Odd days in a real warehouse: what is judged and written, what a restatement changes, and what plans and checks make of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.conftest import Server, Warehouse

from meterhouse.checks.warehouse_checks import CheckResult, run_warehouse_checks
from meterhouse.errors import FixConfiguration
from meterhouse.imports.planned import import_planned
from meterhouse.load.judging import judge_costs
from meterhouse.load.store import Store
from meterhouse.load.sync import allocate
from meterhouse.setting_values import AmountByCurrency
from meterhouse.settings import Settings
from meterhouse.warehouse.anomalies import JUDGED_DAYS, Judged
from meterhouse.warehouse.rollups import fill

from .fingerprints import places
from .loaded_organization import NOW, LoadedOrganization, fresh_warehouse

LAST = date(2026, 11, 18)
DAYS = 270
FLOOR = AmountByCurrency(Decimal(20))
ODD = LAST - timedelta(days=12)
TABLES = ("warehouse.cost_anomalies", "ops.judged_days")
# Groups of costs: project, key, line item, and the cost of an ordinary weekday.
GROUPS = {
    1: ("proj_a", "key_a", "gpt-5-2025-08-07, input", 300),
    2: ("proj_a", "key_b", "gpt-5-2025-08-07, output", 80),
    3: ("proj_b", "key_c", "o3, input", 250),
}
PLAN = """
INSERT INTO warehouse.dim_organization (label, vendor) VALUES ('acme', 'openai');
INSERT INTO warehouse.dim_model (model, canonical_model) VALUES ('gpt-5-2025-08-07', 'gpt-5'), ('o3', 'o3');
INSERT INTO warehouse.dim_project (organization_id, project_id, project_name, valid_from)
    VALUES (1, 'proj_a', 'Assistant', '2025-01-01'), (1, 'proj_b', 'Batch', '2025-01-01');
INSERT INTO warehouse.dim_api_key (organization_id, api_key_id, api_key_name, project_id, valid_from)
    VALUES (1, 'key_a', 'Key A', 'proj_a', '2025-01-01'), (1, 'key_c', 'Key C', 'proj_b', '2025-01-01');
"""
COVERED = """
INSERT INTO ops.coverage (organization_id, endpoint, bucket_width, bucket_start, reported_start, reported_end, finality, is_complete,
    row_count, source_grouping, content_digest, changed_at)
SELECT 1, 'costs', 1440, d, d, d + interval '1 day', 'settled', true, 3, '', sha256('1'), now()
FROM generate_series(%s::timestamptz, %s, interval '1 day') d
"""


class Costs:
    """A warehouse whose costs a test sets by hand; judging is the real one."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.owner = psycopg.connect(warehouse.owner_url, autocommit=True)
        self.store = Store(warehouse.loader_url).__enter__()

    def close(self) -> None:
        self.store.__exit__(None, None, None)
        self.owner.close()

    def do(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        cursor = self.owner.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def plant(self) -> None:
        """A clean history: weekdays, weekends at a third, a little noise, all of it settled."""
        self.do(PLAN)
        first, chance = LAST - timedelta(days=DAYS - 1), random.Random(20)  # noqa: S311  # invented figures, the same every time
        for month in range(DAYS // 28 + 1):
            self.do("SELECT warehouse.ensure_partition('costs', %s)", min(LAST, first + timedelta(days=28 * month)))
        for group, (project, key, line, usual) in GROUPS.items():
            self.do(
                "INSERT INTO warehouse.dim_line_item (line_item, model) VALUES (%s, %s) ON CONFLICT DO NOTHING", line, line.split(",")[0]
            )
            self.do(
                "INSERT INTO warehouse.dim_cost_group (organization_id, project_id, api_key_id, line_item, currency)"
                " VALUES (1, %s, %s, %s, 'usd')",
                project, key, line,
            )  # fmt: skip
            days = [first + timedelta(days=number) for number in range(DAYS)]
            amounts = [round(usual * (0.33 if day.weekday() > 4 else 1) * (1 + chance.uniform(-0.1, 0.1)), 6) for day in days]
            self.do(
                "INSERT INTO warehouse.costs (bucket_start, bucket_width, group_id, amount)"
                " SELECT d::timestamp AT TIME ZONE 'UTC', 1440, %s, a FROM unnest(%s::date[], %s::numeric[]) u (d, a)",
                group, days, amounts,
            )  # fmt: skip
        self.do(COVERED, first, LAST)

    def multiply(self, day: date, group: int, by: str | None) -> None:
        """Restate one cost of a day, and read the day again; None leaves the amount out."""
        self.do(
            "UPDATE warehouse.costs SET amount = amount * %s::numeric"
            " WHERE bucket_start = %s::timestamp AT TIME ZONE 'UTC' AND group_id = %s",
            by, day, group,
        )  # fmt: skip
        self.read_again(day)

    def read_again(self, day: date, finality: str = "settled") -> None:
        self.do(
            "UPDATE ops.coverage SET changed_at = clock_timestamp(), finality = %s::warehouse.finality, is_complete = %s"
            " WHERE bucket_start = %s::timestamp AT TIME ZONE 'UTC'",
            finality, finality == "settled", day,
        )  # fmt: skip

    def judge(self, floor: AmountByCurrency = FLOOR) -> Judged:
        fill(self.owner)
        judged = judge_costs(self.store, "acme", floor)
        assert judged is not None
        return judged

    def shown(self, condition: str = "true") -> list[tuple[Any, ...]]:
        return self.do(
            "SELECT usage_date, series_kind, series_name, kind, state, explained_by, is_shown FROM bi.cost_anomalies"
            f" WHERE {condition}"
            " ORDER BY usage_date, array_position(ARRAY['organization', 'model', 'project', 'api_key'], series_kind::text)"
        )


@pytest.fixture
def costs(server: Server, template: str) -> Iterator[Costs]:
    with fresh_warehouse(server, template, "odd_days") as warehouse:
        made = Costs(warehouse)
        made.plant()
        yield made
        made.close()


def test_a_day_is_found_kept_restated_withdrawn_and_found_again_under_one_identity(costs: Costs) -> None:
    costs.multiply(ODD, 1, "4")
    assert costs.judge() == Judged(JUDGED_DAYS, 4, 0, 0)
    assert costs.shown() == [
        (ODD, "organization", "acme", "spike", "new", "Key A", False),
        (ODD, "model", "gpt-5", "spike", "new", "Key A", False),
        (ODD, "project", "Assistant", "spike", "new", "Key A", False),
        (ODD, "api_key", "Key A", "spike", "new", None, True),
    ]
    ((cost, expected, low, high, excess, reason),) = costs.do(
        "SELECT actual_cost, expected_cost, low_cost, high_cost, excess_cost, reason FROM bi.cost_anomalies WHERE is_shown"
    )
    assert low < expected < high < cost
    assert excess == cost - expected
    assert reason.endswith(f"usd expected for a {ODD:%A}")
    # Once more: nothing is judged, and no row is written.
    before = places(costs.warehouse.superuser_url, TABLES)
    assert costs.judge() == Judged(0, 0, 0, 0)
    assert places(costs.warehouse.superuser_url, TABLES) == before
    # Read again and the same: judged, and no row of an odd day is written.
    costs.read_again(ODD)
    assert costs.judge() == Judged(13, 0, 0, 0)
    assert places(costs.warehouse.superuser_url, TABLES[:1]) == {row for row in before if row[0] == TABLES[0]}

    identities = costs.do("SELECT anomaly_id, first_seen_at_utc, series_kind FROM bi.cost_anomalies ORDER BY 1")
    costs.multiply(ODD, 1, "1.5")
    assert costs.judge() == Judged(13, 0, 4, 0)
    assert {row[4] for row in costs.shown()} == {"updated"}
    costs.multiply(ODD, 1, "0.1666666667")
    assert costs.judge() == Judged(13, 0, 0, 4)
    assert {row[4:] for row in costs.shown()} == {("withdrawn", "Key A", False), ("withdrawn", None, False)}
    costs.multiply(ODD, 1, "5")
    assert costs.judge() == Judged(13, 0, 4, 0)
    assert {row[4] for row in costs.shown()} == {"updated"}
    assert costs.do("SELECT anomaly_id, first_seen_at_utc, series_kind FROM bi.cost_anomalies ORDER BY 1") == identities


def test_only_settled_days_with_known_costs_are_judged_and_old_ones_stay_as_they_are(costs: Costs) -> None:
    old = LAST - timedelta(days=JUDGED_DAYS)
    for day in (LAST, ODD, old):
        costs.multiply(day, 3, "4")
    costs.read_again(LAST, "settling")
    costs.do("UPDATE warehouse.costs SET amount = NULL WHERE bucket_start = %s::timestamp AT TIME ZONE 'UTC' AND group_id = 2", ODD)
    costs.judge()
    # The sums that the missing amount is part of are unknown.
    below = [("model", "o3"), ("project", "Batch"), ("api_key", "Key C")]
    assert [row[1:3] for row in costs.shown() if row[0] == old] == [("organization", "acme"), *below]
    assert [row[1:3] for row in costs.shown() if row[0] == ODD] == below
    assert {row[0] for row in costs.shown()} == {old, ODD}
    costs.read_again(LAST)
    assert costs.judge().new == 4
    assert {row[0] for row in costs.shown()} == {old, ODD, LAST}
    # Now too old to be judged.
    costs.multiply(old, 3, "0.25")
    assert costs.judge() == Judged(0, 0, 0, 0)
    assert {row[4] for row in costs.shown()} == {"new"}


def test_another_floor_judges_again_and_each_currency_has_its_own(costs: Costs) -> None:
    costs.multiply(ODD, 1, "4")
    assert costs.judge(AmountByCurrency(Decimal(20), (("usd", Decimal(5000)),))) == Judged(JUDGED_DAYS, 0, 0, 0)
    assert costs.judge(AmountByCurrency(Decimal(5000), (("usd", Decimal(20)),))) == Judged(JUDGED_DAYS, 4, 0, 0)
    assert costs.judge(AmountByCurrency(Decimal(5000))) == Judged(JUDGED_DAYS, 0, 0, 4)


def test_what_was_planned_is_kept_in_view_and_neither_shown_nor_reported(costs: Costs, tmp_path: Path) -> None:
    costs.multiply(ODD, 1, "4")
    costs.multiply(LAST, 3, "4")
    costs.judge()
    (found,) = [result for result in results(costs) if result.check.name == "cost_anomalies"]
    assert found.findings == 1
    assert str(found.detail).startswith(f"acme, API key “Key C”, {LAST}: ")
    assert not found.is_failure
    plan = tmp_path / "planned.csv"
    head = "organization,kind,value,from,to,note\n"
    settings = Settings(warehouse_url=costs.warehouse.loader_url)
    plan.write_text(head + f"acme,project,proj_b,{LAST},,Reindexing\nacme,model,gpt-5,{ODD},{LAST},\nacme,api_key,key_x,{ODD},{LAST},\n")
    assert import_planned(settings, [plan], NOW, dry_run=True)[0].endswith("nothing was stored, as this was a dry run")
    assert {row[4] for row in costs.shown()} == {"new"}
    assert import_planned(settings, [plan], NOW) == [
        "3 planned activities (3 new): stored",
        "nothing that is loaded is called api_key key_x; it counts from when something is",
    ]
    assert import_planned(settings, [plan], NOW)[0] == "3 planned activities (3 unchanged): nothing had changed"
    assert costs.shown("state = 'planned'") == [
        (ODD, "model", "gpt-5", "spike", "planned", "Key A", False),
        (ODD, "api_key", "Key A", "spike", "planned", None, False),
        (LAST, "project", "Batch", "spike", "planned", "Key C", False),
        (LAST, "api_key", "Key C", "spike", "planned", None, False),
    ]
    assert costs.do("SELECT DISTINCT note FROM bi.cost_anomalies WHERE state = 'planned' AND usage_date = %s", LAST) == [("Reindexing",)]
    (found,) = [result for result in results(costs) if result.check.name == "cost_anomalies"]
    assert found.is_ok
    plan.write_text(head + f"acme,organization,,{ODD},,\n")
    assert import_planned(settings, [plan], NOW) == ["1 planned activity (1 new, 3 removed): stored"]
    assert {row[0] for row in costs.shown("state = 'planned'")} == {ODD}
    assert costs.judge() == Judged(0, 0, 0, 0), "a plan changes no figure"


def results(costs: Costs) -> list[CheckResult]:
    """What the checks find."""
    return run_warehouse_checks(Settings(warehouse_url=costs.warehouse.loader_url), clock=lambda: NOW)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("acme,project,,2026-11-01,,", "line 2: value is empty: fill it in"),
        ("acme,organization,acme,2026-11-01,,", "line 2: value is 'acme': leave it empty for an organization"),
        ("acme,team,t,2026-11-01,,", "line 2: kind is 'team': choose from organization, model, project, api_key"),
        ("acme,project,p,2026-11-02,2026-11-01,", "line 2: to 2026-11-01 is before from 2026-11-02: write the last day of it"),
        ("acme,project,p,yesterday,,", "line 2: from is 'yesterday': write a day as 2026-01-31"),
        ("", "the files have no lines: give a record for every planned activity"),
    ],
)
def test_a_wrong_plan_is_one_line_that_says_what_to_write(tmp_path: Path, line: str, said: str) -> None:
    plan = tmp_path / "planned.csv"
    plan.write_text(f"organization,kind,value,from,to,note\n{line}\n")
    with pytest.raises(FixConfiguration) as refused:
        import_planned(Settings(warehouse_url="postgresql://nobody@localhost/none"), [plan], NOW)
    assert str(refused.value).endswith(said)


def test_a_load_judges_its_settled_days_at_its_end_as_the_last_task_of_a_run_does(small: LoadedOrganization) -> None:
    judged = "SELECT usage_date FROM ops.judged_days ORDER BY 1"
    settled = "SELECT (bucket_start AT TIME ZONE 'UTC')::date FROM ops.coverage WHERE endpoint = 'costs' AND is_complete ORDER BY 1"
    days = small.query(settled)
    assert days
    assert small.query(judged) == days
    small.query("DELETE FROM ops.judged_days RETURNING 1")
    allocate(small.settings())
    assert small.query(judged) == days


def test_an_organization_without_any_cost_has_nothing_to_judge(warehouse: Warehouse) -> None:
    with Store(warehouse.loader_url) as store:
        assert judge_costs(store, "nobody", FLOOR) is None
        store.connection.execute("INSERT INTO warehouse.dim_organization (label, vendor) VALUES ('acme', 'openai')")
        assert judge_costs(store, "acme", FLOOR) == Judged(0, 0, 0, 0)
