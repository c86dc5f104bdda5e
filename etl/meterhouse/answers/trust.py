"""Whether to rely on the figures: through which day they are final, which month ties to its invoice, and which checks fail. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from meterhouse import formats
from meterhouse.answers.answer import Answer, State, month, unknown
from meterhouse.answers.findings import FAIL, findings, warnings
from meterhouse.answers.rows import AnswerRows, CheckResult, TieOut, last_day
from meterhouse.counts import counted

KEY, LABEL = "trust", "Can I rely on this?"
MISMATCH = "mismatch"
_TIED = ("tied", "tied_with_rounding")


def trust(rows: AnswerRows) -> Answer:
    """Return why to rely on the figures or not, whatever their currency. A team sees neither invoices nor checks.

    Yes is said only where a month ties to its invoice and checks have run and none warns; else mostly, or not yet, and what is missing.
    """
    if not rows.loaded_costs:
        return unknown(KEY, LABEL, "no costs are loaded yet")
    through, missing = rows.settled_through, rows.missing_days
    failing = [one for one in rows.check_results or () if not one.is_ok and one.severity == FAIL]
    latest = _latest(rows)
    is_doubtful = (
        through is None
        or (rows.month is not None and through < last_day(rows.month))
        or missing > 0
        or bool(failing)
        or any(row.state == MISMATCH for row in latest)
    )
    invoices = _invoices(latest, rows.month) if rows.tie_outs is not None else ""
    checks = _checks(rows.check_results) if rows.check_results is not None else ""
    gaps = f"{counted(missing, 'day')} of costs {'is' if missing == 1 else 'are'} missing" if missing else ""
    final = f"final through {formats.day(through)}" if through else "no day is final yet"
    if is_doubtful:
        said = _joined(final, gaps, invoices, checks)
        return Answer(KEY, LABEL, "With care", said, f"Read these figures with care: {said}.", State.ATTENTION)
    warning = warnings(rows.check_results or ())
    state = State.ATTENTION if warning else State.PLAIN
    if latest and rows.check_results and not warning:
        said = _joined(invoices, checks)
        return Answer(KEY, LABEL, f"Yes, {final}", said, f"You can rely on these figures: {_joined(final, said)}.")
    short = _in_short(rows, bool(latest), len(warning))
    # What was not done is said in the short words already.
    done = _joined(final, invoices if latest else "", checks if rows.check_results else "")
    return Answer(KEY, LABEL, short, done, f"{short}; {done}.", state)


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _in_short(rows: AnswerRows, is_tied: bool, warning: int) -> str:
    """Whether to rely on figures that nothing speaks against, and what would have to be done for a yes, of what the role may see."""
    if rows.check_results is None and rows.tie_outs is None:
        return "Invoices and checks are not shown here"
    checked = "not checked" if rows.check_results == () else ""
    compared = "no invoice compared" if rows.tie_outs is not None and not is_tied else ""
    if checked and (compared or rows.tie_outs is None):
        return f"Not yet: {_comma(checked, compared)}"
    unseen = "invoices are not shown here" if rows.tie_outs is None else "checks are not shown here" if rows.check_results is None else ""
    warns = f"{counted(warning, 'check')} {'warns' if warning == 1 else 'warn'}" if warning and not compared else ""
    return f"Mostly: {_comma(checked, compared, unseen, warns)}"


def _comma(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _latest(rows: AnswerRows) -> list[TieOut]:
    """The month that is asked for, or the newest one that was compared with an invoice, in every currency and organization."""
    compared = [row for row in rows.tie_outs or () if row.state in {*_TIED, MISMATCH}]
    newest = rows.month or max((row.month_start for row in compared), default=None)
    return [row for row in compared if row.month_start == newest]


def _invoices(latest: Sequence[TieOut], asked: date | None) -> str:
    if not latest:
        return f"{month(asked)} was not compared with an invoice yet" if asked else "no month was compared with an invoice yet"
    wrong = [row for row in latest if row.state == MISMATCH]
    if wrong:
        return f"{month(latest[0].month_start)} does not tie to the invoice: {wrong[0].state_reason}"
    return f"{month(latest[0].month_start)} ties to the invoice"


def _checks(results: Sequence[CheckResult]) -> str:
    if not results:
        return "not yet checked for missing or wrong figures"
    failing = [one for one in results if not one.is_ok and one.severity == FAIL]
    warning = warnings(results)
    if not failing and not warning:
        return "every check passes" if all(one.is_ok for one in results) else "no check fails"
    if not failing:
        return f"no check fails, {_found(warning, 'warn')}"
    return "; ".join([_found(failing, "fail"), *([_found(warning, "warn")] if warning else [])])


def _found(results: Sequence[CheckResult], verb: str) -> str:
    return f"{counted(len(results), 'check')} {verb}{'s' if len(results) == 1 else ''}: {findings(results)}"
