"""Names in the views: one name per model on both sides, aliases that come and go, free traffic, totals, and keys that join."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.conftest import Warehouse

from meterhouse.command_line.cli import main
from meterhouse.errors import FixConfiguration
from meterhouse.load.model_aliases import list_aliases, remove_alias, set_alias
from meterhouse.settings import Settings
from meterhouse.warehouse.derived_names import derive_again

from .given import Given

DAY = "2026-01-15"
# Usage has one word for each, the bill another.
WORDS = [
    ("audio_transcriptions", "whisper-1", "whisper", "whisper-1"),
    ("images", "gpt-image-2", "gpt-image-2-2026-04-21", "gpt-image-2"),
    ("images", "gpt-image-1-2025-04-23", "gpt-image-1", "gpt-image-1"),
    ("completions", "ft:gpt-4o-2024-08-06:acme::abc", "ft-gpt-4o-2024-08-06", "ft:gpt-4o"),
    ("completions", "gpt-4o-2024-05-13", "GPT-4o", "gpt-4o"),
    ("completions", "gpt-4o-2024-11-20", "gpt-4o", "gpt-4o"),
]
BY_MODEL = ["usage_daily", "usage_daily_by_model", "tokens_by_model_daily"]
OF_COSTS = ["costs_daily", "costs_daily_by_line_item", "spend_by_line_item_daily"]
MONEY = [
    "costs_daily_by_line_item",
    "costs_daily_by_api_key",
    "costs_daily_by_project",
    "costs_daily_spine",
    "spend_by_line_item_daily",
    "spend_by_project_month",
]
TOTALS = [
    "usage_daily", "usage_daily_spine", "usage_daily_by_model", "usage_daily_by_api_key", "usage_daily_by_user", "tokens_by_model_daily",
    "usage_by_api_key_daily", "fact_usage_daily",
]  # fmt: skip


@pytest.fixture
def given(given: Given) -> Given:
    """Usage and costs of six models under the words of both sides, and a tool call."""
    for _, used, billed, _ in WORDS:
        given.named(used)
        given.do("INSERT INTO warehouse.dim_line_item (line_item) VALUES (%s)", f"{billed}, output")
    given.do("INSERT INTO warehouse.dim_line_item (line_item) VALUES ('web search tool calls')")
    derive_again(given.owner)
    for endpoint, used, billed, _ in WORDS:
        figures = {"num_model_requests": 1} | ({"input_tokens": 1, "output_tokens": 2} if endpoint == "completions" else {})
        given.usage(endpoint, DAY, figures, model=used)
        given.cost(DAY, "1.5", line_item=f"{billed}, output")
    given.cost(DAY, "4", line_item="web search tool calls")
    return given


def requests(given: Given, view: str = "usage_daily") -> dict[str, int]:
    return {model: int(count) for model, count in given.shown(f"SELECT model, sum(requests) FROM bi.{view} GROUP BY 1")}


def costs(given: Given, view: str = "costs_daily") -> dict[str | None, Decimal]:
    return dict(given.shown(f"SELECT model, sum(cost) FROM bi.{view} GROUP BY 1"))


def names() -> dict[str, int]:
    return {name: sum(1 for *_, other in WORDS if other == name) for *_, name in WORDS}


@pytest.mark.parametrize("view", BY_MODEL)
def test_usage_of_all_words_for_a_model_is_under_its_name(given: Given, view: str) -> None:
    wanted = names() if view != "tokens_by_model_daily" else {name: n for name, n in names().items() if "gpt-4o" in name}
    assert requests(given, view) == wanted


@pytest.mark.parametrize("view", OF_COSTS)
def test_costs_are_under_the_same_names_and_what_has_no_model_has_a_category(given: Given, view: str) -> None:
    assert costs(given, view) == {None: Decimal(4)} | {name: Decimal("1.5") * n for name, n in names().items()}
    assert given.shown(f"SELECT DISTINCT category, feature FROM bi.{view} WHERE model IS NULL") == [("tool_calls", "web search tool calls")]


def test_the_vendors_word_stays_beside_the_name(given: Given) -> None:
    shown = given.shown("SELECT model_reported, model FROM bi.usage_daily UNION SELECT model_reported, model FROM bi.usage_daily_by_model")
    assert sorted(shown) == sorted((used, name) for _, used, _, name in WORDS)


def test_the_dimension_has_one_row_per_name_and_every_fact_finds_its_own(given: Given) -> None:
    assert sorted(given.shown("SELECT model FROM bi.dim_model")) == sorted([("(none)",), *((name,) for name in names())])
    for fact, dimension, key in [
        ("fact_usage_daily", "dim_model", "model_key"), ("fact_costs_daily", "dim_model", "model_key"),
        ("fact_costs_daily", "dim_line_item", "line_item_key"), ("fact_costs_daily", "dim_organization", "organization_key"),
    ]:  # fmt: skip
        assert given.shown(f"SELECT {key} FROM bi.{fact} EXCEPT SELECT {key} FROM bi.{dimension}") == []


@pytest.fixture
def settings(warehouse: Warehouse) -> Settings:
    return Settings(warehouse_url=warehouse.loader_url)


def test_an_alias_is_seen_at_once_on_both_sides_changes_no_stored_row_and_can_be_taken_back(given: Given, settings: Settings) -> None:
    stored = "SELECT 'm', m.ctid::text, m.xmin::text, m::text FROM warehouse.dim_model m UNION ALL SELECT 'l', l.ctid::text, l.xmin::text,"
    stored += " l::text FROM warehouse.dim_line_item l UNION ALL SELECT 'g', g.ctid::text, g.xmin::text, g::text FROM warehouse.dim_group g"
    before, used, billed = given.do(stored), requests(given), costs(given)
    assert set_alias(settings, "Whisper-1", "transcription") == ["whisper-1 is shown as transcription"]
    assert requests(given)["transcription"] == used["whisper-1"]
    assert costs(given)["transcription"] == billed["whisper-1"]
    assert "whisper-1" not in requests(given) | costs(given)
    assert ("transcription", "transcription") in given.shown("SELECT model_key, model FROM bi.dim_model")
    assert list_aliases(settings) == [("whisper-1", "transcription")]
    assert given.do(stored) == before
    assert remove_alias(settings, "whisper-1") == "whisper-1 is shown as whisper-1 again"
    assert (requests(given), costs(given)) == (used, billed)
    assert list_aliases(settings) == []


def test_an_alias_of_one_word_leaves_the_other_words_of_the_model(given: Given, settings: Settings) -> None:
    set_alias(settings, "gpt-4o-2024-05-13", "gpt-4o-2024-05-13")
    assert {name: n for name, n in requests(given).items() if "gpt-4o" in name} == {"gpt-4o": 1, "gpt-4o-2024-05-13": 1, "ft:gpt-4o": 1}
    set_alias(settings, "gpt-4o", "four")
    assert {name: n for name, n in requests(given).items() if "whisper" not in name and "image" not in name} == {
        "four": 1, "gpt-4o-2024-05-13": 1, "ft:gpt-4o": 1,
    }  # fmt: skip


def test_an_alias_leads_to_a_name_that_is_shown(given: Given, settings: Settings) -> None:
    assert set_alias(settings, "gpt-image-1", "gpt-image-2-2026-04-21") == ["gpt-image-1 is shown as gpt-image-2"]
    with pytest.raises(
        FixConfiguration, match=r"gpt-image-1 is shown as gpt-image-2: give it another name first \(meterhouse alias gpt-image-1 x"
    ):
        set_alias(settings, "gpt-image-2", "x")
    assert set_alias(settings, "gpt-4o", "gpt-image-1") == ["gpt-4o is shown as gpt-image-2"]
    assert set(requests(given)) == {"whisper-1", "gpt-image-2", "ft:gpt-4o"}


@pytest.mark.parametrize("word", ["", "  ", "a\tb", "x" * 256])
def test_a_name_that_cannot_be_meant_is_refused(settings: Settings, word: str) -> None:
    for model, shown_as in ((word, "a"), ("a", word)):
        with pytest.raises(FixConfiguration, match="is not a model name"):
            set_alias(settings, model, shown_as)
    with pytest.raises(FixConfiguration, match="has no alias"):
        remove_alias(settings, "a")


def test_the_command_sets_lists_and_removes(
    given: Given, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", warehouse.loader_url)
    said = []
    for words in (["whisper-1", "ear"], ["later", "ear"], [], ["--remove", "later"], ["--remove", "whisper-1"], []):
        assert main(["alias", *words]) == 0
        said.append(capsys.readouterr().out.splitlines())
    assert said == [
        ["whisper-1 is shown as ear"],
        ["later is shown as ear", "nothing that is loaded is called later yet; it counts from when something is"],
        ["model      shown as", "later      ear", "whisper-1  ear"],
        ["later is shown as later again"],
        ["whisper-1 is shown as whisper-1 again"],
        ["no model is shown under an alias"],
    ]
    for words in (["a"], ["a", "b", "--remove", "c"], ["--remove", "a"]):
        assert main(["alias", *words]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_total_tokens_are_null_only_when_both_kinds_are(given: Given) -> None:
    cases = [({"input_tokens": 5}, 5), ({"input_tokens": 3, "output_tokens": 4}, 7), ({"output_tokens": 0}, 0)]
    for number, (figures, _) in enumerate(cases):
        given.usage(
            "completions", f"2026-02-0{number + 1}", {"num_model_requests": 1} | figures, project_id="p", api_key_id="k", user_id="u"
        )
        given.covered_days("completions", "2026-02-01", 3)
    given.usage("embeddings", "2026-02-04", {"input_tokens": 9, "num_model_requests": 1})
    given.usage("images", "2026-02-05", {"images": 1, "num_model_requests": 1})
    for view in TOTALS:
        day = "WHERE usage_date >= '2026-02-01' AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL OR requests = 1)"
        found = dict(given.shown(f"SELECT usage_date::text, max(total_tokens) FROM bi.{view} {day} GROUP BY 1"))
        wanted = {f"2026-02-0{number + 1}": total for number, (_, total) in enumerate(cases)} | {"2026-02-04": 9, "2026-02-05": None}
        assert found == {day: total for day, total in wanted.items() if day in found}, view
        assert len(found) >= 4, view


def test_free_traffic_is_marked_and_unknown_tiers_stay_unknown(given: Given) -> None:
    for number, tier in enumerate(["incentivized-tier", "default", "flex-tier", None]):
        given.usage("completions", f"2026-03-0{number + 1}", {"num_model_requests": 1}, service_tier=tier)
    shown = given.shown("SELECT service_tier, is_free_tier FROM bi.usage_daily WHERE usage_date >= '2026-03-01' ORDER BY usage_date")
    assert shown == [("incentivized-tier", True), ("default", False), ("flex-tier", False), (None, None)]


def test_every_view_adds_up_to_the_costs_that_are_shown_whatever_decimals_the_vendor_sends(given: Given) -> None:
    """Amounts of which more than twelve decimals add up to another sum than the rounded ones."""
    for number in range(1, 8):
        for project in "ab":
            amount = f"0.{'3' * 12}{number}{'4' * number}"
            given.cost(f"2026-01-0{number}", amount, project_id=project, line_item="gpt-x, output", api_key_id=f"k{number}")
            given.cost(f"2026-01-0{number}", "0.0000000000005", project_id=project, line_item="gpt-y, output")
    ((shown, exact),) = given.shown("SELECT sum(cost), sum(cost_exact::numeric) FROM bi.costs_daily")
    assert shown != exact.quantize(shown), "these amounts prove nothing"
    for view in MONEY:
        assert given.shown(f"SELECT sum(cost) FROM bi.{view}") == [(shown,)], view
    ((to_date,),) = given.shown("SELECT sum(month_cost) FROM bi.spend_month_to_date WHERE has_spend")
    assert to_date == shown
    assert given.shown("SELECT sum(cost) FROM bi.fact_costs_daily") == [(shown,)]
