"""Month invoices: whether each calendar month ties to its invoices, in the words of the panel that shows months. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from meterhouse.answers.rows import TieOut
from meterhouse.dashboard.snapshot import Snapshot

_NAMED = 3
_NO_INVOICE = "no invoice"


def invoice_rows(snapshot: Snapshot) -> list[TieOut] | None:
    """Return what is known of invoices in the shown currency; None for a part of an organization, which no invoice is of."""
    chosen = snapshot.filters
    if snapshot.answers.tie_outs is None or chosen.projects or chosen.models or chosen.api_keys or chosen.users:
        return None
    return [row for row in snapshot.answers.tie_outs if row.currency == snapshot.currency]


def invoice_words(rows: Sequence[TieOut], month: date) -> str:
    """Return how a month stands, by organization if they differ."""
    found = {row.organization: _state(row) for row in rows if row.month_start == month}
    if len(set(found.values())) <= 1:
        return next(iter(found.values()), _NO_INVOICE)
    return "; ".join(f"{organization}: {state}" for organization, state in found.items())


def invoices_note(snapshot: Snapshot) -> str:
    """Return what the panel says of invoices in all."""
    if snapshot.is_of_a_team:
        return "An invoice covers all projects, not only the granted ones."
    rows = invoice_rows(snapshot)
    if rows is None:
        return "An invoice covers everything, not only what is chosen."
    compared = [row for row in rows if row.state not in {"no_invoice", "open"}]
    if not compared:
        return "No month was compared with an invoice yet: meterhouse import invoice does that."
    wrong = [f"{row.month_start:%B %Y}" for row in compared if row.state == "mismatch"]
    if not wrong:
        return "Every month that was compared with its invoices ties; the table says which."
    more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    return f"Not every month ties to its invoices: see {', '.join(wrong[:_NAMED])}{more} in the table."


def _state(row: TieOut) -> str:
    if row.state.startswith("tied"):
        return "ties"
    words = {"mismatch": "does not tie", "no_invoice": _NO_INVOICE}.get(row.state, row.state)
    return f"{words}: {row.state_reason}" if row.state_reason and row.state != "no_invoice" else words
