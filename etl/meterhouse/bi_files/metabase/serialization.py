"""Metabase's serialization format: the models, the questions and the dashboard as files that any Metabase imports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meterhouse.bi_files.metabase.content import (
    COLLECTION,
    COLLECTION_DESCRIPTION,
    DASHBOARD,
    DASHBOARD_DESCRIPTION,
    DATABASE,
    Card,
    cards,
    entity_id,
    layout,
    mappings,
    parameters,
    projects_model,
    template_tags,
)
from meterhouse.bi_files.yaml_folder import hold_exactly

# Metabase's own user, which exists in every installation.
_CREATOR = "internal@metabase.com"


def files() -> dict[str, dict[str, Any]]:
    """Return the serialization format's files: path below `bi/metabase`, and content."""
    folder = _slug(COLLECTION)
    collection = entity_id("collection", COLLECTION)
    made: dict[str, dict[str, Any]] = {
        f"collections/main/{folder}.yaml": {
            "name": COLLECTION,
            "description": COLLECTION_DESCRIPTION,
            "slug": folder,
            "entity_id": collection,
            "parent_id": None,
            "serdes/meta": _identity("Collection", COLLECTION, collection),
        }
    }
    for card in cards():
        made[f"collections/main/{folder}/{_slug(card.name)}.yaml"] = _card_file(card, collection)
    dashboard = entity_id("dashboard", DASHBOARD)
    made[f"collections/main/{folder}/dashboard.yaml"] = {
        "name": DASHBOARD,
        "description": DASHBOARD_DESCRIPTION,
        "entity_id": dashboard,
        "creator_id": _CREATOR,
        "collection_id": collection,
        "parameters": parameters(projects_model().entity_id),
        "dashcards": [_place_file(card, place, dashboard) for card, place in layout()],
        "serdes/meta": _identity("Dashboard", DASHBOARD, dashboard),
    }
    return made


def _card_file(card: Card, collection: str) -> dict[str, Any]:
    return {
        "name": card.name,
        "description": card.description,
        "entity_id": card.entity_id,
        "creator_id": _CREATOR,
        "collection_id": collection,
        "type": "model" if card.is_model else "question",
        "display": card.display,
        "database_id": DATABASE,
        "dataset_query": {
            "lib/type": "mbql/query",
            "database": DATABASE,
            "stages": [{"lib/type": "mbql.stage/native", "native": card.sql, "template-tags": template_tags(card)}],
        },
        "visualization_settings": card.settings,
        "result_metadata": list(card.metadata) or None,
        "parameters": [],
        "parameter_mappings": [],
        "serdes/meta": _identity("Card", card.name, card.entity_id),
    }


def _place_file(card: Card, place: Mapping[str, int], dashboard: str) -> dict[str, Any]:
    identifier = entity_id("dashcard", card.name)
    return {
        "entity_id": identifier,
        "card_id": card.entity_id,
        **place,
        "parameter_mappings": mappings(card, card.entity_id),
        "visualization_settings": {},
        "serdes/meta": [{"id": dashboard, "model": "Dashboard"}, {"id": identifier, "model": "DashboardCard"}],
    }


def _identity(model: str, name: str, identifier: str) -> list[dict[str, str]]:
    return [{"id": identifier, "label": _slug(name), "model": model}]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def write(folder: Path) -> None:
    """Rewrite every file, and remove those that are no longer made."""
    hold_exactly(folder, files())
