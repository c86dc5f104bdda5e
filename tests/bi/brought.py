"""Files of people, one of each kind, brought into a warehouse of the organization acme, and a day of it that was odd."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from meterhouse.imports.budgets import import_budgets
from meterhouse.imports.invoices import import_invoices
from meterhouse.imports.purchases import import_purchases
from meterhouse.imports.rates import import_rates
from meterhouse.imports.teams import import_teams
from meterhouse.settings import Settings

INVOICE = """invoice_id,organization,period_start,period_end,currency,issued_on,kind,description,amount
INV-1,acme,2026-11-01,2026-11-30,usd,2026-12-02,usage,API usage,100.00
INV-1,acme,2026-11-01,2026-11-30,usd,2026-12-02,tax,VAT,19.00
"""
PURCHASES = "bought_on,amount,currency,expires_on,organization,note\n2026-11-02,500,usd,2027-11-01,acme,first\n"
TEAMS = "kind,value,organization,team,cost_centre,valid_from,valid_to\ndefault,,,Overhead,CC-900,2026-11-03,\n"
BUDGETS = "organization,budget,scope_kind,currency,period,amount\nacme,All of it,organization,usd,month,1000\n"
RATES = "rate_date,from_currency,to_currency,rate,source\n2026-11-02,usd,eur,0.85,ECB\n"

# A month is too short a history for any day to be judged.
ODD_DAY = """
INSERT INTO warehouse.cost_anomalies (organization_id, usage_date, series_kind, series_key, currency, kind, actual_cost, expected_cost,
    low_cost, high_cost, z_score, reason, state, first_seen_at, judged_at)
VALUES (1, '2026-11-10', 'organization', '', 'usd', 'spike', 900, 300, 200, 450, 11, '3.0 times the 300.00 usd expected for a Tuesday',
    'new', '2026-11-12 01:02:03Z', '2026-11-12 01:02:03Z')
"""


def bring_in(settings: Settings, folder: Path, now: datetime) -> None:
    """Import an invoice, a purchase, a list of teams, one of budgets and a rate."""

    def written(name: str, text: str) -> Path:
        path = folder / name
        path.write_text(text)
        return path

    import_invoices(settings, [written("invoice.csv", INVOICE)], now)
    import_purchases(settings, [written("purchases.csv", PURCHASES)], now)
    import_teams(settings, written("teams.csv", TEAMS), now)
    import_budgets(settings, written("budgets.csv", BUDGETS), now)
    import_rates(settings, [written("rates.csv", RATES)], now)
