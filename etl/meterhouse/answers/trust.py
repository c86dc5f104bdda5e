"""Whether the figures can be trusted: through which day they are settled, which month ties to its invoice, and which checks fail. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from meterhouse import formats
from meterhouse.answers.answer import Answer, State, listed, month, unknown
from meterhouse.answers.rows import AnswerRows, CheckResult, TieOut, last_day
from meterhouse.counts import counted

KEY, LABEL = "trust", "Trust"
_NAMED = 3
_TIED, _MISMATCH = ("tied", "tied_with_rounding"), "mismatch"
# Of a check that says that figures cannot be trusted; the others only warn.
_FAIL = "fail"


def trust(rows: AnswerRows) -> Answer:
    """Return why the figures can be trusted or not, whatever their currency. A team sees neither invoices nor checks."""
    loaded = rows.loaded_costs or ()
    if not loaded:
        return unknown(KEY, LABEL, "no costs are loaded yet")
    through = rows.settled_through
    missing = sum(one.missing_bucket_count or 0 for one in loaded)
    failing = [one for one in rows.check_results or () if not one.is_ok and one.severity == _FAIL]
    latest = _latest(rows)
    is_doubtful = (
        through is None
        or (rows.month is not None and through < last_day(rows.month))
        or missing > 0
        or bool(failing)
        or any(row.state == _MISMATCH for row in latest)
    )
    parts = [
        f"{counted(missing, 'day')} of costs {'is' if missing == 1 else 'are'} missing" if missing else "",
        _invoices(latest, rows.month) if rows.tie_outs is not None else "",
        _checks(rows.check_results) if rows.check_results is not None else "",
    ]
    rest = "; ".join(part for part in parts if part)
    value = f"settled through {formats.day(through)}" if through else "no day is settled yet"
    said = f"{value}{f'; {rest}' if rest else ''}"
    verdict = "Read these figures with care" if is_doubtful else "These figures can be trusted"
    state = State.ATTENTION if is_doubtful else State.PLAIN
    return Answer(KEY, LABEL, f"{value[0].upper()}{value[1:]}", rest, f"{verdict}: {said}.", state)


def _latest(rows: AnswerRows) -> list[TieOut]:
    """The month that is asked for, or the newest one that was compared with an invoice, in every currency and organization."""
    compared = [row for row in rows.tie_outs or () if row.state in {*_TIED, _MISMATCH}]
    newest = rows.month or max((row.month_start for row in compared), default=None)
    return [row for row in compared if row.month_start == newest]


def _invoices(latest: Sequence[TieOut], asked: date | None) -> str:
    if not latest:
        return f"{month(asked)} was not compared with an invoice yet" if asked else "no month was compared with an invoice yet"
    wrong = [row for row in latest if row.state == _MISMATCH]
    if wrong:
        return f"{month(latest[0].month_start)} does not tie to the invoice: {wrong[0].state_reason}"
    return f"{month(latest[0].month_start)} ties to the invoice"


def _checks(results: Sequence[CheckResult]) -> str:
    if not results:
        return "no check has been run yet"
    failing = [one.check_name for one in results if not one.is_ok and one.severity == _FAIL]
    warning = [one.check_name for one in results if not one.is_ok and one.severity != _FAIL]
    if not failing and not warning:
        return "every check passes"
    parts = [_found(failing, "fail") if failing else "no check fails", *([_found(warning, "warn")] if warning else [])]
    return "; ".join(parts)


def _found(names: list[str], verb: str) -> str:
    return f"{counted(len(names), 'check')} {verb}{'s' if len(names) == 1 else ''}: {_some(names)}"


def _some(names: list[str]) -> str:
    return listed([*names[:_NAMED], *([f"{len(names) - _NAMED} more"] if len(names) > _NAMED else [])])
