"""What the DAGs' tasks call: the use cases, with their errors in Airflow's own terms, and asset events that carry the row counts.

An error that only people can cure fails the task at once; one that time cures is left to Airflow's retries. The admin key goes from the
connection into the client, and is never returned, logged or rendered.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from meterhouse.catalogue.endpoints import DAY, ENDPOINTS, WIDTHS
from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.load.backfill_plan import chosen, pieces
from meterhouse.load.backfill_range import backfill_window, future_in_words, parse_day
from meterhouse.orchestration.alerts import ProblemsFound, problem_of
from meterhouse.orchestration.connections import task_settings
from meterhouse.orchestration.dag_parts import BACKFILLED, FACTS, VIEWS
from meterhouse.orchestration.report import NOTHING_LOADED, row_counts
from meterhouse.orchestration.task_log import show_without_frames, tried_again_in_words
from meterhouse.windows import Window, ceil_to, floor_to_day

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

    from meterhouse.load.outcome import Summary
    from meterhouse.load.run import Progress
    from meterhouse.settings import Settings

log = logging.getLogger(__name__)

ERROR = "error"
_BACKFILL_RUN = "backfill"


@contextmanager
def in_airflow_terms(context: Context) -> Iterator[None]:
    """Turn our errors into Airflow's, and leave the error's text as the XCom `error` of the task."""
    try:
        yield
    except MeterhouseError as error:
        text = visible(str(error))
        if error.retryable:
            text = tried_again_in_words(text, is_last=context["ti"].try_number > context["ti"].max_tries)
        _push(context, ERROR, {"kind": type(error).__name__, "text": text})
        failure = (TriedAgain if error.retryable else FailsAtOnce)(text)
        failure.kind = type(error).__name__
        show_without_frames(TriedAgain, FailsAtOnce)
        raise failure from None


class TriedAgain(AirflowException):
    """An error that time cures: Airflow tries the task again."""

    kind = ""


class FailsAtOnce(AirflowFailException):
    """An error that only people can cure: Airflow does not try the task again."""

    kind = ""


def _push(context: Context, key: str, value: object) -> None:
    context["ti"].xcom_push(key=key, value=value)


def _told(step: Progress) -> None:
    if step.window is None:
        log.info("%s: nothing could be loaded", step.stream)
    else:
        log.info("%s: window %d of %d is loaded", step.stream, step.done, step.total)


def _skip_if_nothing_loaded(context: Context, summaries: Sequence[Summary], done: list[dict[str, object]]) -> None:
    """Skip the task with one line when it loaded nothing of what was asked for; what it found out stays in its XComs."""
    from meterhouse.load.outcome import nothing_loaded  # noqa: PLC0415  # as below

    if reason := nothing_loaded(summaries):
        _push(context, "return_value", done)
        _push(context, NOTHING_LOADED, reason)
        raise AirflowSkipException(reason)


def data_interval(context: Context) -> Window | None:
    """Return the run's data interval; None for a run that has none, such as one started from the form with an empty date."""
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    # Airflow's datetime class has its own arithmetic, so the instants are converted.
    return Window(*(datetime.fromtimestamp(moment.timestamp(), UTC) for moment in (start, end))) if start and end else None


def load_endpoint(endpoint: str) -> list[dict[str, object]]:
    """Bring one endpoint up to date for every organization; return a summary per stream.

    A run of Airflow's own backfill reads the days of its interval and moves no watermark.
    """
    from meterhouse.load.sync import sync  # noqa: PLC0415  # a second to import, and only a running task needs it

    context = get_current_context()
    with in_airflow_terms(context):
        interval = data_interval(context)
        settings = task_settings()
        if endpoint not in settings.endpoints:
            raise AirflowSkipException(f"METERHOUSE_ENDPOINTS does not name {endpoint}")
        if interval is not None and context["dag_run"].run_type == _BACKFILL_RUN:
            summaries = _backfill_days(settings, endpoint, interval)
        else:
            # The run's task `allocate` does it once, when all endpoints are loaded.
            outcome = sync(settings, [endpoint], interval=interval, report=_told, allocates=False)
            outcome.raise_first()
            summaries = outcome.summaries
    done = [summary.as_dict() for summary in summaries]
    _skip_if_nothing_loaded(context, summaries, done)
    context["outlet_events"][FACTS[endpoint]].extra = row_counts(done)
    return done


def _backfill_days(settings: Settings, endpoint: str, interval: Window) -> tuple[Summary, ...]:
    """Load the days that an interval touches, in every width that the schedule loads."""
    from meterhouse.load.sync import backfill  # noqa: PLC0415  # as above

    days = Window(floor_to_day(interval.start), ceil_to(interval.end, DAY))
    summaries: list[Summary] = []
    for width in ENDPOINTS[endpoint].chosen_widths(settings.widths):
        outcome = backfill(settings, days, [endpoint], width=width, report=_told, allocates=False)
        outcome.raise_first()
        summaries.extend(outcome.summaries)
    return tuple(summaries)


def allocate_costs() -> list[dict[str, object]]:
    """Bring the allocation of the costs up to date; return how many days were allocated, by organization."""
    from meterhouse.load.sync import allocate  # noqa: PLC0415  # as above

    with in_airflow_terms(get_current_context()):
        allocated = allocate(task_settings())
    for organization, days in allocated.items():
        log.info("%s: the costs of %s are allocated", organization, counted(days, "day"))
    return [{"organization": organization, "days": days} for organization, days in allocated.items()]


def load_directory() -> list[dict[str, object]]:
    """Bring the names of projects, users and keys and the vendor's spend limits up to date; return a summary per organization."""
    from meterhouse.load.directory import sync_directory  # noqa: PLC0415  # as above
    from meterhouse.load.spend_limits import sync_spend_limits  # noqa: PLC0415  # as above

    context = get_current_context()
    with in_airflow_terms(context):
        settings = task_settings()
        summaries = sync_directory(settings)
        for line in sync_spend_limits(settings):
            log.info("%s", line)
    if all(summary.nothing_read for summary in summaries):
        raise AirflowSkipException("; ".join(f"{summary.organization}: {summary}" for summary in summaries))
    written: dict[str, Any] = {
        name: {what: sum(getattr(getattr(summary, name), what) for summary in summaries) for what in ("added", "changed", "deleted")}
        for name in ("projects", "users", "api_keys")
    }
    context["outlet_events"][VIEWS["names"]].extra = written
    return [summary.as_dict() for summary in summaries]


def plan_backfill() -> list[dict[str, str]]:
    """Return the pieces of the backfill that the form asks for; none for a dry run, whose plan is in the log and the XCom `plan`.

    Fails at once with a clear message if the form was filled in wrongly.
    """
    from meterhouse.load.backfill_preview import preview  # noqa: PLC0415  # as above

    context = get_current_context()
    form = context["params"]
    with in_airflow_terms(context):
        if unknown := sorted(set(context["dag_run"].conf or {}) - set(form)):
            raise FixConfiguration(f"unknown field {unknown[0]!r}: choose from {', '.join(form)}")
        now = datetime.now(UTC)
        width = WIDTHS[form["bucket_width"]]
        last = parse_day(form["to"])
        window = backfill_window(parse_day(form["from"]), last, now)
        planned = pieces(window, chosen(form["endpoints"], width), width)
        lines = [*filter(None, [future_in_words(last, now)]), *preview(task_settings(), window, planned, width, now)]
    for line in lines:
        log.info("%s", visible(line))
    _push(context, "plan", lines)
    if form["dry_run"]:
        log.info("dry run: nothing is loaded")
        return []
    return [
        {"name": piece.name, "endpoint": piece.endpoint, "start": piece.window.start.isoformat(), "end": piece.window.end.isoformat()}
        for piece in planned
    ]


def backfill_piece(piece: dict[str, str]) -> list[dict[str, object]]:
    """Load one piece of a backfill; return a summary per stream."""
    from meterhouse.load.sync import backfill  # noqa: PLC0415  # as above

    context = get_current_context()
    context["piece_name"] = piece["name"]  # type: ignore[typeddict-unknown-key]  # the name that the grid shows
    form = context["params"]
    endpoint = piece["endpoint"]
    with in_airflow_terms(context):
        window = Window(datetime.fromisoformat(piece["start"]), datetime.fromisoformat(piece["end"]))
        width = WIDTHS[form["bucket_width"]]
        outcome = backfill(task_settings(), window, [endpoint], width=width, force=form["force"], report=_told, allocates=False)
        outcome.raise_first()
    done = [summary.as_dict() for summary in outcome.summaries]
    _skip_if_nothing_loaded(context, outcome.summaries, done)
    context["outlet_events"][BACKFILLED].add(FACTS[endpoint], extra=row_counts(done))
    return done


def watch_spending() -> dict[str, object]:
    """Send the notices about spending that are due, each once; return them, and what became of them."""
    from meterhouse.orchestration.alerts import run_link  # noqa: PLC0415  # as above
    from meterhouse.orchestration.spend_watch import report_spending  # noqa: PLC0415  # as above

    context = get_current_context()
    ti = context["ti"]
    with in_airflow_terms(context):
        report = report_spending(task_settings().require_warehouse(), run_link(ti.dag_id, ti.run_id))
    for line in report.lines:
        log.info("%s", line)
    return {"notices": list(report.texts), "outcome": report.outcome}


def drop_what_is_over() -> list[dict[str, object]]:
    """Drop the hours and minutes that are older than the settings keep them; return what went, by table."""
    from meterhouse.load.retention import Limits, drop  # noqa: PLC0415  # as above
    from meterhouse.load.store import Store  # noqa: PLC0415  # as above

    with in_airflow_terms(get_current_context()):
        settings = task_settings()
        limits = Limits.of(settings, datetime.now(UTC))
        if limits is None:
            raise AirflowSkipException("no METERHOUSE_RETENTION_* is set, so everything is kept")
        with Store(settings.require_warehouse()) as store:
            dropped = drop(store.connection, limits)
    for one in dropped:
        log.info("dropped %s", one)
    return [asdict(one) for one in dropped]


def check_warehouse() -> list[dict[str, object]]:
    """Run every check and return what each found; raises `ProblemsFound` when one of severity fail found something twice.

    What is found once may be a load that is under way, or cured by the comparison with the vendor; so the first try only has a second one
    look again. A vendor that cannot be asked fails the task too, unless a check has shown a problem: that one goes first.
    """
    from meterhouse.checks.warehouse_checks import ask_vendor, run_warehouse_checks  # noqa: PLC0415  # as above

    context = get_current_context()
    with in_airflow_terms(context):
        settings = task_settings()
        results = run_warehouse_checks(settings)
        answered, asked = ask_vendor(settings)
        results += answered
        failures = [result for result in results if result.is_failure]
        if not failures:
            asked.raise_first()
        for error in asked.errors:
            log.warning("the vendor was not asked for all: %s", visible(str(error)))
    shown: list[dict[str, object]] = [
        {
            "check": result.check.name,
            "severity": result.check.severity,
            "ok": result.is_ok,
            "findings": result.findings,
            "detail": result.detail or "",
        }
        for result in results
    ]
    if failures:
        found = ProblemsFound([problem_of(f"checks/{result.check.name}", "found", str(result.detail)) for result in failures])
        _push(context, "return_value", shown)
        _push(context, ERROR, {"kind": ProblemsFound.__name__, "text": str(found)})
        if context["ti"].try_number == 1:
            raise TriedAgain(f"found once, and looked at again in a minute: {found}")
        raise found
    return shown
