"""Saved files without a warehouse: how each kind is recognized, what its odd cells become, and the one line for what cannot be read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meterhouse.catalogue.endpoints import offered_by
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.errors import FixConfiguration
from meterhouse.imports.saved_texts import read_saved_file
from meterhouse.vendors.openai.saved.recognition import read_saved
from meterhouse.vendors.saved_file import SavedFigures

NOW = datetime(2026, 11, 20, tzinfo=UTC)
DAY = 1767225600  # 2026-01-01
TIMES = "start_time,end_time,start_time_iso,end_time_iso"
AT = f"{DAY},{DAY + 86400},2026-01-01T00:00:00,2026-01-02T00:00:00"
DUMP_ROW = {"aggregation_timestamp": DAY + 60, "n_requests": 2, "n_context_tokens_total": 30, "n_generated_tokens_total": 4}


def read(folder: Path, name: str, content: str | dict[str, Any] | list[Any], excluded: tuple[str, ...] = ()) -> SavedFigures:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return read_saved(read_saved_file(path, NOW).text, excluded)


def rows(figures: SavedFigures, endpoint: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """All rows of one stream, by start of the bucket and key."""
    stream = next(one for one in figures.streams if one.endpoint.name == endpoint)
    return {(bucket.start, *key): values for bucket in stream.page.buckets for key, values in bucket.rows.items()}


def refusal(folder: Path, name: str, content: str | dict[str, Any] | list[Any]) -> str:
    with pytest.raises(FixConfiguration) as told:
        read(folder, name, content)
    assert "\n" not in str(told.value)
    return str(told.value)


def usage_header(endpoint: Any) -> str:
    return ",".join([TIMES, *(one.name for one in endpoint.dimensions), *(one.name for one in endpoint.metrics)])


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("x.csv", f"{TIMES},amount_value,amount_currency\n{AT},1,usd\n", "an export of costs"),
        ("cost_2026-01-01_2026-01-31.csv", f"{TIMES}\n{AT}\n", "an export of costs"),
        ("moderations_usage_2026.csv", f"{TIMES}\n{AT}\n", "an export of usage of moderations"),
        (
            "cost-a.csv",
            f"timestamp,date,currency,name,cost,cost_in_major\n{DAY},2026-01-01,usd,GPT-4o,120,1.2\n",
            "an older export of costs",
        ),
        ("a.csv", f"timestamp,model,num_requests,n_context_tokens_total\n{DAY},gpt-4o,1,2\n", "an older export of activity"),
        ("b.json", {"daily_costs": [{"timestamp": DAY, "line_items": []}], "total_usage": 0}, "an answer of /dashboard/billing/usage"),
        ("u.json", {"object": "list", "data": [DUMP_ROW], "dalle_api_data": []}, "an answer of /v1/usage"),
        ("old.json", {"object": "list", "data": [DUMP_ROW]}, "an answer of /v1/usage"),
        ("e.json", {"data": [{"timestamp": DAY, "name": "GPT-4o", "cost_in_major": "1.2"}]}, "an older export of costs in JSON"),
        ("l.json", [{"timestamp": DAY, "name": "GPT-4o", "cost": "120"}], "an older export of costs"),
    ],
)
def test_each_kind_is_known_by_its_columns_or_keys(tmp_path: Path, name: str, content: Any, kind: str) -> None:
    assert read(tmp_path, name, content).kind == kind


USAGE = [endpoint for endpoint in offered_by(OPENAI).values() if not endpoint.is_costs]


@pytest.mark.parametrize("endpoint", USAGE, ids=lambda one: one.name)
def test_usage_is_known_by_its_columns_and_by_its_name_only_where_two_have_the_same(tmp_path: Path, endpoint: Any) -> None:
    zeros = ",".join([AT, *("" for _ in endpoint.dimensions), *("1" for _ in endpoint.metrics)])
    content = f"{usage_header(endpoint)}\n{zeros}\n"
    figures = read(tmp_path, f"{endpoint.name}_usage_2026-01-01_2026-01-31.csv", content)
    assert [stream.endpoint for stream in figures.streams] == [endpoint]
    twins = {one.name for one in USAGE if {m.name for m in one.metrics} == {m.name for m in endpoint.metrics}} - {endpoint.name}
    if twins:
        told = refusal(tmp_path, "renamed.csv", content)
        assert " or " in told
        assert all(name in told for name in (endpoint.name, *twins))
    else:
        assert [stream.endpoint for stream in read(tmp_path, "renamed.csv", content).streams] == [endpoint]


@pytest.mark.parametrize(
    "header",
    [
        "request_id,timestamp,model,prompt_tokens,completion_tokens,total_tokens,cost_usd",
        "user_id,start_time_iso,end_time_iso,model,price,amount",
        "start_time,end_time,tokens",
        "date,amount",
    ],
)
def test_an_unknown_header_is_shown(tmp_path: Path, header: str) -> None:
    told = refusal(tmp_path, "usage.csv", f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    assert told == (
        f"usage.csv is not an export or saved answer of OpenAI's usage or costs, as it has {', '.join(header.split(','))}:"
        " docs/import.md lists the files that can be imported"
    )


def test_unknown_keys_are_shown(tmp_path: Path) -> None:
    assert "as it has results, object: docs/import.md" in refusal(tmp_path, "x.json", {"object": "page", "results": [{"a": 1}]})


@pytest.mark.parametrize("content", ["[]", '{"error": {"message": "refused"}}'])
def test_an_answer_without_rows_says_so(tmp_path: Path, content: str) -> None:
    assert "as it has no rows: docs/import.md" in refusal(tmp_path, "x.json", content)


def test_an_export_that_was_cut_off_is_refused_and_not_read_as_far_as_it_goes(tmp_path: Path) -> None:
    content = f"{TIMES},amount_value,amount_currency,line_item\n{AT},1.50,usd,x\n{AT},1.2"
    assert refusal(tmp_path, "cost_x.csv", content) == (
        "cost_x.csv, line 3: it has 5 cells and the heading 7: the file is cut off, save it again"
    )


def test_counts_are_decimals_flags_are_capitals_and_an_unknown_column_is_kept(tmp_path: Path) -> None:
    header = f"{TIMES},num_model_requests,input_tokens,output_tokens,model,batch,new_figure,organization_name"
    figures = read(tmp_path, "completions_usage_x.csv", f"\ufeff{header}\n{AT},10.0,3e2,7,gpt-5,TRUE,99,Acme\n")
    assert rows(figures, "completions") == {
        (DAY, "gpt-5", True): (300, 7, *([None] * 14), 10, '{"new_figure":"99"}'),
    }
    assert figures.streams[0].page.unknown_fields == ("new_figure",)
    assert figures.streams[0].dimensions == tuple(one for one in figures.streams[0].endpoint.dimensions if one.name in {"model", "batch"})


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ("1.5,2,3", "num_model_requests is '1.5': write a whole number such as 1250"),
        ("x,2,3", "num_model_requests is 'x': write a plain number such as 1250"),
        (",2,3", "num_model_requests is '': a row with other figures needs it"),
        ("1,99999999999999999999999999999999,3", "input_tokens is '99999999999999999999999999999999': write a plain number such as 1250"),
    ],
)
def test_a_bad_count_is_one_line_with_file_line_and_column(tmp_path: Path, cells: str, told: str) -> None:
    header = f"{TIMES},num_model_requests,input_tokens,output_tokens"
    assert (
        refusal(tmp_path, "completions_usage_x.csv", f"{header}\n{AT},1,1,1\n{AT},{cells}\n") == f"completions_usage_x.csv, line 3: {told}"
    )


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        (DAY + 3600, DAY + 3600 + 86400, "a row must lie within one UTC day"),
        (DAY, DAY, "a row must lie within one UTC day"),
        (DAY, DAY + 7 * 86400, "a row must lie within one UTC day"),
        ("2026-01-01", DAY, "start_time is '2026-01-01'"),
        (10**18, 10**18 + 1, "write Unix seconds such as"),
    ],
)
def test_a_row_that_is_of_no_utc_day_is_refused(tmp_path: Path, start: Any, end: Any, told: str) -> None:
    content = f"start_time,end_time,amount_value,amount_currency\n{start},{end},1,usd\n"
    assert told in refusal(tmp_path, "cost_x.csv", content)


def test_a_quoted_line_item_with_a_comma_and_a_pasted_table_are_read(tmp_path: Path) -> None:
    header = f"{TIMES},amount_value,amount_currency,quantity,quantity_unit,line_item"
    text = f'{header}\n{AT},0.10,usd,5,tokens,"gpt-5-nano, input_tokens"\n{AT},0.20,usd,5,tokens,"gpt-5-nano, input_tokens"\n'
    expected = {(DAY, "gpt-5-nano, input_tokens", "usd"): (Decimal("0.3"), Decimal(10), "tokens", None)}
    assert rows(read(tmp_path, "cost_x.csv", text), "costs") == expected
    pasted = text.replace(",input", ";input").replace('"gpt-5-nano, input_tokens"', "gpt-5-nano; input_tokens").replace(",", "\t")
    pasted = pasted.replace("gpt-5-nano; ", "gpt-5-nano, ")
    assert rows(read(tmp_path, "cost_y.csv", pasted), "costs") == expected


def test_cents_lose_no_digit_and_names_without_cost_are_left_out(tmp_path: Path) -> None:
    lines = [{"name": "Chat models", "cost": 1.46}, {"name": "GPT-4", "cost": 0}, {"name": "Audio models", "cost": "1e-31"}]
    answer = {"object": "list", "daily_costs": [{"timestamp": float(DAY), "line_items": lines}], "total_usage": 1.46}
    found = rows(read(tmp_path, "billing.json", answer), "costs")
    assert {key[1]: values[0] for key, values in found.items()} == {"Chat models": Decimal("0.0146"), "Audio models": Decimal("1e-33")}


def test_the_answer_of_a_gateway_is_not_the_bill(tmp_path: Path) -> None:
    for answer in ({"object": "list", "total_usage": 1234.5}, {"object": "list", "daily_costs": [], "total_usage": 0}):
        assert "has no daily_costs, so it is the answer of a gateway" in refusal(tmp_path, "usage.json", answer)


def test_an_answer_that_was_cut_is_refused(tmp_path: Path) -> None:
    answer = {"daily_costs": [{"timestamp": DAY, "line_items": [{"name": "GPT-4", "cost": 100}]}], "total_usage": 350.5}
    told = "b.json: its lines add up to 100 cents and total_usage says 350.5: give the whole answer as it was saved"
    assert refusal(tmp_path, "b.json", answer) == told


def test_rows_of_one_minute_and_another_are_one_row_of_the_day(tmp_path: Path) -> None:
    base = DUMP_ROW | {"snapshot_id": "gpt-4o-2024-08-06", "operation": "completion", "request_type": "", "project_id": "Default Project"}
    other = base | {"aggregation_timestamp": DAY + 7200, "n_cached_context_tokens_total": 5, "request_type": ""}
    embedded = DUMP_ROW | {"snapshot_id": "text-embedding-3-small", "operation": "embeddings"}
    figures = read(tmp_path, "u.json", {"data": [base, other, base | {"request_type": "batch"}, embedded], "tts_api_data": []})
    found = rows(figures, "completions")
    # The name of a project is not its identifier, which nobody knows.
    assert {key[1:]: (values[0], values[2], values[-2]) for key, values in found.items()} == {
        ("gpt-4o-2024-08-06", False): (60, 5, 4),
        ("gpt-4o-2024-08-06", True): (30, None, 2),
    }
    assert {key[1:]: values[:2] for key, values in rows(figures, "embeddings").items()} == {("text-embedding-3-small",): (30, 2)}
    assert {stream.endpoint.name for stream in figures.streams} == {"completions", "embeddings", "audio_speeches"}
    assert all((bucket.start, bucket.end) == (DAY, DAY + 86400) for stream in figures.streams for bucket in stream.page.buckets)


def test_a_dump_of_2022_has_other_names(tmp_path: Path) -> None:
    old = {"aggregation_timestamp": DAY, "n_requests": 1, "operation": "completion", "snapshot_id": "text-davinci-003", "n_context": 7}
    found = rows(read(tmp_path, "u.json", {"object": "list", "data": [old | {"n_generated": 9}], "ft_data": []}), "completions")
    assert {key[1:]: values[:2] for key, values in found.items()} == {("text-davinci-003",): (7, 9)}


def test_a_dump_without_rows_is_of_the_day_in_its_name(tmp_path: Path) -> None:
    empty = {"object": "list", "data": [], "ft_data": [], "dalle_api_data": [], "current_usage_usd": 0.0}
    figures = read(tmp_path, "usage-2026-01-01.json", empty)
    assert {(stream.endpoint.name, bucket.start) for stream in figures.streams for bucket in stream.page.buckets} == {
        ("completions", DAY),
        ("embeddings", DAY),
        ("images", DAY),
    }
    assert "name it after the day" in refusal(tmp_path, "usage.json", empty)
    assert "name it after the day" in refusal(tmp_path, "2026-01-01_2026-01-02.json", empty)


def test_an_older_export_covers_the_days_between_its_rows(tmp_path: Path) -> None:
    text = f"timestamp,name,cost_in_major,currency\n{DAY},GPT-4o,1.25,usd\n{DAY + 3 * 86400},GPT-4o,2,usd\n"
    figures = read(tmp_path, "cost-2026-01-01-2026-01-05.csv", text)
    assert [(bucket.start, len(bucket.rows)) for bucket in figures.streams[0].page.buckets] == [
        (DAY + number * 86400, rows_of_day) for number, rows_of_day in enumerate([1, 0, 0, 1])
    ]


def test_excluded_dimensions_are_added_up_and_addresses_go_with_users(tmp_path: Path) -> None:
    header = f"{TIMES},num_model_requests,input_tokens,user_id,model,user_email"
    text = f"{header}\n{AT},1,10,user-a,text-embedding-3-small,a@example.com\n{AT},2,20,user-b,text-embedding-3-small,b@example.com\n"
    assert len(rows(read(tmp_path, "embeddings_usage_x.csv", text), "embeddings")) == 2
    found = read(tmp_path, "embeddings_usage_x.csv", text, excluded=("user_id",))
    assert rows(found, "embeddings") == {(DAY, "text-embedding-3-small"): (30, 3, None)}


def test_what_is_no_file_of_rows_is_refused(tmp_path: Path) -> None:
    assert "is empty" in refusal(tmp_path, "x.csv", "")
    assert "this is not JSON" in refusal(tmp_path, "x.json", '{"data": [')
    assert "give a JSON list of objects" in refusal(tmp_path, "x.json", {"data": [1, 2]})
    assert "has no row" in refusal(tmp_path, "cost_x.csv", f"{TIMES},amount_value,amount_currency\n")


def test_odd_text_is_stored_with_a_symbol_and_a_key_is_masked(tmp_path: Path) -> None:
    row = {"timestamp": DAY, "name": "GPT\ud800-4\u0000o", "cost_in_major": "1.2"}
    found = rows(read(tmp_path, "e.json", {"data": [row]}), "costs")
    assert [key[1] for key in found] == ["GPT\ufffd-4\u2400o"]
    text = f"{TIMES},num_model_requests,input_tokens,output_tokens,note\n{AT},1,2,3,sk-proj-abcdefghijklmnopqrstuvwxyz\n"
    (values,) = rows(read(tmp_path, "completions_usage_x.csv", text), "completions").values()
    assert "abcdef" not in str(values)


@pytest.mark.parametrize("lines", ["GPT-4", 5, {"name": "GPT-4"}, [1]])
def test_lines_of_a_day_that_are_no_list_are_refused(tmp_path: Path, lines: Any) -> None:
    told = refusal(tmp_path, "b.json", {"daily_costs": [{"timestamp": DAY, "line_items": lines}], "total_usage": 0})
    assert told.startswith("b.json, daily_costs 1: line_items is ")


WHOLE = [
    f"{TIMES},amount_value,amount_currency,quantity,quantity_unit,line_item,project_id,user_id\n{AT},0.1,usd,5,tokens,gpt-5,proj_a,user-a\n",
    f"{TIMES},num_model_requests,input_tokens,output_tokens,batch,model\n{AT},1.0,2,3,TRUE,gpt-5\n",
    f"timestamp,model,num_requests,n_context_tokens_total\n{DAY},gpt-4o,1,2\n",
    json.dumps({"data": [DUMP_ROW], "dalle_api_data": [{"timestamp": DAY, "num_images": 1, "num_requests": 1, "model_id": "dall-e-3"}]}),
    json.dumps({"daily_costs": [{"timestamp": DAY, "line_items": [{"name": "GPT-4", "cost": 1.5}]}], "total_usage": 1.5}),
    json.dumps({"data": [{"timestamp": DAY, "name": "GPT-4o", "cost": "120", "cost_in_major": "1.2", "currency": "usd"}]}),
]
SCRAPS = st.sampled_from(
    ["", "-", "1e9999", "NaN", "9" * 40, "[", "{}", '"', ",", "\n", "\x00", "null", "true", "\u00e9", "\ud83d", "0", "1767225600"]
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), SCRAPS), max_size=4))
def test_whatever_is_in_a_file_it_is_read_or_refused_in_one_line(
    tmp_path: Path, content: str, changes: list[tuple[float, int, str]]
) -> None:
    for place, length, scrap in changes:
        at = int(place * len(content))
        content = content[:at] + scrap + content[at + length :]
    path = tmp_path / "completions_usage_2026-01-01.csv"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    try:
        said = read_saved(read_saved_file(path, NOW).text, ()).kind
    except FixConfiguration as refused:
        said = str(refused)
    assert said
    assert "\n" not in said
