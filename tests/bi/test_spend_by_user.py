"""Costs per user and month: those of a service account are rows of their own, and all rows add up to the bill."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.bi.given import Given
from tests.bi.test_teams_of_costs import part


def test_what_a_service_account_used_is_in_a_row_with_its_name_and_nobodys_costs_are_in_another(given: Given) -> None:
    given.do(
        "INSERT INTO warehouse.dim_api_key (organization_id, api_key_id, owner_id, owner_kind, valid_from) VALUES"
        " (1, 'k-svc', 'svc', 'service_account', now()), (1, 'k-svc-2', 'svc', 'service_account', now()), (1, 'k-own', 'u', 'user', now())"
    )
    given.do(
        "INSERT INTO warehouse.dim_user (organization_id, user_id, user_name, user_kind, valid_from) VALUES"
        " (1, 'svc', 'nightly-export', 'service_account', now()), (1, 'u', 'Ada', 'user', now())"
    )
    given.covered_days("costs", "2026-09-01", 30)
    part(given, "2026-09-15", "2", "billed_by_key", project_id="p", api_key_id="k-svc")
    part(given, "2026-10-15", "3", "billed_by_key", project_id="p", api_key_id="k-svc")
    part(given, "2026-10-15", "4", project_id="q", api_key_id="k-svc-2")
    part(given, "2026-10-15", "8", project_id="p", api_key_id="k-svc", user_id="u")
    part(given, "2026-10-15", "1", "unallocated", project_id="p", api_key_id="k-svc")
    part(given, "2026-10-15", "16", project_id="p", api_key_id="never-listed")
    shown = given.shown(
        "SELECT month_start, user_id, service_account_id, service_account_name, cost, cost_billed_by_key, cost_unallocated,"
        " previous_month_cost, share_of_month FROM bi.spend_by_user_month ORDER BY month_start, user_id, service_account_id"
    )
    september, october = date(2026, 9, 1), date(2026, 10, 1)
    assert shown == [
        (september, None, "svc", "nightly-export", 2, 2, 0, None, 1),
        (october, "u", None, None, 8, 0, 0, 0, Decimal("0.25")),
        (october, None, "svc", "nightly-export", 7, 3, 0, 2, Decimal("0.21875")),
        (october, None, None, None, 17, 0, 1, 0, Decimal("0.53125")),
    ]
