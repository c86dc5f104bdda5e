"""The catalogue against the vendor's own SDK: what the vendor offers and the catalogue lacks is reported by name."""

from __future__ import annotations

import importlib
import importlib.util
import re
import types
import typing
from dataclasses import replace
from typing import Any, Literal

import openai
import pytest
from openai.resources.admin.organization.usage import Usage
from tests.published import NOT_YET_IN_THE_SDK, require_sdk_method, sdk_methods, sdk_name, unknown_to_the_sdk

from meterhouse.catalogue import endpoints
from meterhouse.catalogue.endpoints import (
    COMPLETIONS,
    COPIES_OF_COSTS,
    COSTS,
    COSTS_BY_USER,
    COSTS_OF_VENDORS,
    ENDPOINTS,
    IMAGES,
    REPEATING_REQUESTS,
    USAGE_DIMENSIONS,
    WIDTHS,
    WITHOUT_CALLER,
    Endpoint,
    Kind,
    offered_by,
)
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.vendors.openai.wire import path_of

SDK = "openai.types.admin.organization"
KIND_OF_TYPE = {int: Kind.COUNT, float: Kind.DECIMAL, bool: Kind.FLAG, str: Kind.TEXT}
# Columns of a cost row in addition to its metrics.
BESIDE_METRICS = {"object", "quantity_unit"}
OF_OPENAI = offered_by(OPENAI)
by_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=lambda endpoint: endpoint.name)
by_endpoint_of_openai = pytest.mark.parametrize("endpoint", OF_OPENAI.values(), ids=lambda endpoint: endpoint.name)


def sdk_types(endpoint: Endpoint, kind: str) -> types.ModuleType:
    name = f"usage_{sdk_name(endpoint)}_{kind}"
    require_sdk_method(endpoint)
    assert importlib.util.find_spec(f"{SDK}.{name}"), f"{endpoint.name}: openai {openai.__version__} has the method and no {name}"
    return importlib.import_module(f"{SDK}.{name}")


def camel(name: str) -> str:
    return "".join(word.title() for word in name.split("_"))


def arguments_of(annotation: Any) -> list[Any]:
    """Every type and literal below an annotation."""
    if typing.get_origin(annotation) is Literal:
        return list(typing.get_args(annotation))
    found = [annotation]
    for argument in typing.get_args(annotation):
        found += arguments_of(argument)
    return found


def sdk_row(endpoint: Endpoint) -> Any:
    """The SDK's model of this endpoint's rows, found by the object that it names."""
    for model in vars(sdk_types(endpoint, "response")).values():
        fields = getattr(model, "model_fields", {})
        if "object" in fields and endpoint.object in typing.get_args(fields["object"].annotation):
            return model
    raise AssertionError(f"{endpoint.name}: the SDK's answer has no row of kind {endpoint.object}")


def sdk_parameters(endpoint: Endpoint) -> dict[str, Any]:
    return typing.get_type_hints(getattr(sdk_types(endpoint, "params"), camel(f"usage_{sdk_name(endpoint)}_params")))


def sdk_dimensions(endpoint: Endpoint) -> set[str]:
    return {value for value in arguments_of(sdk_parameters(endpoint)["group_by"]) if isinstance(value, str)}


def known_dimensions(endpoint: Endpoint) -> set[str]:
    return {dimension.name for dimension in endpoint.dimensions}


def known_metrics(endpoint: Endpoint) -> set[str]:
    return {metric.name for metric in endpoint.metrics}


def missing_from_catalogue(endpoint: Endpoint) -> list[str]:
    """What the SDK knows of an endpoint and the catalogue does not, in words."""
    fields = set(sdk_row(endpoint).model_fields)
    dimensions = sdk_dimensions(endpoint)
    ignored = set(endpoint.ignored_fields)
    metrics = fields - dimensions - known_dimensions(endpoint) - known_metrics(endpoint) - ignored - BESIDE_METRICS
    missing = [f"metric {name}" for name in sorted(metrics)]
    missing += [f"dimension {name}" for name in sorted(dimensions - known_dimensions(endpoint) - ignored)]
    offered = arguments_of(sdk_parameters(endpoint)["bucket_width"])
    return missing + [f"bucket width {name}" for name in WIDTHS if name in offered and WIDTHS[name] not in endpoint.widths]


# -- against the SDK ------------------------------------------------------------------------------------------------------------------


def test_the_catalogue_has_the_endpoints_of_the_sdk_and_no_other():
    client = openai.OpenAI(admin_api_key="sk-admin-none", api_key="sk-none", base_url="http://127.0.0.1:9")
    names = {sdk_name(endpoint) for endpoint in OF_OPENAI.values()}
    assert names == set(OF_OPENAI) - {endpoint.name for endpoint in COPIES_OF_COSTS}
    unknown = names - sdk_methods()
    assert unknown <= NOT_YET_IN_THE_SDK, "; ".join(map(unknown_to_the_sdk, sorted(unknown - NOT_YET_IN_THE_SDK)))
    assert not (over := NOT_YET_IN_THE_SDK - unknown), f"take {sorted(over)} out of NOT_YET_IN_THE_SDK in tests/published.py"
    assert not (missing := sdk_methods() - names), f"add to the catalogue in endpoints.py: {missing}"
    assert all(callable(getattr(client.admin.organization.usage, name)) for name in names - unknown)
    client.close()


@by_endpoint_of_openai
def test_the_catalogue_lacks_nothing_that_the_sdk_knows(endpoint):
    missing = missing_from_catalogue(endpoint)
    assert not missing, f"{endpoint.name}: add to the catalogue in endpoints.py: {', '.join(missing)}"


@by_endpoint_of_openai
def test_the_catalogue_invents_nothing_that_the_sdk_does_not_know(endpoint):
    fields = set(sdk_row(endpoint).model_fields)
    assert known_metrics(endpoint) <= fields
    assert known_dimensions(endpoint) <= fields
    assert known_dimensions(endpoint) <= sdk_dimensions(endpoint)
    assert {width.name for width in endpoint.widths} <= {str(value) for value in arguments_of(sdk_parameters(endpoint)["bucket_width"])}


@by_endpoint_of_openai
def test_what_the_sdk_requires_is_required_and_what_it_does_not_may_be_absent(endpoint):
    fields = sdk_row(endpoint).model_fields
    required = {name for name in known_metrics(endpoint) if fields[name].is_required()}
    if not endpoint.is_costs:  # a cost row without an amount is stored as unknown, so there the flag means "always shown"
        assert required == {metric.name for metric in endpoint.metrics if metric.required}
    assert not any(fields[name].is_required() for name in known_dimensions(endpoint))


@by_endpoint_of_openai
def test_the_kind_of_every_column_is_the_one_that_the_sdk_gives_it(endpoint):
    fields = sdk_row(endpoint).model_fields
    for column in (*endpoint.metrics, *endpoint.dimensions):
        found = arguments_of(fields[column.name].annotation)
        kinds = {KIND_OF_TYPE[kind] for kind in found if kind in KIND_OF_TYPE}
        kinds |= {Kind.TEXT for value in found if isinstance(value, str)}
        assert kinds <= {column.kind}, f"{endpoint.name}.{column.name}"
        assert kinds or column.name == "amount"


@by_endpoint_of_openai
def test_the_path_is_the_one_that_the_sdk_asks(endpoint):
    require_sdk_method(endpoint)
    recorded = []
    resource = Usage(types.SimpleNamespace(get=None, post=None, patch=None, put=None, delete=None, get_api_list=None))
    resource._get = lambda path, **_: recorded.append(path)
    getattr(resource, sdk_name(endpoint))(start_time=0)
    assert recorded == [path_of(endpoint)]


# -- the comparison can fail ----------------------------------------------------------------------------------------------------------


def lesser(endpoint: Endpoint, *, metric: str = "", dimension: str = "") -> Endpoint:
    return replace(
        endpoint,
        metrics=tuple(known for known in endpoint.metrics if known.name != metric),
        dimensions=tuple(known for known in endpoint.dimensions if known.name != dimension),
    )


@by_endpoint_of_openai
def test_a_catalogue_that_lacks_a_metric_is_reported_with_its_name(endpoint):
    for metric in endpoint.metrics:
        assert missing_from_catalogue(lesser(endpoint, metric=metric.name)) == [f"metric {metric.name}"]


@by_endpoint_of_openai
def test_a_catalogue_that_lacks_a_dimension_is_reported_with_its_name(endpoint):
    for dimension in endpoint.dimensions:
        assert missing_from_catalogue(lesser(endpoint, dimension=dimension.name)) == [f"dimension {dimension.name}"]


def test_a_catalogue_that_lacks_a_bucket_width_is_reported_with_its_name():
    assert missing_from_catalogue(replace(IMAGES, widths=(endpoints.DAY,))) == ["bucket width 1m", "bucket width 1h"]


def test_ignoring_a_field_is_said_in_the_catalogue_and_not_here():
    assert missing_from_catalogue(replace(COSTS, ignored_fields=())) == ["dimension api_source", "dimension user_id"]


def test_rows_of_an_unknown_kind_are_noticed():
    with pytest.raises(AssertionError, match=r"organization\.usage\.new"):
        sdk_row(replace(COMPLETIONS, object="organization.usage.new"))


# -- the catalogue on its own ---------------------------------------------------------------------------------------------------------


@by_endpoint
def test_every_column_has_a_unit_and_one_sentence_of_help(endpoint):
    assert re.fullmatch(r"[A-Z].*\.", endpoint.help)
    for column in (*endpoint.metrics, *endpoint.dimensions):
        assert re.fullmatch(r"[A-Z][^\n]{10,}[^.\s]\.", column.help), column.name
        assert ". " not in column.help, f"{column.name}: one sentence"
    for metric in endpoint.metrics:
        assert re.fullmatch(r"[a-z_]+(?: [a-z_]+)*", metric.unit), metric.name


@by_endpoint
def test_names_are_unique_and_fit_for_columns(endpoint):
    names = [dimension.name for dimension in endpoint.dimensions]
    for columns in (names + [metric.name for metric in endpoint.metrics], names + [metric.column for metric in endpoint.metrics]):
        assert len(columns) == len(set(columns))
        assert all(re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name) for name in columns)
    assert not set(names) & set(endpoint.ignored_fields)
    assert endpoint.organization_field not in (*names, *endpoint.ignored_fields, *(metric.name for metric in endpoint.metrics))


@by_endpoint
def test_columns_are_of_types_that_every_bi_tool_reads(endpoint):
    for metric in endpoint.metrics:
        assert metric.kind is (Kind.DECIMAL if endpoint.is_costs else Kind.COUNT), metric.name
    for dimension in endpoint.dimensions:
        assert dimension.kind in (Kind.TEXT, Kind.FLAG)
        assert 0 < dimension.max_length <= 255, "wider text cannot be an index key or a join field everywhere"
    flags = [dimension.name for dimension in endpoint.dimensions if dimension.kind is Kind.FLAG]
    assert flags in ([], ["batch"])


def test_one_name_means_one_thing_everywhere():
    for kind in ("dimensions", "metrics"):
        meanings: dict[str, Any] = {}
        for endpoint in ENDPOINTS.values():
            for column in getattr(endpoint, kind):
                assert meanings.setdefault(column.name, column) == column, f"{column.name} has two meanings"
    columns: dict[str, str] = {}
    for endpoint in ENDPOINTS.values():
        for metric in endpoint.metrics:
            assert columns.setdefault(metric.column, metric.name) == metric.name, f"{metric.column} shows two metrics"


def test_paths_tables_and_kinds_are_unique_but_for_copies_of_the_costs():
    for name in ("table", "name"):
        assert len({getattr(endpoint, name) for endpoint in ENDPOINTS.values()}) == len(ENDPOINTS), name
    originals = [endpoint for endpoint in offered_by(OPENAI).values() if endpoint not in COPIES_OF_COSTS]
    assert len({endpoint.object for endpoint in originals}) == len({path_of(endpoint) for endpoint in originals}) == len(originals)


def test_a_copy_of_the_costs_is_the_same_money_in_a_stream_a_table_and_a_family_of_its_own():
    assert COPIES_OF_COSTS == (COSTS_BY_USER,)
    assert (COSTS_BY_USER.object, path_of(COSTS_BY_USER)) == (COSTS.object, path_of(COSTS))
    assert (COSTS_BY_USER.metrics, COSTS_BY_USER.widths) == (COSTS.metrics, COSTS.widths)
    assert COSTS_BY_USER.is_costs
    assert COSTS_BY_USER.family != COSTS.family
    # It says what the original does not, and nothing without the users.
    assert {one.name for one in COSTS_BY_USER.dimensions} - {one.name for one in COSTS.dimensions} == {"user_id"}
    assert [one.name for one in COSTS_BY_USER.essential_dimensions] == ["user_id"]
    assert offered_by(OPENAI)[COSTS_BY_USER.name] is COSTS_BY_USER


def test_the_costs_of_every_vendor_fit_the_table_that_they_share():
    assert COSTS in COSTS_OF_VENDORS
    for costs in COSTS_OF_VENDORS:
        assert (costs.name, costs.table, costs.metrics) == (COSTS.name, COSTS.table, COSTS.metrics)
        assert set(costs.dimensions) <= set(COSTS.dimensions)
    assert len({costs.vendor for costs in COSTS_OF_VENDORS}) == len(COSTS_OF_VENDORS)


@by_endpoint
def test_optional_dimensions_are_dimensions_and_widths_are_the_vendors(endpoint):
    assert set(endpoint.optional_dimensions) <= set(endpoint.dimensions)
    assert set(endpoint.essential_dimensions) <= set(endpoint.dimensions) - set(endpoint.optional_dimensions)
    assert {(width.name, width.seconds) for width in endpoint.widths} <= {(width.name, width.seconds) for width in WIDTHS.values()}
    assert endpoint not in OF_OPENAI.values() or set(endpoint.widths) <= set(WIDTHS.values())
    assert endpoint.is_costs or set(endpoint.dimensions) <= set(USAGE_DIMENSIONS)


def test_widths_are_whole_minutes_that_divide_a_day():
    for width in WIDTHS.values():
        assert width.seconds == width.minutes * 60
        assert 86400 % width.seconds == 0
    assert {width.name: width.max_buckets for width in WIDTHS.values()} == {"1m": 1440, "1h": 168, "1d": 31}


def test_only_a_level_is_not_to_be_added_up_over_time():
    levels = {metric.name for endpoint in ENDPOINTS.values() for metric in endpoint.metrics if not metric.additive}
    assert levels == {"usage_bytes"}, (
        "a level is shown at the end of a period and never added over time: is the new one meant to be? Name it here"
    )


def test_traits_say_what_repeats_what_names_nobody_and_which_widths_are_loaded() -> None:
    of_openai = [name for name in REPEATING_REQUESTS if name in OF_OPENAI]
    assert of_openai == ["web_search_calls"], (
        "requests of these are left out of sums over endpoints: is the new one meant to be? Name it here"
    )
    of_openai = [name for name in WITHOUT_CALLER if name in OF_OPENAI]
    assert of_openai == ["vector_stores", "code_interpreter_sessions"], "their rows name no user and no key: add the new one here"
    assert [width.name for width in COMPLETIONS.chosen_widths(("1h",))] == ["1h"]
    assert [width.name for width in COSTS.chosen_widths(("1h",))] == ["1d"], "costs have days only, whatever is asked for"
    for endpoint in ENDPOINTS.values():
        assert set(endpoint.repeated_metrics) <= set(endpoint.metrics), endpoint.name
        for metric, dimension in endpoint.overlaps:
            assert metric in endpoint.metrics, endpoint.name
            assert dimension in endpoint.dimensions, endpoint.name
