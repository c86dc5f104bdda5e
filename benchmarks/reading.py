"""What reading a large organization costs: seconds to first paint of the dashboard, and seconds and blocks of every usual question.

Run it on what `large_organization.py` made, on an otherwise quiet machine, before and after a change, and then put the two side by side:

    .venv/bin/python benchmarks/reading.py --home /var/tmp/large --json before.json
    .venv/bin/python benchmarks/reading.py --compare before.json after.json
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any, LiteralString
from urllib.error import URLError

import psycopg

# Beside this script, where the type checker does not look.
from large_organization import FIRST_DAY, LAST_DAY, Place, is_filled, place, revision, say  # type: ignore[import-not-found]
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import TimeoutError as PageTookTooLong
from psycopg import sql

import meterhouse
from meterhouse.bi_files.questions import QUESTIONS
from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.queries import Reader
from meterhouse.errors import MeterhouseError
from meterhouse.ports import LOOPBACK, free_port

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# No sandbox, because it may be run as root; the rest keeps the browser itself off the network.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
TIMEOUT_SECONDS = 120
# What takes longer than this is asked once more and not once a round: its plan's own time is the second one.
SLOW_SECONDS = 10
SLOWEST = 5
SPANS = {"30 days": LAST_DAY - timedelta(days=29), "year": FIRST_DAY}
TIMEOUT = re.compile(r"statement_timeout=\S+")
SESSION = f"-c statement_timeout={TIMEOUT_SECONDS}s -c timezone=UTC"


@dataclass(frozen=True)
class View:
    """What people usually ask of a view: a measure by its day, and by what else; without a day all of it is read."""

    name: str
    day: str | None
    measure: str
    others: tuple[str, ...] = ()


TOKENS, COST = "sum(v.input_tokens)", "sum(v.cost_usd)"
VIEWS = (
    View("usage_daily", "usage_date", TOKENS, ("project_name", "model")),
    View("usage_hourly", "usage_date", TOKENS, ("bucket_start_utc", "project_name", "model")),
    View("usage_hourly_by_project", "usage_date", TOKENS, ("bucket_start_utc", "project_name")),
    View("usage_minutely", "usage_date", TOKENS),
    View("usage_daily_spine", "usage_date", TOKENS, ("project_name",)),
    View("usage_daily_local", "usage_date_local", TOKENS, ("project_name", "model")),
    View("usage_daily_local_by_project", "usage_date_local", TOKENS, ("project_name",)),
    View("costs_daily", "usage_date", COST, ("project_name", "model")),
    View("costs_daily_spine", "usage_date", COST, ("project_name",)),
    View("tokens_by_model_daily", "usage_date", TOKENS, ("model",)),
    View("usage_by_api_key_daily", "usage_date", TOKENS, ("api_key_project_name",)),
    View("spend_by_project_month", "month_start", "sum(v.cost)", ("project_name",)),
    View("spend_by_line_item_daily", "usage_date", "sum(v.cost)", ("line_item", "model")),
    View("fact_usage_daily", "usage_date", TOKENS, ("project_key", "model_key")),
    View("fact_costs_daily", "usage_date", COST, ("project_key", "model_key")),
    View("coverage", "usage_date", "sum(v.row_count)"),
    View("revisions", "usage_date", "count(*)"),
    View("freshness", None, "count(v.row_count)"),
    *(View(f"dim_{name}", None, "count(*)") for name in ("organization", "date", "project", "user", "api_key", "model", "line_item")),
)
DRAWN = """() => document.querySelector('.failure') || !document.querySelector('#first-paint')
    && document.querySelector('.picture:not([hidden])')
    && [...document.querySelectorAll('.picture:not([hidden])')].every(one => one.querySelector('.main-svg'))"""
PAINTED = "() => performance.getEntriesByName('first-contentful-paint').map(one => one.startTime / 1000)[0] ?? null"


@dataclass(frozen=True)
class Question:
    """A statement as somebody sends it."""

    name: str
    query: bytes
    parameters: Any = None


@dataclass(frozen=True)
class Times:
    """Seconds of the first time since the server's start and the median of the later ones; what a plan touched; or what went wrong."""

    name: str
    first_seconds: float | None = None
    median_seconds: float | None = None
    blocks: int | None = None
    temporary_blocks: int | None = None
    remark: str = ""

    @property
    def seconds(self) -> float:
        """What it is ranked by."""
        if self.remark and self.first_seconds is None:
            return float(TIMEOUT_SECONDS)
        return self.median_seconds if self.median_seconds is not None else self.first_seconds or 0.0


@dataclass(frozen=True)
class Report:
    """What one version measured."""

    version: str
    migration: str | None
    rounds: int
    questions: list[Times] = field(default_factory=list)
    pages: list[Times] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Report:
        """Return what `--json` kept."""
        kept = json.loads(path.read_text())
        questions, pages = ([Times(**one) for one in kept[name]] for name in ("questions", "pages"))
        return cls(kept["version"], kept["migration"], kept["rounds"], questions, pages)


@dataclass(frozen=True)
class Heard:
    """A statement that the dashboard sent, and how long the server took."""

    question: Question
    seconds: float
    remark: str


def questions_of_views(existing: Mapping[str, Sequence[str]]) -> Iterator[Question | Times]:
    """Return the usual questions to every view; for a view or column that this version does not have, a word about it."""
    for view in VIEWS:
        wanted = {column for column in (view.day, *view.others) if column}
        if not wanted <= set(existing.get(view.name, ())):
            yield Times(f"bi.{view.name}", remark="not in this version")
            continue
        name = sql.Identifier("bi", view.name)
        if view.day is None:
            yield Question(f"bi.{view.name}, all of it", _text(sql.SQL("SELECT * FROM {}").format(name)))
            continue
        for span, first in SPANS.items():
            for by in (view.day, *view.others):
                template = "SELECT v.{by}, {measure} FROM {view} v WHERE v.{day} >= {first} GROUP BY 1 ORDER BY 1"
                parts = {"by": sql.Identifier(by), "view": name, "day": sql.Identifier(view.day), "first": sql.Literal(first)}
                query = sql.SQL(template).format(measure=sql.SQL(view.measure), **parts)
                yield Question(f"bi.{view.name} by {by}, {span}", _text(query))


def _text(query: sql.Composed) -> bytes:
    return query.as_bytes(None)


def questions_of_files() -> Iterator[Question]:
    """Return the statements of sql/questions with their places filled as a tool does."""
    for question in QUESTIONS:
        for span, first in SPANS.items():
            text = question.sql(lambda column, first=first: f"{column} BETWEEN '{first}' AND '{LAST_DAY}'", lambda _: "TRUE")
            yield Question(f"question {question.name}, {span}", text.encode())


@contextmanager
def listening() -> Iterator[list[Heard]]:
    """Hear what this process sends to the server, with a longer patience than the dashboard's own."""
    heard: list[Heard] = []
    connect, execute = psycopg.connect, psycopg.Cursor.execute

    def patient(*arguments: Any, **options: Any) -> Any:
        changed = {"options": TIMEOUT.sub(f"statement_timeout={TIMEOUT_SECONDS}s", options["options"])} if "options" in options else {}
        return connect(*arguments, **options | changed)

    def timed(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        began, remark = time.perf_counter(), ""
        try:
            return execute(cursor, query, *arguments, **options)
        except psycopg.errors.QueryCanceled:
            remark = f"longer than {TIMEOUT_SECONDS} s"
            raise
        finally:
            text = query if isinstance(query, bytes) else query.encode() if isinstance(query, str) else query.as_bytes(cursor)
            parameters = arguments[0] if arguments else options.get("params")
            heard.append(Heard(Question(_file_of(text), text, parameters), time.perf_counter() - began, remark))

    psycopg.connect, psycopg.Cursor.execute = patient, timed  # type: ignore[assignment, method-assign]
    try:
        yield heard
    finally:
        psycopg.connect, psycopg.Cursor.execute = connect, execute  # type: ignore[method-assign]


def _file_of(text: bytes) -> str:
    """Name a statement of the dashboard by its file, which begins with the same line."""
    folder = resources.files("meterhouse.warehouse").joinpath("sql", "dashboard")
    first_line = text.splitlines()[0]
    found = [file.name for file in folder.iterdir() if file.name.endswith(".sql") and file.read_bytes().splitlines()[0] == first_line]
    return found[0].removesuffix(".sql") if found else " ".join(text.decode().split())[:50]


def choices(reader_url: str) -> dict[str, Filters]:
    """Return what is chosen on the page: everything, and the busiest project, model, user and key of the last day."""
    month, year = SPANS["30 days"], SPANS["year"]
    found = {
        "30 days": Filters(month, LAST_DAY),
        "30 days by hour": Filters(month, LAST_DAY, "hour"),
        "year": Filters(year, LAST_DAY),
    }
    with psycopg.connect(reader_url) as connection:
        for name, column in (("project", "project_id"), ("model", "model"), ("user", "user_id"), ("api_key", "api_key_id")):
            template: LiteralString = (
                "SELECT {column} FROM bi.usage_daily WHERE usage_date = {day} AND {column} IS NOT NULL"
                " GROUP BY 1 ORDER BY sum(requests) DESC, 1 LIMIT 1"
            )
            query = sql.SQL(template).format(column=sql.Identifier(column), day=sql.Literal(LAST_DAY))
            row = connection.execute(query).fetchone()
            chosen: dict[str, Any] = {f"{name}s": (str(row[0]),) if row else ()}
            found[f"year, one {name}"] = Filters(year, LAST_DAY, **chosen)
    return found


_HAS_A_PLAN = re.compile(rb"\s*(SELECT|WITH)\b", re.IGNORECASE)


class Measurement:
    """Asks questions as the reader and keeps their times."""

    def __init__(self, url: str, rounds: int, only: re.Pattern[str]) -> None:
        self._url = url
        self._rounds = rounds
        self._only = only

    def asked(self, question: Question | Times) -> Times | None:
        """Measure one statement; None when it is not wanted."""
        if not self._only.search(question.name):
            return None
        if isinstance(question, Times):
            return question
        try:
            with psycopg.connect(self._url, options=SESSION, autocommit=True) as connection:
                first = self._timed(connection, question)
                rounds = self._rounds if first < SLOW_SECONDS else 0
                later = [self._timed(connection, question) for _ in range(rounds)]
                return self._planned(question, [first], later)
        except psycopg.errors.QueryCanceled:
            return Times(question.name, remark=f"longer than {TIMEOUT_SECONDS} s")

    @staticmethod
    def _timed(connection: psycopg.Connection[Any], question: Question) -> float:
        began = time.perf_counter()
        connection.execute(question.query, question.parameters).fetchall()
        return time.perf_counter() - began

    def _planned(self, question: Question, first: Sequence[float], later: Sequence[float]) -> Times:
        """Ask for the plan, which says what was touched; its own time is used if there were no rounds."""
        with psycopg.connect(self._url, options=f"{SESSION} -c jit=off -c search_path=bi", autocommit=True) as connection:
            text = b"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS, FORMAT JSON) " + question.query
            try:
                row = connection.execute(text, question.parameters).fetchone()
            except psycopg.errors.QueryCanceled:
                return Times(question.name, first[0], statistics.median(later or first), remark="plan timed out")
        plan = row[0][0] if row else {}
        top = plan["Plan"]
        median = statistics.median(later or [(plan["Planning Time"] + plan["Execution Time"]) / 1000])
        blocks = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
        return Times(question.name, first[0], median, blocks, top["Temp Read Blocks"] + top["Temp Written Blocks"])

    def snapshots(self, choice: str, filters: Filters) -> Iterator[Times]:
        """Measure everything that the dashboard reads for one choice, statement by statement, and in all."""
        if not self._only.search(f"dashboard {choice}"):
            return
        seconds_of_first, first = self._snapshot(filters)
        rounds = self._rounds if seconds_of_first < SLOW_SECONDS else 0
        snapshots = [self._snapshot(filters) for _ in range(rounds)]
        later = [heard for _, heard in snapshots]
        whole = [seconds_of_first, *(seconds for seconds, _ in snapshots)]
        failed = next((one.remark for one in first if one.remark), "")
        yield Times(f"dashboard {choice}: all statements", whole[0], statistics.median(whole[1:] or whole), remark=failed)
        seen: dict[str, int] = {}
        for place_, one in enumerate(first):
            seen[one.question.name] = seen.get(one.question.name, 0) + 1
            again = f" ({seen[one.question.name]})" if seen[one.question.name] > 1 else ""
            question = Question(f"dashboard {choice}: {one.question.name}{again}", one.question.query, one.question.parameters)
            seconds = [heard[place_].seconds for heard in later if place_ < len(heard)]
            if one.remark:
                yield Times(question.name, remark=one.remark)
            elif _HAS_A_PLAN.match(one.question.query):
                yield self._planned(question, [one.seconds], seconds)

    def _snapshot(self, filters: Filters) -> tuple[float, list[Heard]]:
        """Seconds until all was read, and the statements in an order that does not depend on which of two sessions was faster."""
        with listening() as heard:
            began = time.perf_counter()
            try:
                Reader(self._url).snapshot(filters)
            except MeterhouseError as error:
                say(f"  {error}")
            seconds = time.perf_counter() - began
        return seconds, sorted(heard, key=lambda one: (one.question.name, repr(one.question.parameters)))


@contextmanager
def dashboard(reader_url: str) -> Iterator[str]:
    """Start a real `meterhouse dashboard` and yield its address once it has read its own default page."""
    address = f"http://{LOOPBACK}:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="meterhouse-") as home:
        environment = {name: text for name, text in os.environ.items() if not name.startswith(("METERHOUSE_", "WAREHOUSE_", "OPENAI_"))}
        environment |= {"METERHOUSE_HOME": home, "WAREHOUSE_URL": reader_url}
        words = [sys.executable, "-m", "meterhouse", "dashboard", "--port", address.rpartition(":")[2]]
        with Path(home, "dashboard.log").open("wb") as log:
            process = subprocess.Popen(words, env=environment, stdout=log, stderr=log)  # noqa: S603  # this interpreter
        try:
            deadline = time.monotonic() + 60
            while not _answers(f"{address}/healthz", 5):
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"the dashboard did not start: {Path(home, 'dashboard.log').read_text()}")
                time.sleep(0.1)
            # It first reads its default page on its own, which must not be measured together with another page.
            _answers(f"{address}/_dash-layout", TIMEOUT_SECONDS)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=20)


def _answers(address: str, seconds: float) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=seconds) as answer:  # noqa: S310  # this machine's loopback
            return bool(answer.status == 200)
    except (URLError, TimeoutError):
        return False


@dataclass(frozen=True)
class Visit:
    """Seconds from the request of a page to its first paint and until every chart is drawn."""

    painted_seconds: float | None
    drawn_seconds: float
    remark: str


def visit(browser: Browser, address: str) -> Visit:
    """Open a page as somebody who was never there."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_SECONDS * 1000)
        began = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.wait_for_function(DRAWN, polling=20)
        drawn = time.perf_counter() - began
        return Visit(page.evaluate(PAINTED), drawn, "the page failed" if page.locator(".failure").count() else "")
    except PageTookTooLong:
        return Visit(None, float(TIMEOUT_SECONDS), f"longer than {TIMEOUT_SECONDS} s")
    finally:
        context.close()


def pages(reader_url: str, rounds: int) -> Iterator[Times]:
    """Measure the page by a dashboard that was just started and has read nothing of it, and once more when it has.

    Its days are named, because the usual ones end today and the data does not.
    """
    if PROGRAM is None:
        say("no page is measured: Chromium is not installed (on Debian: apt-get install chromium)")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS)
        try:
            for span, first in SPANS.items():
                query = Filters(first, LAST_DAY).to_query()
                fresh, kept = [], []
                for _ in range(rounds + 1):
                    with dashboard(reader_url) as address:
                        fresh.append(visit(browser, f"{address}/?{query}"))
                        kept.append(visit(browser, f"{address}/?{query}"))
                yield _page(f"first paint, {span}", fresh, lambda one: one.painted_seconds)
                yield _page(f"all charts drawn, {span}", fresh, lambda one: one.drawn_seconds)
                yield _page(f"first paint, {span}, read before", kept, lambda one: one.painted_seconds)
                yield _page(f"all charts drawn, {span}, read before", kept, lambda one: one.drawn_seconds)
        finally:
            browser.close()


def _page(name: str, visits: Sequence[Visit], seconds: Callable[[Visit], float | None]) -> Times:
    remark = next((one.remark for one in visits if one.remark), "")
    first, *later = [seconds(one) for one in visits]
    known = [one for one in later if one is not None]
    return Times(name, first, statistics.median(known) if known else None, remark=remark)


def existing_columns(url: str) -> dict[str, list[str]]:
    """Return the columns of every view of schema bi."""
    query = "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns WHERE table_schema = 'bi' GROUP BY 1"
    with psycopg.connect(url) as connection:
        return dict(connection.execute(query).fetchall())


def measure(found: Place, rounds: int, only: re.Pattern[str], *, with_pages: bool) -> Iterator[Report]:
    """Run every query; the report is yielded again with each new figure, so that nothing is lost if somebody runs out of patience."""
    url = found.reader_url
    report = Report(str(Path(meterhouse.__file__).parent), revision(found.superuser_url), rounds)
    for one in pages(url, rounds) if with_pages else ():
        report.pages.append(one)
        yield report
    for one in _all_questions(url, Measurement(url, rounds, only)):
        report.questions.append(one)
        yield report


def _all_questions(url: str, measurement: Measurement) -> Iterator[Times]:
    for choice, filters in choices(url).items():
        yield from measurement.snapshots(choice, filters)
    for question in (*questions_of_files(), *questions_of_views(existing_columns(url))):
        if times := measurement.asked(question):
            yield times


HEADING = f"{'':72} {'first s':>9} {'median s':>9} {'blocks':>11} {'temporary':>11}"


def line(one: Times) -> str:
    """Return one row of the table."""
    cells = [f"{value:9.2f}" if value is not None else f"{'-':>9}" for value in (one.first_seconds, one.median_seconds)]
    cells += [f"{value:11,}" if value is not None else f"{'-':>11}" for value in (one.blocks, one.temporary_blocks)]
    return f"{one.name[:72]:72} {' '.join(cells)}  {one.remark}".rstrip()


def ranked(questions: Sequence[Times]) -> list[Times]:
    """Return single statements, slowest first: what is only a sum of others is left out."""
    return sorted((one for one in questions if not one.name.endswith(": all statements")), key=lambda one: -one.seconds)


def printed(report: Report) -> None:
    """Print the five slowest, the pages and then everything."""
    say(f"\n{report.version}, migration {report.migration}, {report.rounds} rounds")
    say(f"\n{HEADING}\nthe {SLOWEST} slowest")
    for one in ranked(report.questions)[:SLOWEST]:
        say(line(one))
    for title, rows in (("the page", report.pages), ("all questions", report.questions)):
        say(title)
        for one in rows:
            say(line(one))


def compared(before: Report, after: Report) -> None:
    """Print what was measured twice, side by side: the slowest of before, the pages and then everything."""
    later = {one.name: one for one in (*after.questions, *after.pages)}
    known = {one.name for one in (*before.questions, *before.pages)}
    new = [one for one in (*after.pages, *after.questions) if one.name not in known]
    say(f"before: migration {before.migration}, {before.rounds} rounds; after: migration {after.migration}, {after.rounds} rounds")
    say(f"{'':72} {'first s':>20} {'median s':>20} {'ratio':>7} {'blocks':>23}")
    parts = ((f"the {SLOWEST} slowest of before", ranked(before.questions)[:SLOWEST]), ("the page", before.pages))
    for title, rows in (*parts, ("all questions", before.questions)):
        say(title)
        for one in rows:
            say(_beside(one, later.get(one.name)))
    for one in new:
        say(f"{one.name[:72]:72} only after: {one.seconds:.2f} s {one.remark}".rstrip())


def _beside(one: Times, other: Times | None) -> str:
    if other is None:
        return f"{one.name[:72]:72} {one.seconds:.2f} s, only before {one.remark}".rstrip()

    def pair(first: float | None, second: float | None, form: str) -> str:
        return " -> ".join("-" if value is None else format(value, form) for value in (first, second))

    seconds = pair(one.median_seconds, other.median_seconds, ".2f")
    ratio = f"{one.seconds / other.seconds:7.1f}" if other.seconds else f"{'-':>7}"
    remark = " | ".join(text for text in (one.remark, other.remark) if text)
    first = pair(one.first_seconds, other.first_seconds, ".2f")
    return f"{one.name[:72]:72} {first:>20} {seconds:>20} {ratio} {pair(one.blocks, other.blocks, ','):>23}  {remark}".rstrip()


def main() -> None:
    """Measure and print, or compare what two runs kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="folder that large_organization.py filled")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file to keep the figures in")
    parser.add_argument(
        "--only", type=re.compile, default=re.compile(""), help="regular expression: questions with other names are left out"
    )
    parser.add_argument("--no-pages", action="store_true", help="leave out the browser")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"), help="two files of --json")
    given = parser.parse_args()
    if given.compare:
        compared(*(Report.read(path) for path in given.compare))
        return
    if given.home is None:
        parser.error("--home or --compare is needed")
    # So that the server is stopped when this is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    with place(given.home) as found:
        if not is_filled(found.superuser_url):
            sys.exit(f"{given.home} holds no data: run large_organization.py first")
        for report in measure(found, given.rounds, given.only, with_pages=not given.no_pages):
            say(line((report.questions or report.pages)[-1]))
            if given.json:
                given.json.write_text(json.dumps(asdict(report), indent=1))
    printed(report)


if __name__ == "__main__":
    main()
