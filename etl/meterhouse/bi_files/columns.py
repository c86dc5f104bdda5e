"""Columns: every column of every `bi` view with its type, meaning, unit and role, known without a database.

Names and types are those of `warehouse/columns.json`, which `python -m meterhouse.bi_files.columns` writes from a temporary
migrated warehouse (on the embedded server, or on the one whose address is given). Meanings and units are the data dictionary's,
so a renamed column is renamed in every file that is made of this list.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg

from meterhouse.bi_files.files import folder_of, run
from meterhouse.catalogue.dictionary import COLUMNS, usage_measures
from meterhouse.export.output import HANDED_ON, write_whole
from meterhouse.warehouse import shipped_columns
from meterhouse.warehouse.view_reach import VIEW_NAMES
from meterhouse.warehouse.views import views

Role = Literal["date", "key", "name", "id", "measure", "flag", "attribute"]

# Of the figures that are no usage metric: what adds up over rows, within one currency or unit where there are several.
_ADDITIVE = {
    "cost", "cost_usd", "quantity", "row_count", "bucket_count", "empty_bucket_count", "provisional_bucket_count", "missing_bucket_count",
    "old_value", "new_value", "cacheable_input_tokens", "rows_without_requests", "rows_without_tokens", "rows_without_cost",
    "settled_bucket_count", "settled_cost", "compared_cost", "previous_compared_cost", "month_cost", "total_tokens",
    "cost_billed_by_user", "cost_billed_by_key", "cost_by_quantity", "cost_unallocated",
    "amount", "billed", "invoiced", "tax", "credit", "bundle", "adjustment", "restatement", "period_shift", "rounding", "unexplained",
    "correction", "corrections", "invoice_count", "bought", "drawn", "lapsed", "credits_left", "cost_not_covered", "next_expiry_credits",
    "cost_converted",
    "rows_without_quantity", "estimated_cost", "billed_cost", "cost_gap", "cache_saved", "cache_write_premium", "cache_saved_net",
    "cached_tokens", "batch_saved", "batch_tokens", "cache_unused", "uncached_tokens", "batch_unused", "standard_tokens",
    "previous_cost", "change_cost", "days_effect", "volume_effect", "model_mix_effect", "tier_mix_effect", "direction_mix_effect",
    "cache_effect", "price_effect", "new_cost", "gone_cost", "restatement_effect", "credit_effect", "other_effect",
    "effective_cost", "contracted_cost", "list_cost", "consumed_quantity", "pricing_quantity",
    "forecast_rest_cost", "excess_cost",
}  # fmt: skip
_WORDS = {"api": "API", "id": "ID", "usd": "USD", "utc": "UTC", "iso": "ISO"}


@dataclass(frozen=True)
class Column:
    """One column of one view.

    `type` is PostgreSQL's, such as `numeric(28,12)`; `description` is the comment (meaning, unit, null); `unit` is None unless it is a
    measure. `additive` says that values of rows may be summed (money within one currency, quantity within one line item and unit).
    """

    view: str
    name: str
    type: str
    description: str
    unit: str | None
    role: Role
    additive: bool

    @property
    def caption(self) -> str:
        """The name as people read it: `api_key_id` is `API key ID`."""
        words = " ".join(_WORDS.get(word, word) for word in self.name.split("_"))
        return words[0].upper() + words[1:]

    @property
    def base_type(self) -> str:
        """The type without length, precision and scale, such as `numeric`."""
        return self.type.partition("(")[0]


def public_columns() -> list[Column]:
    """Return the columns of all public views, in the order of `VIEW_NAMES` and of each view.

    A view that `columns.json` does not know yet is left out; a test says so, and names the command that rewrites it.
    """
    types = shipped_columns.types()
    return [_column(view, name, type_) for view in VIEW_NAMES if view in types for name, type_ in types[view].items()]


def columns_of(view: str) -> list[Column]:
    """Return the columns of one public view, in order. Raises `LookupError` when there is none of this name."""
    found = [column for column in public_columns() if column.view == view]
    if not found:
        raise LookupError(f"there is no view bi.{view} in columns.json: run python -m meterhouse.bi_files.columns if it is new")
    return found


def view_comments() -> dict[str, str]:
    """Return each public view's comment: what a row is, when it is refreshed, what can be added up."""
    return {view.name: view.comment for view in views() if view.schema == "bi"}


def types_in(url: str) -> dict[str, dict[str, str]]:
    """Return name and PostgreSQL type of every column of the shipped views in a warehouse, as `columns.json` holds them."""
    found: dict[str, dict[str, str]] = {name: {} for name in VIEW_NAMES}
    with psycopg.connect(url) as connection:
        for view, column, type_ in connection.execute(
            "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
            " WHERE c.relnamespace = 'bi'::regnamespace AND c.relkind = 'v' AND a.attnum > 0 AND NOT a.attisdropped"
            " ORDER BY c.relname, a.attnum"
        ):
            if view in found:
                found[view][column] = type_.replace("character varying", "varchar")
    return found


def _column(view: str, name: str, type_: str) -> Column:
    meaning = COLUMNS[name]
    role = _role(name, type_, meaning.unit)
    metric = usage_measures().get(name)
    additive = role == "measure" and (metric.additive if metric else name in _ADDITIVE)
    return Column(view, name, type_, meaning.comment(), meaning.unit, role, additive)


def _role(name: str, type_: str, unit: str | None) -> Role:
    if type_ == "boolean":
        return "flag"
    if type_.startswith(("date", "timestamp")):
        return "date"
    if name.endswith("_key") and not unit:
        return "key"
    if name.endswith("_id"):
        return "id"
    # cost_exact has a unit and is text: nothing to add up.
    if unit and not type_.startswith("varchar"):
        return "measure"
    return "name" if name.endswith("_name") or name in {"user_email", "organization"} else "attribute"


def _write(url: str) -> None:
    write_whole((json.dumps(types_in(url), indent=1) + "\n").encode(), shipped_columns.FILE, HANDED_ON)
    # The migration that went before has read the old list.
    shipped_columns.types.cache_clear()


def main(arguments: Sequence[str]) -> None:
    """Write the list from the warehouse at the given address, or from one of its own; only a checkout's list is rewritten."""
    folder_of("columns", None)
    if arguments:
        _write(arguments[0])
        return
    from meterhouse.local.postgres import temporary_postgres  # noqa: PLC0415  # files are read without a server
    from meterhouse.warehouse.migrate import migrate  # noqa: PLC0415

    with temporary_postgres(fsync=False) as server:
        migrate(server.url())
        _write(server.url())


if __name__ == "__main__":
    run(main)
