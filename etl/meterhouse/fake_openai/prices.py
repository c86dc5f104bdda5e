"""Which invoice lines a stream of usage is billed on, and at what price per unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.fake_openai import lineup, measures
from meterhouse.fake_openai.lineup import Model, picodollars

_MILLION = 10**6
# How the bill words a unit, where it is not as the catalogue words it.
_UNITS = {"seconds": "duration_seconds"}
# Tool calls have no unit that the vendor names.
_TOOLS = {
    "web_search_calls": ("web search tool calls", lineup.WEB_SEARCH_PRICE),
    "file_search_calls": ("file search tool calls", lineup.FILE_SEARCH_PRICE),
    "code_interpreter_sessions": ("code interpreter", lineup.CODE_INTERPRETER_PRICE),
}


@dataclass(frozen=True, slots=True)
class Line:
    """An invoice line: the leaves whose sum is its quantity, and the price of one unit in 1e-12 USD."""

    line_item: str
    leaves: tuple[int, ...]
    unit: str | None
    picodollars: int


def lines_of(endpoint: str, dimensions: Mapping[str, str | bool | None], model: Model | None, *, is_long: bool = False) -> tuple[Line, ...]:
    """Return the lines that usage with these dimensions is billed on; vector stores are billed by the hour, elsewhere.

    Prompts of a long context (`is_long`) have lines of their own, which usage does not separate.
    """
    if measures.counts_tokens(endpoint) and model:
        factor = lineup.BATCH_FACTOR if dimensions.get("batch") else lineup.TIER_FACTORS[str(dimensions["service_tier"])]
        # Batches are billed in the plain lines, at half their price; other tiers have lines of their own.
        tier = None if dimensions.get("batch") else dimensions["service_tier"]
        prefix = f"{tier} | " if tier in lineup.TIERS_WITH_LINES else ""
        lines = [line for line in _token_lines(model, prefix, factor) if line.picodollars]
        return tuple(map(_of_long_context, lines) if is_long else lines)
    if tool := _TOOLS.get(endpoint):
        return (Line(tool[0], (0,), None, picodollars(tool[1])),)
    if model and endpoint == "images":
        price = lineup.IMAGE_PRICES[str(dimensions["size"])]
        return (Line(model.billed_as, (1,), "images", picodollars(price)),)
    if model:
        # Moderation is free: its lines come with an amount of zero.
        leaf, unit = _billed(endpoint)
        return (Line(model.billed_as, (leaf,), _UNITS.get(unit, unit), picodollars(model.input_price / _MILLION)),)
    return ()


def _billed(endpoint: str) -> tuple[int, str]:
    """Return the leaf that is billed, which is the pace only where there is no other, and the catalogue's unit of it."""
    names = measures.leaf_names(endpoint)
    leaf = min(1, len(names) - 1)
    return leaf, next(metric.unit for metric in ENDPOINTS[endpoint].metrics if metric.name == names[leaf])


def _of_long_context(line: Line) -> Line:
    factor = lineup.LONG_OUTPUT_FACTOR if line.line_item.endswith(", output") else lineup.LONG_INPUT_FACTOR
    return Line(f"{line.line_item}, long context", line.leaves, line.unit, int(line.picodollars * factor))


def _token_lines(model: Model, prefix: str, factor: Decimal) -> list[Line]:
    def line(suffix: str, leaves: tuple[int, ...], price: Decimal | None) -> Line:
        return Line(f"{prefix}{model.billed_as}{suffix}", leaves, "tokens", picodollars((price or Decimal(0)) * factor / _MILLION))

    if not model.multimodal:
        return [
            line(", input", (measures.TEXT,), model.input_price),
            line(", cached input", (measures.CACHED_TEXT,), model.cached_price),
            line(", cache writes", (measures.WRITE_30M, measures.WRITE_12H), model.write_price),
            line(", output", (measures.OUT_TEXT,), model.output_price),
        ]
    lines = [
        line(" text, input", (measures.TEXT,), model.input_price),
        line(" text, cached input", (measures.CACHED_TEXT,), model.cached_price),
        line(" text, output", (measures.OUT_TEXT,), model.output_price),
    ]
    if model.audio_output_price is not None:
        lines.append(line(" audio, input", (measures.AUDIO, measures.CACHED_AUDIO), model.audio_input_price))
        lines.append(line(" audio, output", (measures.OUT_AUDIO,), model.audio_output_price))
    if model.image_output_price is not None:
        lines.append(line(" image, input", (measures.IMAGE, measures.CACHED_IMAGE), model.image_input_price))
        lines.append(line(" image, output", (measures.OUT_IMAGE,), model.image_output_price))
    return lines
