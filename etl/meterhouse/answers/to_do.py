"""What a reader has to do, or that there is nothing: of budgets, unusual days, the last invoice, missing days and failed checks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from meterhouse import formats
from meterhouse.answers.answer import capital, listed, month, quoted
from meterhouse.answers.findings import FAIL, check_names, findings, warnings
from meterhouse.answers.forecast import OVER, outlook
from meterhouse.answers.odd_days import series_words
from meterhouse.answers.rows import AnswerRows, Budget, TieOut, last_day
from meterhouse.answers.trust import MISMATCH
from meterhouse.counts import counted

LABEL = "To do"
NOTHING = "Nothing needs your attention"
# Tasks that are of the same kind are named up to this number.
_NAMED = 2
_NO_INVOICE = "no_invoice"
# The check that finds the same as the count of missing days.
_MISSING_DAYS = "coverage_gaps"
_PRICES = "price_drift"


@dataclass(frozen=True)
class ToDo:
    """One thing to do: what it is, as an order; how it is done, as a sentence, and the command in it; and the page that says more."""

    key: str
    what: str
    how: str
    page: str
    command: str = ""

    @property
    def explained(self) -> tuple[str, str, str]:
        """How it is done and which page says more: the words before the command, the command, and the words behind it."""
        return f"{self.how} See {self.page}.".partition(self.command) if self.command else (f"{self.how} See {self.page}.", "", "")


def to_do(rows: AnswerRows) -> list[ToDo]:
    """Return what is to be done now, or about the month that was asked for, the most urgent first, whatever the currency.

    What the role may not see is no task of its reader.
    """
    if rows.loaded_costs == ():
        how = "Nothing is loaded yet: meterhouse sync loads what the vendor reports."
        return [ToDo("load", "load the costs", how, "docs/install.md", "meterhouse sync")]
    return [
        *_budgets(rows),
        *_unusual_days(rows),
        *_invoices(rows),
        *_days(rows),
        *_checks(rows),
        *_warnings(rows),
        *_no_budget(rows),
    ]


def to_do_words(tasks: Sequence[ToDo]) -> str:
    """Return the tasks as one line of text without its full stop."""
    return f"{LABEL}: {'; '.join(one.what for one in tasks)}" if tasks else NOTHING


def to_do_sentence(tasks: Sequence[ToDo]) -> str:
    """Return the same with the pages that say how, for a mail."""
    return f"{LABEL}: {'; '.join(f'{one.what} ({one.page})' for one in tasks)}." if tasks else f"{NOTHING}."


def _no_budget(rows: AnswerRows) -> Iterator[ToDo]:
    if rows.budgets == () and rows.month is None and not rows.is_of_projects:
        how = "Write what may be spent into a file, and bring it in with meterhouse budgets import."
        yield ToDo("budget", "set a budget", how, "docs/budgets.md", "meterhouse budgets import")


def _budgets(rows: AnswerRows) -> Iterator[ToDo]:
    # What was at risk in a month that is over was kept.
    over = [row for row in rows.budgets or () if row.state in OVER and (rows.month is None or row.state == "exceeded")]
    if over:
        how = "Find out what drives the cost, and spend less or raise the budget with meterhouse budgets import."
        yield ToDo("budget", f"look into {_some_budgets(over)}", how, "docs/budgets.md", "meterhouse budgets import")


def _some_budgets(over: Sequence[Budget]) -> str:
    if len(over) == 1:
        return f"the budget {quoted(over[0].budget)}, which {outlook(over[0])}"
    named = [f"{quoted(row.budget)} {outlook(row)}" for row in over[:_NAMED]]
    return f"{len(over)} budgets: {listed([*named, *_more(over)])}"


def _unusual_days(rows: AnswerRows) -> Iterator[ToDo]:
    """Planned activity is not among the rows, so those that are there wait for somebody's word."""
    if not rows.odd_days:
        return
    days = sorted({row.usage_date for row in rows.odd_days})
    names = list(dict.fromkeys(series_words(row) for row in rows.odd_days))
    what = f"the unusual day of {formats.day(days[0])}" if len(days) == 1 else f"{len(days)} unusual days"
    how = (
        f"Ask who is responsible for {listed([*names[:_NAMED], *_more(names)])}."
        " If it was planned, write that down with meterhouse import planned."
    )
    yield ToDo("odd_days", f"look into {what}", how, "docs/answers.md#unusual-days", "meterhouse import planned")


def _invoices(rows: AnswerRows) -> Iterator[ToDo]:
    """Of the last month that is final, or of the one that was asked for if it is."""
    final = [row for row in rows.tie_outs or () if row.is_complete]
    newest = rows.month or max((row.month_start for row in final), default=None)
    found = [row for row in final if row.month_start == newest]
    # No invoice is written about nothing.
    absent = [row for row in found if row.state == _NO_INVOICE and (row.billed is None or row.billed > 0)]
    wrong = [row for row in found if row.state == MISMATCH]
    several = len({row.organization for row in found}) > 1
    if newest is not None and absent:
        how = "Copy the invoice into a file, and bring it in with meterhouse import invoice: it says whether the month ties."
        yield ToDo(
            "invoice", f"compare {_invoice_of(newest, absent, several=several)}", how, "docs/invoices.md", "meterhouse import invoice"
        )
    if newest is not None and wrong:
        how = f"{capital(wrong[0].state_reason or 'more is unexplained than the tolerance')}."
        what = f"find out why {_invoice_of(newest, wrong, several=several)} does not tie"
        yield ToDo("invoice", what, how, "docs/invoices.md")


def _invoice_of(newest: date, found: Iterable[TieOut], *, several: bool) -> str:
    of = f" ({listed(sorted({row.organization for row in found}))})" if several else ""
    return f"the invoice of {month(newest)}{of}"


def _days(rows: AnswerRows) -> Iterator[ToDo]:
    if missing := rows.missing_days:
        how = "meterhouse check names the backfill that loads them."
        yield ToDo("days", f"load {counted(missing, 'missing day')} of costs", how, "docs/checks.md", "meterhouse check")
    through = rows.settled_through
    if rows.loaded_costs and (through is None or (rows.month is not None and through < last_day(rows.month))):
        what = f"wait until {month(rows.month) if rows.month else 'the first day'} is final"
        how = "The vendor still adds to a day for some hours after it is over; then it is read once more."
        yield ToDo("final", what, how, "docs/dashboard.md#how-to-read-it")


def _checks(rows: AnswerRows) -> Iterator[ToDo]:
    if rows.check_results == ():
        how = "meterhouse check finds out whether figures are missing or wrong; Airflow runs it after every load."
        yield ToDo("checks", "run the checks for the first time", how, "docs/checks.md", "meterhouse check")
    failing = [one for one in rows.check_results or () if not one.is_ok and one.severity == FAIL]
    failing = [one for one in failing if not (one.check_name == _MISSING_DAYS and rows.missing_days)]
    if failing:
        what = f"look into {findings(failing)}" if len(failing) == 1 else f"see why {len(failing)} checks fail"
        how = f"The page says what each check means and what to do: {check_names(failing)}."
        yield ToDo("checks", what, how, "docs/checks.md")


def _warnings(rows: AnswerRows) -> Iterator[ToDo]:
    """What the checks that warn found: prices, of which it is known what to do, and all the others."""
    warning = warnings(rows.check_results or ())
    prices = [one for one in warning if one.check_name == _PRICES]
    if prices:
        what = f"look into {counted(sum(one.finding_count for one in prices), 'unexpected unit price')}"
        how = "meterhouse check says which, and what was expected: import the prices of your contract, or ask the vendor."
        yield ToDo("prices", what, how, "docs/prices.md", "meterhouse check")
    if rest := [one for one in warning if one not in prices]:
        what = f"look into {findings(rest)}" if len(rest) == 1 else f"see why {len(rest)} checks warn"
        how = f"The page says what each check means and what to do: {check_names(rest)}."
        yield ToDo("checks", what, how, "docs/checks.md")


def _more(found: Sequence[object]) -> list[str]:
    return [f"{len(found) - _NAMED} more"] if len(found) > _NAMED else []
