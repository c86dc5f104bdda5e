"""Brought columns: what the public columns mean that come from files of people: invoices, purchases, teams and exchange rates. Pure."""

from __future__ import annotations

from meterhouse.catalogue.meaning import Meaning

_MONEY = "units of currency"
_NO_RATE = "no rate was imported for the day or the seven days before it"
_NO_INVOICE = "no invoice was imported"
_NOT_COMPARED = f"{_NO_INVOICE}, or billed is not known"

BROUGHT_COLUMNS: dict[str, Meaning] = {
    "invoice_id": Meaning("Number that the vendor gave the invoice.", null="no invoice of the day was imported"),
    "line_number": Meaning("Place of the line in its invoice, from 1."),
    "line_kind": Meaning("usage, credit, tax, bundle, adjustment or other."),
    "line_description": Meaning("What the line of the invoice says.", null="the file says nothing"),
    "amount": Meaning("Amount of the line of the invoice; negative if it lowers the bill.", _MONEY),
    "period_start": Meaning("First UTC day that the invoice bills, or that the budget is for."),
    "period_end_date": Meaning("Last UTC day that the invoice bills, or that the budget is for."),
    "issued_date": Meaning("UTC day on which the newest invoice of the row was issued.", null=_NO_INVOICE),
    "imported_at_utc": Meaning("When the file was imported, UTC."),
    "billed": Meaning(
        "Sum of costs_daily over the days of the month, as far as they are known; 0 if nothing was billed.",
        _MONEY,
        "no amount is known, or no day of the month is loaded: see state_reason",
    ),
    "invoiced": Meaning("Sum of all lines of the invoices.", _MONEY, _NO_INVOICE),
    "tax": Meaning("Lines of tax.", _MONEY, _NO_INVOICE),
    "credit": Meaning("Lines of credits, which are negative.", _MONEY, _NO_INVOICE),
    "bundle": Meaning("Lines of commitments and bundles, such as scale tier.", _MONEY, _NO_INVOICE),
    "adjustment": Meaning("Lines of adjustments.", _MONEY, _NO_INVOICE),
    "restatement": Meaning(
        "What the vendor restated after the day on which the invoice was issued, with the opposite sign: billed plus this is what was"
        " billed as of that day.",
        _MONEY,
        _NO_INVOICE,
    ),
    "period_shift": Meaning(
        "Costs of invoiced days of other months, less costs of days of the month that the invoice does not cover; 0 for a whole month.",
        _MONEY,
        _NOT_COMPARED,
    ),
    "rounding": Meaning(
        "What is left over, if it is no more than half a hundredth for each line of usage, or one hundredth in all.",
        _MONEY,
        _NOT_COMPARED,
    ),
    "unexplained": Meaning("What is left over, if it is more than rounding.", _MONEY, _NOT_COMPARED),
    "tolerance": Meaning(
        "How much may stay unexplained, up or down, for the month to tie: METERHOUSE_INVOICE_TOLERANCE_* when the invoice was imported.",
        _MONEY,
        _NO_INVOICE,
    ),
    "state": Meaning(
        "For a month and its invoices: no_invoice, open (a day is not settled, or an amount is unknown), tied, tied_with_rounding, or"
        " mismatch (more is unexplained than the tolerance). For an unusual day: new, updated (the day was restated), planned (somebody"
        " had announced it) or withdrawn (it is no longer unusual). For a budget: on_track, at_risk (the high end of what is expected is"
        " above it), will_exceed (what is expected is above it), exceeded, or unknown."
    ),
    "state_reason": Meaning(
        "Why the month is not closed, or why the expected cost of a budget is not known, in words.",
        null="the month is closed, or will be with the next load; the expected cost is known",
    ),
    "is_closed": Meaning("Whether the month is closed: its figures stay as they are, and restatements become corrections."),
    "closed_at_utc": Meaning("When the month was closed, UTC.", null="it is not closed"),
    "corrections": Meaning("Corrections of closed months that were seen in this month; contained in none of the other amounts.", _MONEY),
    "invoiced_days": Meaning("Number of days of the month that an invoice with a line of usage covers.", "days"),
    "invoice_count": Meaning("Number of invoices of the month and currency.", "invoices"),
    "correction": Meaning("What the restatement adds to the closed figure; negative if it takes away.", _MONEY),
    "seen_date": Meaning("UTC day on which the restatement was first read."),
    "correction_month_start": Meaning("First day of the month that the correction belongs to: that of seen_date."),
    "bought_date": Meaning("UTC day of the purchase."),
    "bought": Meaning("Credits that were bought; in prepaid_balance, by as_of_date.", _MONEY),
    "expiry_date": Meaning("Last UTC day on which the credits can be used.", null="they do not expire"),
    "purchase_note": Meaning("What the buyer wrote down.", null="nothing"),
    "purchase_id": Meaning("Number of the purchase in this warehouse."),
    "drawn": Meaning("Billed cost that was paid from the credits; each day from those that expire first.", _MONEY),
    "lapsed": Meaning("Credits that expired before they were used.", _MONEY),
    "credits_left": Meaning("Credits that can still be used after the newest loaded day; purchases made later do not count.", _MONEY),
    "as_of_date": Meaning(
        "Newest UTC day whose costs are loaded; for a forecast, the last settled one that it knew.", null="no costs are loaded"
    ),
    "cost_not_covered": Meaning("Billed cost since the first purchase that no credits were left for.", _MONEY),
    "burn_per_day": Meaning("Billed cost per day, on average over the last settled days.", _MONEY, "no day is settled"),
    "burn_days": Meaning("Number of settled days of that average: the last 28, or as many as there are.", "days", "no day is settled"),
    "days_left": Meaning(
        "Number of days that the credits last at that pace, if none expire before; for a month, its days after as_of_date.",
        "days",
        "nothing is used",
    ),
    "runs_out_date": Meaning("UTC day on which the credits run out at that pace.", null="nothing is used"),
    "next_expiry_date": Meaning("UTC day on which the next credits expire.", null="none of those that are left expire"),
    "next_expiry_credits": Meaning("Credits left that expire on that day.", _MONEY, "none of those that are left expire"),
    "team": Meaning("Team that the costs are assigned to; (unassigned) for those that no assignment covers."),
    "cost_centre": Meaning("Cost centre of the assignment.", null="none is given"),
    "assigned_by": Meaning(
        "What the assignment goes by: api_key, key_prefix, user, mail_domain, project or default; if several fit, the first in this"
        " order counts."
    ),
    "assigned_value": Meaning(
        "Identifier of the key, user or project, e-mail address of the user, beginning of the key's name, or domain; empty for the default."
    ),
    "only_organization": Meaning("Organization that the assignment applies to.", null="all organizations"),
    "valid_from_date": Meaning("First UTC day on which the assignment is valid.", null="it is valid from the beginning"),
    "valid_to_date": Meaning("Last UTC day on which the assignment is valid.", null="it does not end"),
    "team_key": Meaning("Key of the team."),
    "team_name": Meaning("Name of the team; (unassigned) for costs that no assignment covers."),
    "team_cost_centre": Meaning("Cost centre of the team's newest assignment.", null="none is given"),
    "is_unassigned": Meaning("Whether this is the row for costs that no assignment covers."),
    "rate_date": Meaning("UTC day of the exchange rate; up to seven days before usage_date.", null=_NO_RATE),
    "from_currency": Meaning("Currency that is converted."),
    "to_currency": Meaning("Currency that it is converted to."),
    "rate": Meaning("Units of the currency that is converted to, for one unit of the other.", "ratio", _NO_RATE),
    "rate_source": Meaning("Where the rate is from.", null="the file does not say"),
    "cost_converted": Meaning("Billed amount in the reporting currency.", "units of reporting_currency", "see conversion_reason"),
    "reporting_currency": Meaning("METERHOUSE_REPORTING_CURRENCY at the last migration.", null="it was not set"),
    "conversion_reason": Meaning(
        "Why there is no converted amount: no_reporting_currency, no_currency (the vendor gave none), no_rate (of the day or the seven days"
        " before it), amount_missing (the vendor left it out) or too_large.",
        null="the amount is converted",
    ),
}
