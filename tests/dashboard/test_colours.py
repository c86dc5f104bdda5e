"""Contrast as the browser computes it, in light and dark, and series that colour-blind people tell apart."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests.conftest import Warehouse

from meterhouse.dashboard.charts import all_charts
from meterhouse.dashboard.figures import figure
from meterhouse.dashboard.legends import legend
from meterhouse.dashboard.palette import REST, SERIES, TEXTURES, colour, ink, luminance, texture
from meterhouse.dashboard.queries import Reader
from meterhouse.dashboard.report_file import whole_snapshot, write_report
from meterhouse.dashboard.svg import picture

from .conftest import EVERYTHING
from .visit import Visit

TEXT, GRAPHIC = 4.5, 3.0
# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear light.
VISIONS = {
    "all cones": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
# A difference of 2.3 is just noticed where two colours touch. Neighbours in a stack do touch, and should differ at a glance: six times
# that. Any other two are compared from afar, a swatch with a mark, and by texture too: three times that.
NEIGHBOURS, ANY_TWO = 6 * 2.3, 3 * 2.3

# Every visible text with its own colour and what is painted under it; the marks of charts and the edges of controls with their ground.
WALK = """() => {
  const channels = (text) => { const found = text.match(/[\\d.]+/g).map(Number); return [...found.slice(0, 3), found[3] ?? 1]; };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  // A texture lies over its colour: what is under it is in the pattern.
  const paint = (node, property) => {
    const found = getComputedStyle(node)[property];
    const pattern = found.match(/url\\("?#([^")]+)/);
    return pattern ? getComputedStyle(document.getElementById(pattern[1]).querySelector("rect")).fill : found;
  };
  const ground = (node) => {
    const layers = [];
    for (let one = node; one instanceof Element; one = one.parentElement) {
      if (one instanceof SVGElement) {
        const slice = one.closest(".slice")?.querySelector("path.surface");
        if (slice && slice !== node) { layers.push(channels(paint(slice, "fill"))); break; }
        continue;
      }
      const found = channels(getComputedStyle(one).backgroundColor);
      if (found[3] > 0) layers.push(found);
      if (found[3] === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const faded = (node, colour) => {
    let alpha = colour[3];
    for (let one = node; one instanceof Element; one = one.parentElement) alpha *= Number(getComputedStyle(one).opacity);
    return [...colour.slice(0, 3), alpha];
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const seen = (node) => {
    const box = node.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && node.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  };
  const texts = [];
  const note = (node, text, ink) => {
    const below = ground(node);
    texts.push([contrast(over(faded(node, channels(ink)), below), below), text.trim().slice(0, 40), String(node.closest("[id]")?.id)]);
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !seen(node) || node.closest("script, style, .unseen, .skip, option, :disabled")) continue;
    const style = getComputedStyle(node);
    if (node instanceof SVGElement) {
      // In the report each slice's text stands behind its own path, and not in a group with it.
      const before = node.matches(".inside") ? node.previousElementSibling : null;
      const slice = before && (before.matches(".slice") ? before : before.previousElementSibling);
      if (slice) texts.push([contrast(channels(style.fill), channels(paint(slice, "fill"))), node.textContent, "inside"]);
      else note(node, walk.currentNode.data, style.fill);
    } else note(node, walk.currentNode.data, style.color);
  }
  for (const input of document.querySelectorAll("input[type=text], input:not([type])")) {
    if (seen(input)) note(input, input.value || input.placeholder, getComputedStyle(input).color);
  }
  const graphics = [];
  const hold = (what, mark, node) => {
    const below = ground(node);
    graphics.push([contrast(over(channels(mark), below), below), what]);
  };
  const marks = [
    [".js-plotly-plot .bars .point path", "fill"], [".js-plotly-plot .js-line", "stroke"], [".js-plotly-plot path.surface", "fill"],
    [".drawn > .shape", "fill"], [".drawn .slice", "fill"], [".drawn > path[stroke]", "stroke"],
  ];
  for (const [selector, property] of marks) {
    for (const mark of document.querySelectorAll(selector)) {
      // What is not complete is hatched in the colour of the ground, over a bar of its own.
      if (/late-/.test(getComputedStyle(mark)[property]) || getComputedStyle(mark)[property] === "none") continue;
      hold(selector, paint(mark, property), mark.closest(".picture"));
    }
  }
  for (const swatch of document.querySelectorAll(".swatch")) hold("swatch", getComputedStyle(swatch).backgroundColor, swatch.parentElement);
  for (const selector of [".presets button", ".dash-dropdown", ".dash-datepicker-input-wrapper"]) {
    for (const edge of document.querySelectorAll(selector)) {
      if (seen(edge)) hold(selector, getComputedStyle(edge).borderTopColor, edge.parentElement);
    }
  }
  for (const chosen of document.querySelectorAll(".segments label:has(:checked)")) {
    if (seen(chosen)) hold("chosen", getComputedStyle(chosen).backgroundColor, chosen.parentElement);
  }
  return { texts, graphics };
}"""


def shown(page: Page, wanted: set[str]) -> None:
    """Hold every text and every mark of a page to its least contrast; `wanted` must be among the marks."""
    found: dict[str, Any] = page.evaluate(WALK)
    assert len(found["texts"]) > 60
    assert wanted <= {what for _, what in found["graphics"]}
    assert [one for one in found["texts"] if one[0] < TEXT] == []
    assert [one for one in found["graphics"] if one[0] < GRAPHIC] == []


@pytest.fixture(params=["light", "dark"])
def themed(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page in one of the two schemes."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=request.param)
    yield context.new_page()
    context.close()


def test_every_text_and_mark_of_the_page_can_be_read_in_light_and_dark(themed: Page, dashboard: str) -> None:
    visit = Visit(themed, dashboard, EVERYTHING)
    visit.drawn()
    for key in ("cost_per_day", "cached_by_model"):
        visit.table(key)
    marks = {".js-plotly-plot .bars .point path", ".js-plotly-plot .js-line", ".js-plotly-plot path.surface"}
    shown(themed, marks | {"swatch", "chosen", ".presets button", ".dash-dropdown", ".dash-datepicker-input-wrapper"})
    themed.click("#projects")
    themed.get_by_role("option").first.wait_for()
    shown(themed, marks)
    themed.keyboard.press("Escape")
    themed.click("#first-day")
    themed.locator(".dash-datepicker-content").wait_for()
    shown(themed, marks)
    themed.keyboard.press("Escape")
    style = "getComputedStyle(document.documentElement)"
    accent, panel = themed.evaluate(f"() => ['--accent', '--panel'].map(name => {style}.getPropertyValue(name).trim())")
    assert contrast(accent, panel) >= GRAPHIC, "the focus ring"


def test_every_text_and_mark_of_the_report_can_be_read_in_light_and_dark(themed: Page, loaded: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    write_report(loaded.reader_url, EVERYTHING, out)
    themed.goto(out.as_uri())
    shown(themed, {".drawn > .shape", ".drawn .slice", ".drawn > path[stroke]", "swatch"})


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_colours_of_series_stand_off_from_both_grounds_and_the_text_on_them_can_be_read() -> None:
    for slot, one in enumerate(SERIES):
        assert contrast(colour(slot), {"#000": "#000000", "#fff": "#ffffff"}[ink(slot)]) >= TEXT, one
        for ground in ("#ffffff", "#161b22"):
            assert contrast(one, ground) >= GRAPHIC, (one, ground)
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def seen_as(hexadecimal: str, vision: str) -> tuple[float, float, float]:
    """A colour in CIELAB as somebody with a kind of sight sees it."""
    light = [int(hexadecimal[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    light = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in light]
    red, green, blue = (min(1.0, max(0.0, sum(a * b for a, b in zip(line, light, strict=True)))) for line in VISIONS[vision])
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    a, b, c = (part ** (1 / 3) if part > 216 / 24389 else (24389 / 27 * part + 16) / 116 for part in (x, y, z))
    return 116 * b - 16, 500 * (a - b), 200 * (b - c)


def difference(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """CIEDE2000."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean = ((math.hypot(a1, b1) + math.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * math.sqrt(mean / (mean + 25**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = math.degrees(math.atan2(b1, a1)) % 360, math.degrees(math.atan2(b2, a2)) % 360
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    hue = (h1 + turn / 2) % 360
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = 1 - 0.17 * cos(hue - 30) + 0.24 * cos(2 * hue) + 0.32 * cos(3 * hue + 6) - 0.2 * cos(4 * hue - 63)
    in_light = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / math.sqrt(20 + (light - 50) ** 2))
    in_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    in_hue = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2)) / (1 + 0.015 * chroma * t)
    bend = -2 * math.sqrt(chroma**7 / (chroma**7 + 25**7)) * math.sin(math.radians(60 * math.exp(-(((hue - 275) / 25) ** 2))))
    return math.sqrt(in_light**2 + in_chroma**2 + in_hue**2 + bend * in_chroma * in_hue)


def cos(degrees: float) -> float:
    """The cosine of an angle in degrees."""
    return math.cos(math.radians(degrees))


@pytest.mark.parametrize("vision", VISIONS)
def test_six_series_and_the_rest_are_distinguishable_with_every_kind_of_sight(vision: str) -> None:
    drawn = [seen_as(one, vision) for one in (*SERIES, REST)]
    assert len(SERIES) >= 6
    for index, (one, other) in enumerate(pairwise(drawn)):
        assert difference(one, other) >= NEIGHBOURS, ((*SERIES, REST)[index : index + 2], vision)
    for (first, one), (second, other) in combinations(zip((*SERIES, REST), drawn, strict=True), 2):
        assert difference(one, other) >= ANY_TWO, (first, second, vision)


def test_the_difference_is_that_of_the_published_pairs() -> None:
    # Sharma, Wu and Dalal 2005, pairs 1, 7 and 25.
    for one, other, expected in (
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ):
        assert difference(one, other) == pytest.approx(expected, abs=1e-4)


def test_no_chart_relies_only_on_colour(reader: Reader) -> None:
    stacks = set()
    for chart in all_charts(whole_snapshot(reader, EVERYTHING)):
        if len(chart.series) == 1:
            continue
        drawn, names = picture(chart), [name for _, _, name, _ in legend(chart)]
        assert names == [one.name for one in chart.series], chart.key
        if chart.kind in {"bars", "ranks"}:
            stacks.add(chart.key)
            textures = [texture(chart, place) for place in range(len(chart.series))]
            assert len(set(textures)) == len(textures) <= len(TEXTURES), chart.key
            assert drawn.count("<pattern") == drawn.count("<svg") * (len(textures) - 1 + any(chart.incomplete)), chart.key
            shapes = [trace["marker"]["pattern"]["shape"] for trace in figure(chart)["data"]]
            assert [shape if isinstance(shape, str) else shape[0] for shape in shapes] == textures, chart.key
        elif chart.kind == "lines":
            assert all(f">{name}</text>" in drawn for name in names), chart.key
            assert [note["text"] for note in figure(chart)["layout"]["annotations"]] == names
        else:
            assert all(one.legend.endswith("%") for one in chart.series), chart.key
    assert stacks == {
        "cost_over_time_by_model", "requests_by_model", "usage_by_api_key", "usage_by_user", "cached_by_model", "batch_by_model",
        "savings",
    }  # fmt: skip


def test_the_swatches_of_a_stack_have_its_textures_on_the_page(browser: Browser, dashboard: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    Visit(page, dashboard, EVERYTHING)
    for key, count in (("cost_over_time_by_model", 7), ("requests_by_model", 7), ("usage_by_user", 2), ("cached_by_model", 2)):
        images = page.locator(f"#panel-{key} .swatch").evaluate_all("all => all.map(one => getComputedStyle(one).backgroundImage)")
        assert len(set(images)) == len(images) == count, key
        assert images[0] == "none"
    page.close()
