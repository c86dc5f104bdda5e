"""FOCUS names: how the columns of the FOCUS view are called, and its instants written, in a file for tools that read FOCUS. Pure."""

from __future__ import annotations

from meterhouse.catalogue.focus_columns import FOCUS_COLUMNS
from meterhouse.errors import FixConfiguration

FOCUS_VIEWS = ("focus_costs",)
# How an instant is written where values are text.
FOCUS_INSTANTS = {"timestamp without time zone": """to_char({}, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""}
# Columns of FOCUS that other views have as well.
_SHARED = ("billed_cost", "invoice_id")


def require_focus(view: str) -> None:
    """Raise `FixConfiguration` for a view whose columns have no names of FOCUS."""
    if view not in FOCUS_VIEWS:
        raise FixConfiguration(f"bi.{view} has no columns of FOCUS: leave --names out, or export {', '.join(FOCUS_VIEWS)}")


def focus_name(column: str) -> str:
    """Return FOCUS's name of a column: BilledCost for billed_cost; what FOCUS does not have begins with x_, such as x_UsageDate."""
    words = column.removesuffix("_utc").removeprefix("x_").split("_")
    name = "".join(word.capitalize() for word in words)
    is_of_focus = column in _SHARED or (column in FOCUS_COLUMNS and not column.startswith("x_"))
    return name if is_of_focus else f"x_{name}"
