"""Teams: every amount goes to the most specific assignment of its day, and the teams' rows add up to the bill."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.bi.given import Given

from meterhouse.errors import FixConfiguration
from meterhouse.imports.teams import import_teams, list_teams
from meterhouse.settings import Settings
from meterhouse.warehouse.allocation import stale_days_parameters, stale_days_query

NOW = datetime(2026, 11, 5, tzinfo=UTC)
HEADING = "kind,value,organization,team,cost_centre,valid_from,valid_to\n"
ORDER = ("api_key", "key_prefix", "user", "mail_domain", "project", "default")


def imported(given: Given, folder: Path, lines: list[str], **options: bool) -> list[str]:
    path = folder / "teams.csv"
    path.write_text(HEADING + "\n".join(lines) + "\n")
    # The import ends with an allocation, which has nothing to do.
    days = given.owner.execute(stale_days_query().encode(), stale_days_parameters([1, 2])).fetchall()
    for day in days:
        given.do("DELETE FROM ops.allocated_days WHERE organization_id = %s AND usage_date = %s", *day[:2])
        given.do("INSERT INTO ops.allocated_days (organization_id, usage_date, sources, allocated_at) VALUES (%s, %s, %s, now())", *day[:3])
    return import_teams(Settings(warehouse_url=given.warehouse.loader_url), path, NOW, **options)


def part(given: Given, day: str, cost: str | None, method: str = "by_quantity", org: int = 1, **owner: str | None) -> None:
    """A part of the bill that belongs to an owner, and the sums of months that go with it."""
    names = ("project_id", "api_key_id", "user_id")
    given.do(
        "INSERT INTO warehouse.cost_allocation (usage_date, organization_id, project_id, api_key_id, user_id, currency, cost, method)"
        " VALUES (%s, %s, %s, %s, %s, 'usd', %s, %s)",
        day, org, *(owner.get(name) for name in names), cost, method,
    )  # fmt: skip
    given.covered("costs", f"{day}T00:00Z", org=org)
    given.do("DELETE FROM warehouse.rollup_cost_allocation")
    given.do(
        "INSERT INTO warehouse.rollup_cost_allocation (month_start, organization_id, project_id, user_id, api_key_id, currency, method,"
        " cost, rows_without_cost) SELECT date_trunc('month', usage_date), organization_id, project_id, user_id, api_key_id, currency,"
        " method, sum(cost), count(*) FILTER (WHERE cost IS NULL) FROM warehouse.cost_allocation GROUP BY 1, 2, 3, 4, 5, 6, 7"
    )


def named(given: Given) -> None:
    """Names of two keys and two users."""
    given.do(
        "INSERT INTO warehouse.dim_api_key (organization_id, api_key_id, api_key_name, valid_from)"
        " VALUES (1, 'k1', 'search-prod', now()), (1, 'k2', 'search-beta-2', now())"
    )
    given.do(
        "INSERT INTO warehouse.dim_user (organization_id, user_id, user_email, valid_from)"
        " VALUES (1, 'u1', 'Anna@Example.com', now()), (1, 'u2', 'bo@partner.example', now())"
    )


def spend(given: Given, columns: str = "team, cost") -> list[tuple[Any, ...]]:
    return given.shown(f"SELECT {columns} FROM bi.spend_by_team_month ORDER BY month_start, organization, team, cost_centre")


@pytest.mark.parametrize(
    ("left_out", "team"),
    [
        ([], "by key"), (["api_key"], "by long name"), (["api_key", "search-"], "by name"), (["api_key", "key_prefix"], "by user"),
        (["api_key", "key_prefix", "user"], "by domain"), (["api_key", "key_prefix", "user", "mail"], "by project"),
        (["api_key", "key_prefix", "user", "mail", "project"], "rest"),
        (["api_key", "key_prefix", "user", "mail", "project", "default"], "(unassigned)"),
    ],
)  # fmt: skip
def test_the_most_specific_assignment_counts(given: Given, tmp_path: Path, left_out: list[str], team: str) -> None:
    named(given)
    part(given, "2026-10-15", "10", project_id="p", api_key_id="k1", user_id="u1")
    lines = [
        "project,p,,by project,,,", "default,,,rest,,,", "mail_domain,@example.com,,by domain,,,", "user,anna@example.COM,,by user,,,",
        "key_prefix,search,,by name,,,", "key_prefix,search-,,by long name,,,", "api_key,k1,,by key,,,", "api_key,other,,nobody,,,",
    ]  # fmt: skip
    kept = [line for line in lines if not any(line.startswith(one) or one in line.split(",")[1:2] for one in left_out)]
    imported(given, tmp_path, kept or ["project,another,,nobody,,,"])
    assert spend(given) == [(team, 10)]


def test_an_assignment_of_one_organization_comes_before_the_same_for_all(given: Given, tmp_path: Path) -> None:
    part(given, "2026-10-15", "10", project_id="p")
    part(given, "2026-10-15", "3", project_id="p", org=2)
    imported(given, tmp_path, ["project,p,,everywhere,,,", "project,p,acme,here,,,"])
    assert spend(given, "organization, team, cost") == [("acme", "here", 10), ("other", "everywhere", 3)]


def test_a_team_that_changes_within_a_month_gets_its_days(given: Given, tmp_path: Path) -> None:
    for day in ("2026-10-10", "2026-10-11", "2026-11-10"):
        part(given, day, "10", project_id="p")
    imported(given, tmp_path, ["project,p,,old,C1,,2026-10-10", "project,p,,new,C2,2026-10-11,"])
    columns = "month_start, team, cost_centre, cost, previous_month_cost, share_of_month"
    given.covered_days("costs", "2026-10-01", 31)
    assert spend(given, columns) == [
        (date(2026, 10, 1), "new", "C2", 10, None, Decimal("0.5")), (date(2026, 10, 1), "old", "C1", 10, None, Decimal("0.5")),
        (date(2026, 11, 1), "new", "C2", 10, 10, 1),
    ]  # fmt: skip


def test_costs_are_shown_by_how_they_were_found_and_unknown_is_not_zero(given: Given, tmp_path: Path) -> None:
    for cost, method in (("1", "billed_by_user"), ("2", "billed_by_key"), ("3", "by_quantity"), ("4", "unallocated")):
        part(given, "2026-10-15", cost, method, project_id="p")
    part(given, "2026-10-15", None, "unallocated", project_id="q")
    imported(given, tmp_path, ["project,p,,one,,,"])
    columns = "team, cost, cost_billed_by_user, cost_billed_by_key, cost_by_quantity, cost_unallocated, rows_without_cost"
    assert spend(given, columns) == [("(unassigned)", None, None, None, None, None, 1), ("one", 10, 1, 2, 3, 4, 0)]


def test_random_assignments_give_each_amount_the_team_that_the_rule_names(given: Given, tmp_path: Path) -> None:
    rng = Random(11)  # noqa: S311  # cases, not secrets
    named(given)
    first = date(2026, 9, 1)

    def owner() -> dict[str, str | None]:
        return {
            "project_id": rng.choice([None, "p1", "p2", "p3"]),
            "api_key_id": rng.choice([None, "k1", "k2", "k3"]),
            "user_id": rng.choice([None, "u1", "u2", "u3"]),
        }

    amounts = [(first + timedelta(days=rng.randrange(91)), str(Decimal(rng.randrange(1, 10**6)).scaleb(-6)), owner()) for _ in range(150)]
    for day, cost, whose in amounts:
        part(given, day.isoformat(), cost, **whose)
    things = [
        *((kind, f"{kind[0].replace('a', 'k')}{n}") for kind in ("api_key", "user", "project") for n in range(1, 4)),
        ("key_prefix", "search"), ("key_prefix", "search-beta"), ("mail_domain", "example.com"), ("default", ""),
    ]  # fmt: skip
    rules = []
    for kind, value in things:
        start = first + timedelta(days=rng.randrange(40))
        for number in range(rng.randrange(3)):
            end = start + timedelta(days=rng.randrange(30))
            rules.append((kind, value, f"{kind} {value} {number}", start, end))
            start = end + timedelta(days=1 + rng.randrange(5))
    imported(given, tmp_path, [f"{kind},{value},,{team},,{start},{end}" for kind, value, team, start, end in rules])
    keys, mails = {"k1": "search-prod", "k2": "search-beta-2"}, {"u1": "example.com", "u2": "partner.example"}

    def fits(kind: str, value: str, whose: dict[str, str | None]) -> bool:
        if kind == "key_prefix":
            return keys.get(whose["api_key_id"] or "", "").startswith(value)
        if kind == "mail_domain":
            return mails.get(whose["user_id"] or "") == value
        return kind == "default" or whose[f"{kind}_id"] == value

    expected: defaultdict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for day, cost, whose in amounts:
        fitting = [rule for rule in rules if rule[3] <= day <= rule[4] and fits(rule[0], rule[1], whose)]
        best = min(fitting, key=lambda rule: (ORDER.index(rule[0]), -len(rule[1])), default=None)
        expected[day.replace(day=1), best[2] if best else "(unassigned)"] += Decimal(cost)
    assert {(month, team): cost for month, team, cost in spend(given, "month_start, team, cost")} == expected
    assert len(expected) > 15


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["project,p,,a,,,", "project,p,,b,,2026-10-01,"],
            "line 3: project p is given to b for days on which teams.csv, line 2 gives it to a",
        ),
        (["user,u,acme,a,,2026-01-01,2026-02-01", "user,u,acme,b,,2026-02-01,"], "line 3: user u is given to b .* line 2"),
        (["default,,,a,,,", "default,,,b,,,"], "line 3: default is given to b"),
        (["project,,,a,,,"], "line 2: value is empty"),
        (["default,x,,a,,,"], "line 2: value is 'x': leave it empty for the default"),
        (["country,x,,a,,,"], "line 2: kind is 'country': choose from api_key, key_prefix, user, mail_domain, project, default"),
        (["project,p,,(unassigned),,,"], "line 2: team is '\\(unassigned\\)', the name for what is left over"),
        (["project,p,,a,,2026-02-01,2026-01-01"], "line 2: valid_to 2026-01-01 is before valid_from 2026-02-01"),
        (["project,p,nobody,a,,,"], "line 2: organization is 'nobody', and loaded are: acme, other"),
    ],
)
def test_a_wrong_line_is_refused_and_nothing_is_stored(given: Given, tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(FixConfiguration, match=message):
        imported(given, tmp_path, lines)
    assert given.do("SELECT count(*) FROM warehouse.owner_assignments") == [(0,)]


def test_spans_that_meet_and_the_same_value_in_two_organizations_do_not_overlap(given: Given, tmp_path: Path) -> None:
    lines = ["user,u,acme,a,,,2026-01-31", "user,u,acme,b,,2026-02-01,", "user,u,other,c,,,", "user,u,,d,,,", "api_key,u,,d,,,"]
    assert imported(given, tmp_path, lines)[0] == "5 assignments (5 new) of 4 teams: stored"


def test_the_file_takes_the_place_of_the_list_and_twice_changes_nothing(given: Given, tmp_path: Path) -> None:
    lines = ["project,p,,a,C1,,", "default,,acme,b,,2026-01-01,"]
    assert imported(given, tmp_path, lines, dry_run=True)[0].endswith("nothing was stored, as this was a dry run")
    assert imported(given, tmp_path, lines) == [
        "2 assignments (2 new) of 2 teams: stored",
        "teams.csv, line 2: no project with the identifier 'p' is known",
        "what is not known yet counts from when it is loaded",
    ]
    stored = given.do("SELECT * FROM warehouse.owner_assignments ORDER BY 1")
    assert imported(given, tmp_path, lines)[0] == "2 assignments (2 unchanged) of 2 teams: nothing had changed"
    assert given.do("SELECT * FROM warehouse.owner_assignments ORDER BY 1") == stored
    assert imported(given, tmp_path, lines[1:])[0] == "1 assignment (1 unchanged, 1 removed) of 1 team: stored"
    assert list_teams(Settings(warehouse_url=given.warehouse.loader_url)) == [("default", "", "acme", "b", None, date(2026, 1, 1), None)]
    assert given.shown("SELECT team_name, team_cost_centre, is_unassigned FROM bi.dim_team ORDER BY 1") == [
        ("(unassigned)", None, True), ("b", None, False),
    ]  # fmt: skip
    assert given.shown("SELECT assigned_by, assigned_value, only_organization, valid_from_date FROM bi.team_assignments") == [
        ("default", "", "acme", date(2026, 1, 1))
    ]


def test_what_is_not_known_is_named_with_its_line_what_was_looked_for_and_the_identifier_of_a_name(given: Given, tmp_path: Path) -> None:
    named(given)
    part(given, "2026-10-15", "1", project_id="p-of-other", org=2)
    given.cost("2026-10-15", "1", project_id="never-listed", api_key_id="k-billed")
    lines = [
        "api_key,k1,,a,,,", "user,ANNA@example.com,,a,,,", "mail_domain,partner.example,,a,,,", "key_prefix,search-,,a,,,",
        "default,,,a,,,",
        "project,never-listed,,a,,,", "api_key,k-billed,acme,a,,,",
        "api_key,search-prod,,b,,,", "api_key,k1,other,b,,,", "key_prefix,chat-,,b,,,", "user,bo@elsewhere.example,,b,,,2026-01-31",
        "user,bo@elsewhere.example,,c,,2026-02-01,", "mail_domain,elsewhere.example,,b,,,",
    ]  # fmt: skip
    assert imported(given, tmp_path, lines)[1:] == [
        "teams.csv, line 9: no API key with the identifier 'search-prod' is known; it is the name of k1: write this identifier",
        "teams.csv, line 10: no API key with the identifier 'k1' is known in other",
        "teams.csv, line 11: no API key with a name that begins with 'chat-' is known",
        "teams.csv, line 12: no user with the identifier or e-mail address 'bo@elsewhere.example' is known",
        "teams.csv, line 14: no user with an e-mail address of the domain 'elsewhere.example' is known",
        "what is not known yet counts from when it is loaded",
    ]
    assert imported(given, tmp_path, [*lines, "project,q,,b,,,"])[-1] == "and 1 more; what is not known yet counts from when it is loaded"
