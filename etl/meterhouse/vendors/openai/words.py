"""OpenAI's words for models and line items."""

from __future__ import annotations

from meterhouse.vendors.openai.categories import category_note, category_of
from meterhouse.vendors.openai.counterparts import counterpart
from meterhouse.vendors.openai.line_items import parse_line_item
from meterhouse.vendors.openai.names import canonical_model, model_family
from meterhouse.vendors.words import LineItemWords, Words


def _line_item(text: str, quantity_unit: str | None) -> LineItemWords:
    item = parse_line_item(text)
    category = category_of(item, quantity_unit)
    parts = (item.tier, item.surface, item.model, item.modality, item.direction, item.context_band, item.feature, item.is_parsed)
    counted = counterpart(item, category, quantity_unit)
    return LineItemWords(*parts, str(category), category_note(item, category), counted.endpoint, counted.quantity, counted.reason)


WORDS = Words(model_family, canonical_model, _line_item)
