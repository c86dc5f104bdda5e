"""The static report: one file that opens offline, with the dashboard's totals and tables, and whole or not there at all."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.conftest import Warehouse
from tests.postgres.loaded_organization import NOW
from tests.unit.answer_rows import EVERY_ROW

from meterhouse.dashboard.charts import all_charts
from meterhouse.dashboard.filters import Filters
from meterhouse.dashboard.invented import OrganizationRow
from meterhouse.dashboard.key_figures import key_figures
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.report_file import whole_snapshot, write_report
from meterhouse.dashboard.static_report import report
from meterhouse.errors import FixConfiguration
from meterhouse.labels import DEMO_LABEL

from .conftest import EVERYTHING, FIRST, LAST, report_command


def test_the_file_opens_offline_with_the_same_charts_totals_and_tables_as_the_dashboard(
    browser: Browser, loaded: Warehouse, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"
    done = report_command(loaded.reader_url, tmp_path, "--out", str(out), "--from", str(FIRST), "--to", str(LAST))
    assert (done.returncode, done.stdout.startswith("wrote ")) == (0, True), done.stderr
    assert 50_000 < out.stat().st_size < 1_000_000, "a report must be small enough to mail"
    snapshot = whole_snapshot(Reader(loaded.reader_url), EVERYTHING)
    asked: list[str] = []
    complaints: list[str] = []
    context = browser.new_context(offline=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(out.as_uri())
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
    for one in key_figures(snapshot):
        assert page.locator(f"#card-{one.key}").inner_text() == one.value
    for chart in all_charts(snapshot):
        panel = page.locator(f"#panel-{chart.key}")
        assert panel.locator(".total").inner_text() == ("—" if chart.empty else chart.total)
        if chart.empty:
            continue
        outlines = (
            panel.locator("svg.narrow").locator(".shape, .slice, path[stroke]").evaluate_all("all => all.map(one => one.getAttribute('d'))")
        )
        # All bars of a series are one shape; each begins with a move.
        assert "".join(outlines).count("M") >= min(2, len(chart.labels)) > 0, chart.key
        # A table with many columns is split into several side by side.
        blocks = panel.locator("table").count()
        assert blocks == max(1, -(-(len(chart.table.columns) - 1) // 7)), chart.key
        assert panel.locator("tbody tr").count() == blocks * len(chart.table.rows), chart.key
        foot = panel.locator("tfoot td[data-value]").evaluate_all("cells => cells.map(cell => cell.dataset.value)")
        sums = [cell for cell, column in zip(chart.table.total()[1:], chart.table.columns[1:], strict=True) if column.is_number]
        assert [Decimal(value or 0) for value in foot] == [cell or 0 for cell in sums], chart.key
    context.close()
    assert asked == [out.as_uri()]
    assert complaints == []
    assert "<script" not in out.read_text()


def test_a_report_that_cannot_be_written_leaves_what_was_there(loaded: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    out.write_text("last week's")
    away = loaded.reader_url.rsplit("/", 1)[0] + "/nowhere"
    with pytest.raises(Exception, match="the user or the database is not there"):
        write_report(away, EVERYTHING, out)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["last week's"]
    with pytest.raises(FixConfiguration, match="does not exist"):
        write_report(loaded.reader_url, EVERYTHING, tmp_path / "missing" / "report.html")
    done = report_command(loaded.reader_url, tmp_path, "--out", str(out), "--from", "2026-11-20", "--to", "2026-11-01")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "swap them" in done.stderr


def test_names_that_somebody_chose_are_text_and_not_markup(loaded: Warehouse, tmp_path: Path) -> None:
    from tests.postgres.loaded_organization import rows  # noqa: PLC0415

    mark = "<img src=x onerror=alert(1)>"
    name = "UPDATE warehouse.dim_project SET project_name = %s WHERE project_id = %s AND valid_to IS NULL"
    project, before = rows(
        loaded.superuser_url,
        "SELECT p.project_id, p.project_name FROM warehouse.dim_project p JOIN warehouse.dim_cost_group USING (project_id) LIMIT 1",
    )[0]
    rows(loaded.superuser_url, name, [mark, project])
    try:
        out = tmp_path / "report.html"
        write_report(loaded.reader_url, Filters(FIRST, LAST), out)
        assert mark not in out.read_text()
        assert "&lt;img src=x" in out.read_text()
    finally:
        rows(loaded.superuser_url, name, [before, project])


# Selectors that nothing on the page matches; pointing and focus come and go.
UNUSED = """() => {
  const rules = (list) => [...list].flatMap(rule => rule instanceof CSSStyleRule ? [rule.selectorText] : rules(rule.cssRules ?? []));
  const each = (text) => text.split(/,(?![^(]*\\))/).map(one => one.trim());
  return rules(document.styleSheets[0].cssRules).flatMap(each)
    .filter(text => !document.querySelector(text.replace(/:(hover|focus-visible)/g, "") || "*"));
}"""


def test_a_report_has_no_rule_that_is_for_the_dashboards_app(browser: Browser, reader: Reader) -> None:
    full = reader.snapshot(EVERYTHING)
    unknown = replace(full, costs=[replace(row, unknown_costs=1) for row in full.costs])
    nothing = replace(
        reader.snapshot(replace(EVERYTHING, projects=("proj_of_nobody",))), organizations=[OrganizationRow(DEMO_LABEL, is_demo=True)]
    )
    # A budget at risk, a range and an unusual day, which an organization of fifty days does not have.
    odd = replace(full, answers=EVERY_ROW)
    unused: list[set[str]] = []
    for snapshot in (unknown, nothing, odd):
        page = browser.new_page()
        page.set_content(report(snapshot, NOW))
        unused.append(set(page.evaluate(UNUSED)))
        page.close()
    assert unused[0] != unused[1]
    assert unused[0] & unused[1] & unused[2] == set()
