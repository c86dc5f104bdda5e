"""docker-compose.yml as the tests read it: its services, its variables, and how compose fills them in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
# Not behind a $, which makes a variable of the container's own.
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")
AIRFLOW = sorted(name for name, service in SERVICES.items() if service["image"].startswith("meterhouse:"))


def interpolated(text: str, values: dict[str, str]) -> str:
    """Fill in variables as compose does: `:-` gives a default, `:?` fails."""

    def value(found: re.Match[str]) -> str:
        name, how, rest = found.groups()
        if chosen := values.get(name, ""):
            return chosen
        assert how == "-", f"{name} has no value, and compose would stop: {rest}"
        return str(rest)

    return VARIABLE.sub(value, text).replace("$$", "$")


def filled(values: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The services as compose sees them with these variables: filled in after the file has been parsed, as compose does."""

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: walk(value) for name, value in node.items()}
        if isinstance(node, list):
            return [walk(value) for value in node]
        return interpolated(node, values) if isinstance(node, str) else node

    services: dict[str, dict[str, Any]] = walk(SERVICES)
    return services
