"""Every chart is seen, and not only there: in the dashboard and in the report, on a desk and on a phone, on the screen and on paper."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import NOW

from meterhouse.dashboard.chart import Chart
from meterhouse.dashboard.charts import all_charts
from meterhouse.dashboard.page import SAVINGS
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.report_file import whole_snapshot, write_report
from meterhouse.dashboard.sections import SECTIONS
from meterhouse.dashboard.static_report import report
from meterhouse.dashboard.svg import ROW
from meterhouse.dashboard.tables import of_shown, shown

from .conftest import EVERYTHING
from .paper import Sheets, printed
from .seen import charts_seen
from .visit import Visit

KEYS = [key for _, _, keys in SECTIONS for key in keys]
# Of a chart whose height does not follow from its names.
LARGE = 10
# The height of one bar of a ranking, in pixels of the screen.
BAR = 7
SIZES = {"desk": (1440, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def charts(loaded: Warehouse) -> dict[str, Chart]:
    """What should be seen, none of it empty."""
    found = {chart.key: chart for chart in all_charts(whole_snapshot(Reader(loaded.reader_url), EVERYTHING))}
    assert not [(key, chart.empty) for key, chart in found.items() if chart.empty]
    return found


@pytest.fixture(scope="module")
def report_file(loaded: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the same days as a file."""
    out = tmp_path_factory.mktemp("report") / "report.html"
    write_report(loaded.reader_url, EVERYTHING, out)
    return out


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """An empty page, as wide as a desk's or a phone's, of somebody who likes it dark."""
    width, height = SIZES[request.param]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="dark")
    yield context.new_page()
    context.close()


def every_chart_is_seen(page: Page, charts: dict[str, Chart], later: frozenset[str] = frozenset()) -> None:
    """Fail for a chart without height, without marks, or with marks that something cuts off; those that come later may be missing."""
    found = {key: one for key, one in zip(KEYS, charts_seen(page), strict=True) if key not in later or one.height}
    assert found.keys() | later == charts.keys()
    width = page.evaluate("() => document.documentElement.clientWidth")
    for key, one in found.items():
        # One bar per name takes as much room as there are names.
        rows = len(charts[key].labels) if charts[key].kind == "ranks" else LARGE
        assert one.height >= min(100, rows * ROW), (key, one)
        assert one.right <= width, (key, one)
        assert one.marks == one.whole > 0, (key, one)
        assert one.wide >= 100, (key, one)
        assert one.tall >= min(60, (rows - 1) * ROW + BAR), (key, one)


@pytest.mark.parametrize("media", ["screen", "print"])
def test_every_chart_of_the_report_is_seen(page: Page, report_file: Path, charts: dict[str, Chart], media: str) -> None:
    page.emulate_media(media=media)  # type: ignore[arg-type]
    page.goto(report_file.as_uri())
    every_chart_is_seen(page, charts)


def test_every_chart_of_the_dashboard_is_seen_on_the_screen_and_for_paper(page: Page, dashboard: str, charts: dict[str, Chart]) -> None:
    Visit(page, dashboard, EVERYTHING).drawn()
    every_chart_is_seen(page, charts)
    page.emulate_media(media="print")
    # Plotly draws again for the new width some moments later.
    page.wait_for_timeout(1500)
    every_chart_is_seen(page, charts)


def test_every_chart_of_the_dashboards_first_paint_is_seen(browser: Browser, dashboard: str, charts: dict[str, Chart]) -> None:
    for width, height in SIZES.values():
        context = browser.new_context(viewport={"width": width, "height": height}, java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{dashboard}/?{EVERYTHING.to_query()}")
        # Prices take long to look up, and the first paint does not wait for them.
        every_chart_is_seen(page, charts, later=frozenset({SAVINGS}))
        context.close()


def every_chart_is_printed(sheets: Sheets, charts: dict[str, Chart]) -> None:
    """Fail for a chart under whose title no colour of a series was printed, and for a sheet that is not white."""
    # In their order, and below the cards, one of which has the name of a chart; two may be side by side.
    place = max((line.sheet, line.top) for line in sheets.lines if line.text == "Trend")
    for key in KEYS:
        below = [line for line in sheets.lines if (line.sheet, line.top) >= place and line.text.startswith(charts[key].title)]
        title = min(below, key=lambda line: (line.sheet, line.top), default=None)
        assert title is not None, key
        place = title.sheet, title.top
        assert sheets.marks(title.sheet, title.top, title.top + 300) > 60, key
    assert {sheets.ground(sheet) for sheet in range(len(sheets.pixels))} == {b"\xff\xff\xff"}


def test_the_printed_report_has_every_chart_and_every_row_of_every_table(
    browser: Browser, report_file: Path, charts: dict[str, Chart], tmp_path: Path
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page.goto(report_file.as_uri())
    sheets = printed(page, tmp_path)
    page.close()
    every_chart_is_printed(sheets, charts)
    words = {word.text for word in sheets.words}
    for chart in charts.values():
        for row in chart.table.rows:
            cells = zip(row, chart.table.columns, strict=True)
            told = [shown(of_shown(row, cell, column), column) for cell, column in cells if column.is_number]
            assert {word for text in told for word in text.split()} <= words, (chart.key, row)
    # Nothing is cut off at the edge: the browser would have made all of it smaller.
    assert max(line.right for line in sheets.lines) < sheets.width - 20
    assert min(line.left for line in sheets.lines) > 20
    # A heading stands above the rows of each sheet that a table goes on to, and its total once.
    of_days = Counter(line.sheet for line in sheets.lines if re.match(r"\d+ (Oct|Nov) 2026", line.text))
    headed = {line.sheet for line in sheets.lines if line.text.split()[0] == "day"}
    assert len(headed) > 4
    assert headed >= {sheet for sheet, count in of_days.items() if count > 3}
    assert sum(line.text.split()[0] == "Total" for line in sheets.lines) == report_file.read_text().count("<tfoot>")


def test_figures_of_a_large_organization_do_not_overlap_on_paper(browser: Browser, reader: Reader, tmp_path: Path) -> None:
    found = reader.snapshot(EVERYTHING)
    large = replace(
        found,
        usage=[
            replace(row, input_tokens=(row.input_tokens or 0) * 10**5, output_tokens=(row.output_tokens or 0) * 10**5)
            for row in found.usage
        ],
        costs=[replace(row, cost=(row.cost or 0) * 10**5) for row in found.costs],
    )
    page = browser.new_page()
    page.set_content(report(large, NOW))
    sheets = printed(page, tmp_path)
    page.close()
    assert max(len(word.text) for word in sheets.words if word.text.replace(",", "").isdigit()) >= len("10,000,000,000,000")
    assert sheets.overprinted() == []
    assert max(word.right for word in sheets.words) < sheets.width - 20


def test_the_printed_dashboard_has_every_chart_in_the_papers_own_width(
    browser: Browser, dashboard: str, charts: dict[str, Chart], tmp_path: Path
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    visit = Visit(page, dashboard, EVERYTHING)
    visit.drawn()
    sheets = printed(page, tmp_path)
    every_chart_is_printed(sheets, charts)
    assert "Refresh" not in {word.text for word in sheets.words}
    assert "22 Oct \u2013 20 Nov 2026, UTC days. No filters." in {line.text for line in sheets.lines}
    # Afterwards the screen has its own width back.
    page.wait_for_timeout(1500)
    every_chart_is_seen(page, charts)
    assert max(one.wide for one in charts_seen(page)) > 1000
    assert visit.complaints == []
    page.close()
