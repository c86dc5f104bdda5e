"""What SQL says of the shown days, in the words of the page."""

from __future__ import annotations

from tests.conftest import Warehouse
from tests.postgres.loaded_organization import rows

from meterhouse.formats import money

from .conftest import FIRST, LAST


def billed(warehouse: Warehouse, where: str = "true") -> str:
    """What SQL says was billed in the shown days."""
    span = f"usage_date BETWEEN '{FIRST}' AND '{LAST}' AND {where}"
    return money(rows(warehouse.superuser_url, f"SELECT sum(cost_usd) FROM bi.costs_daily WHERE {span}")[0][0], "usd")


def asked_for(warehouse: Warehouse, where: str = "true") -> str:
    """How many requests SQL says were made in the shown days."""
    span = f"usage_date BETWEEN '{FIRST}' AND '{LAST}' AND endpoint <> 'web_search_calls' AND {where}"
    return f"{rows(warehouse.superuser_url, f'SELECT sum(requests) FROM bi.usage_daily WHERE {span}')[0][0]:,} requests"
