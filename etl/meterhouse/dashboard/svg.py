"""Charts as static SVG, for a file that opens offline: a fraction of plotly's size, and nothing in it runs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from html import escape
from itertools import pairwise
from math import ceil, cos, floor, log10, pi, sin

from meterhouse import formats
from meterhouse.dashboard.chart import Chart, Mark, total_of
from meterhouse.dashboard.palette import ABSENT, LESS, MORE, colour, ink, is_dotted, texture

# Letters keep about their size if a picture is shown at its own width; charts.css chooses.
WIDTHS = {"narrow": 330, "middle": 600, "broad": 1240}
LEFT, TOP, BOTTOM = 46, 8, 22
ROW = 38
# The mean width of a letter of 12 px.
GLYPH = 7
_TILE = 'width="6" height="6" patternUnits="userSpaceOnUse"'
# One tile of each texture, in white over the series' colour.
_STROKES = {
    "\\": "M0 0L6 6M-1 5L1 7M5 -1L7 1", "-": "M0 3H6", "|": "M3 0V6", "x": "M0 0L6 6M6 0L0 6", "+": "M0 3H6M3 0V6", ".": "M2 3H4",
}  # fmt: skip


def picture(chart: Chart) -> str:
    """Return the chart as svg elements with its words as label, one for each width of its place; nothing for an empty one."""
    if chart.empty:
        return ""
    return "".join(_drawn(chart, width, size) for size, width in WIDTHS.items() if chart.wide or size != "broad")


def _drawn(chart: Chart, width: int, size: str) -> str:
    # A pattern of another picture on the page may be hidden with it, so each has its own.
    mark = f"{chart.key}-{size}"
    tall, body = {"bars": _bars, "lines": _lines, "ranks": _ranks, "pie": _pie}[chart.kind](chart, width, mark)
    head = f'<svg viewBox="0 0 {width} {tall}" role="img" aria-label="{escape(chart.alternative)}" class="drawn {chart.kind} {size}">'
    return f"{head}{_defs(chart, mark)}{body}</svg>"


def _defs(chart: Chart, mark: str) -> str:
    parts = []
    if any(chart.incomplete):
        parts.append(
            f'<pattern id="late-{mark}" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            '<rect width="2" height="5" class="ground"/></pattern>'
        )
    if any(is_dotted(one.slot) for one in chart.series):
        parts.append(f'<pattern id="dots-{mark}" {_TILE}><circle cx="2" cy="2" r=".8" fill="#fff"/></pattern>')
    for place, one in enumerate(chart.series):
        if stroke := _STROKES.get(texture(chart, place)):
            parts.append(
                f'<pattern id="of{place}-{mark}" {_TILE}><rect width="6" height="6" fill="{colour(one.slot)}"/>'
                f'<path d="{stroke}" class="texture"/></pattern>'
            )
    return f"<defs>{''.join(parts)}</defs>" if parts else ""


def _fill(chart: Chart, place: int, mark: str) -> str:
    return f"url(#of{place}-{mark})" if texture(chart, place) else colour(chart.series[place].slot)


def _bars(chart: Chart, width: int, mark: str) -> tuple[int, str]:
    frame = _frame(chart, width)
    parts, place, step, late = [frame.body], frame.place, frame.step, ""
    # One shape per series: a printer repeats the texture for each shape, and would write megabytes for every bar.
    shapes = ["" for _ in chart.series]
    for index in range(len(chart.labels)):
        up, down, x = 0.0, 0.0, frame.left + step * (index + 0.09)
        for place_in_stack, one in enumerate(chart.series):
            value = float(one.values[index] or 0)
            base = up if value >= 0 else down
            top, bottom = place(max(base, base + value)), place(min(base, base + value))
            up, down = (up + value, down) if value >= 0 else (up, down + value)
            if value:
                shapes[place_in_stack] += _box(x, top, step * 0.82, bottom - top)
        if chart.incomplete and chart.incomplete[index] and up:
            late += _box(x, place(up), step * 0.82, place(0) - place(up))
    filled = [*((_fill(chart, number, mark), shape) for number, shape in enumerate(shapes)), (f"url(#late-{mark})", late)]
    named = [_mark(chart, frame, one, width) for one in chart.marks]
    return 230, "".join([*parts, *_filled(filled), _gaps(chart, frame), *named])


def _filled(shapes: Iterable[tuple[str, str]]) -> list[str]:
    return [f'<path d="{shape}" fill="{fill}" class="shape"/>' for fill, shape in shapes if shape]


def _box(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z"


def _mark(chart: Chart, frame: _Frame, mark: Mark, width: int) -> str:
    """A triangle above a bar, with its name where there is one."""
    x = frame.left + frame.step * (mark.place + 0.5)
    y = frame.place(sum(max(float(one.values[mark.place] or 0), 0) for one in chart.series)) - 3
    name = cut(mark.name, 24)
    half = GLYPH * len(name) / 2
    at = min(max(x, frame.left + half), width - half)
    text = f'<text x="{at:.1f}" y="{y - 11:.1f}" class="middle">{escape(name)}</text>' if name else ""
    return f'<path d="M{x - 5:.1f} {y - 9:.1f}h10l-5 8z" style="fill:{MORE}"><title>{escape(mark.words)}</title></path>{text}'


def _gaps(chart: Chart, frame: _Frame) -> str:
    """Marks on the ground line where nothing is loaded: no bar would say zero."""
    places = ((frame.left + frame.step * first, frame.left + frame.step * (last + 1)) for first, last in chart.gaps)
    return "".join(
        f'<path d="M{start:.1f} {230 - BOTTOM - 3}H{end:.1f}" stroke="{ABSENT}" style="stroke-width:6" stroke-dasharray="2 3" class="gap"/>'
        for start, end in places
    )


def names_at(chart: Chart) -> int | None:
    """Return where the names of several lines stand: where these are farthest apart."""
    if len(chart.series) < 2:
        return None
    told = {index: sorted(float(one.values[index] or 0) for one in chart.series) for index in range(len(chart.labels))}
    return max(told, key=lambda index: min(high - low for low, high in pairwise(told[index])), default=None)


def _lines(chart: Chart, width: int, _: str) -> tuple[int, str]:
    named, frame = names_at(chart), _frame(chart, width)
    parts, place, step = [frame.body], frame.place, frame.step
    for one in chart.series:
        points = [
            None if value is None else (frame.left + step * (index + 0.5), place(float(value))) for index, value in enumerate(one.values)
        ]
        for index in range(1, len(points)):
            first, second = points[index - 1], points[index]
            if first and second:
                dots = ' stroke-dasharray="2 4"' if chart.incomplete and chart.incomplete[index] else ""
                parts.append(
                    f'<path d="M{first[0]:.1f} {first[1]:.1f}L{second[0]:.1f} {second[1]:.1f}" stroke="{colour(one.slot)}"{dots}/>'
                )
            elif second:
                parts.append(f'<circle cx="{second[0]:.1f}" cy="{second[1]:.1f}" r="1.5" fill="{colour(one.slot)}"/>')
        if named is not None and (at := points[named]):
            x = min(max(at[0], frame.left + 20), width - 20)
            parts.append(f'<text x="{x:.1f}" y="{max(at[1] - 5, 11):.1f}" class="middle">{escape(one.name)}</text>')
    return 230, "".join([*parts, _gaps(chart, frame)])


def _ranks(chart: Chart, width: int, mark: str) -> tuple[int, str]:
    sums = [[float(one.values[index] or 0) for one in chart.series] for index in range(len(chart.labels))]
    high = max([0, *(sum(value for value in line if value > 0) for line in sums)])
    low = min([0, *(sum(value for value in line if value < 0) for line in sums)])
    scale = (width - 8) / ((high - low) or 1)
    parts, shapes = [], dict[str, str]()
    for index, label in enumerate(chart.labels):
        text = rank_text(chart, index)
        room = int(width / GLYPH) - len(text) - 3
        y, x = index * ROW + 14, -low * scale
        parts.append(
            f'<text x="0" y="{y}">{escape(cut(str(label), room))}</text><text x="{width}" y="{y}" class="end">{escape(text)}</text>'
        )
        for place, value in enumerate(sums[index]):
            fill = (MORE if value > 0 else LESS) if chart.is_change else _fill(chart, place, mark)
            left = x if value >= 0 else x + value * scale
            if value:
                shapes[fill] = shapes.get(fill, "") + _box(left, y + 5, abs(value) * scale, 9)
            x += value * scale
    return ROW * len(chart.labels) + 4, "".join([*parts, *_filled(shapes.items())])


def cut(label: str, room: int) -> str:
    """Return what fits of a label; the table holds all of it."""
    return label if len(label) <= room else f"{label[: room - 1]}…"


def rank_text(chart: Chart, index: int) -> str:
    """Return the text at the end of a bar."""
    amount = total_of([one.values[index] for one in chart.series])
    if chart.is_change and amount is not None:
        return formats.change(Decimal(amount), chart.unit.partition(":")[2])
    return chart.show(amount) if chart.is_money else formats.short(amount)


def _pie(chart: Chart, width: int, mark: str) -> tuple[int, str]:
    values = [float(one.values[index] or 0) for index, one in enumerate(chart.series)]
    whole, turn, parts = sum(values) or 1, -pi / 2, []
    for one, value in zip(chart.series, values, strict=True):
        arc = min(value / whole, 0.99999) * 2 * pi
        path = _slice(width / 2, 110, turn, turn + arc)
        parts.append(f'<path d="{path}" fill="{colour(one.slot)}" class="slice"/>')
        if is_dotted(one.slot):
            parts.append(f'<path d="{path}" fill="url(#dots-{mark})"/>')
        # Dots leave no room for text; the legend has it.
        if value / whole >= 0.04 and not is_dotted(one.slot):
            middle = turn + arc / 2
            parts.append(
                f'<text x="{width / 2 + 80 * cos(middle):.1f}" y="{114 + 80 * sin(middle):.1f}" class="inside"'
                f' fill="{ink(one.slot)}">{one.legend}</text>'
            )
        turn += arc
    return 220, "".join(parts)


def _slice(x: float, y: float, start: float, end: float) -> str:
    outer, inner, large = 102, 58, int(end - start > pi)
    corners = [(radius, angle) for radius, angle in ((outer, start), (outer, end), (inner, end), (inner, start))]
    a, b, c, d = (f"{x + radius * cos(angle):.1f} {y + radius * sin(angle):.1f}" for radius, angle in corners)
    return f"M{a}A{outer} {outer} 0 {large} 1 {b}L{c}A{inner} {inner} 0 {large} 0 {d}Z"


def whole_axis(chart: Chart) -> tuple[float, float, float]:
    """Return where the axis of values begins and ends, with everything between two of its labels, and the distance of these."""
    places = range(len(chart.labels))
    if chart.kind == "lines":
        low, high = 0.0, max([0.0, *(float(value) for one in chart.series for value in one.values if value is not None)])
    else:
        high = max([0.0, *(sum(max(float(one.values[index] or 0), 0) for one in chart.series) for index in places)])
        low = min([0.0, *(sum(min(float(one.values[index] or 0), 0) for one in chart.series) for index in places)])
    # A name stands above its line or bar, and the highest one needs room there.
    high *= 1.18 if chart.marks else 1.1 if names_at(chart) is not None and chart.kind == "lines" else 1
    unit = _nice((high - low) / 4 or 1)
    return floor(low / unit) * unit, (ceil(high / unit) or 1) * unit, unit


def axis_texts(chart: Chart, whole: tuple[float, float, float]) -> dict[float, str]:
    """Return the labels of the axis of values, as `whole_axis` has it, by their values."""
    low, high, unit = whole
    return {number * unit: _value(chart, number * unit, unit) for number in range(round(low / unit), round(high / unit) + 1)}


def _frame(chart: Chart, width: int) -> _Frame:
    whole = whole_axis(chart)
    place, texts = _Place(*whole[:2]), axis_texts(chart, whole)
    left = max(LEFT, 6 + GLYPH * max(map(len, texts.values())))
    parts = []
    for value, text in texts.items():
        y = place(value)
        parts.append(
            f'<path d="M{left} {y:.1f}H{width}" class="grid-line"/><text x="{left - 6}" y="{y + 4:.1f}" class="end weak">{text}</text>'
        )
    step = (width - left) / (len(chart.labels) or 1)
    every = max(1, -(-len(chart.labels) // (12 if width > 1000 else 6 if width > 500 else 4)))
    for index in range(0, len(chart.labels), every):
        words = _tick(chart.labels, index, is_hourly=chart.is_hourly)
        # The last one stays on the picture.
        x = min(left + step * (index + 0.5), width - GLYPH * len(words) / 2)
        parts.append(f'<text x="{x:.1f}" y="226" class="middle weak">{escape(words)}</text>')
    return _Frame("".join(parts), place, left, step)


def _value(chart: Chart, value: float, unit: float) -> str:
    """The label of a grid line, as short as possible."""
    size = abs(value)
    text = formats.short(int(size)) if unit >= 1 else f"{size:.2g}"
    text = re.sub(r"\.?0+(?= )", "", text) if "." in text else text
    return f"{formats.MINUS if value < 0 else ''}{'$' if chart.unit == 'money:usd' else ''}{text}"


@dataclass(frozen=True)
class _Frame:
    """Grid and axes of a picture, and where its values and buckets stand."""

    body: str
    place: _Place
    left: int
    step: float


class _Place:
    """From a value to its height in the picture."""

    def __init__(self, low: float, high: float) -> None:
        self._low = low
        self._scale = (230 - TOP - BOTTOM) / ((high - low) or 1)

    def __call__(self, value: float) -> float:
        return 230 - BOTTOM - (value - self._low) * self._scale


def _nice(value: float) -> float:
    size = 10.0 ** floor(log10(value))
    return next(size * factor for factor in (1, 2, 5, 10) if value <= size * factor * 1.0001)


def _tick(labels: Sequence[str | datetime], index: int, *, is_hourly: bool) -> str:
    label = labels[index]
    if isinstance(label, str):
        return label
    return f"{label.day} {label:%b %H:%M}" if is_hourly and len(labels) <= 96 else f"{label.day} {label:%b}"
