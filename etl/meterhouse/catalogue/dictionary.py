"""Dictionary: what every public column means and in which unit. Pure; the same name means the same in every view.

Measures and dimensions come from the catalogue; the rest is here. From this one place come the comments on the views' columns, and
from those `bi.data_dictionary`.
"""

from __future__ import annotations

from meterhouse.catalogue.accounting_columns import ACCOUNTING_COLUMNS
from meterhouse.catalogue.anomaly_columns import ANOMALY_COLUMNS
from meterhouse.catalogue.brought_columns import BROUGHT_COLUMNS
from meterhouse.catalogue.budget_columns import BUDGET_COLUMNS
from meterhouse.catalogue.change_columns import CHANGE_COLUMNS
from meterhouse.catalogue.endpoints import (
    API_KEY,
    BATCH,
    COSTS,
    LINE_ITEM,
    MODEL,
    PROJECT,
    SERVICE_TIER,
    USAGE,
    USAGE_DIMENSIONS,
    USER,
    Metric,
)
from meterhouse.catalogue.focus_columns import FOCUS_COLUMNS
from meterhouse.catalogue.forecast_columns import FORECAST_COLUMNS
from meterhouse.catalogue.meaning import Meaning
from meterhouse.catalogue.price_columns import PRICE_COLUMNS

_NOT_ASKED = "not asked for, or not known to the vendor"
_NO_NAME = "the directory has no name for it"
_NO_SHARE = "credits leave no spend, or almost none, to take a share of"


def usage_measures() -> dict[str, Metric]:
    """Return the measures of the usage views by column, in the order of their first endpoint."""
    return {metric.column: metric for endpoint in USAGE for metric in endpoint.metrics}


# The order that the design gives these columns; those that came later follow in catalogue order.
_FIRST_MEASURES = (
    "requests", "input_tokens", "input_cached_tokens", "output_tokens", "input_audio_tokens", "output_audio_tokens", "images",
    "characters", "seconds", "sessions", "tool_calls", "storage_bytes",
)  # fmt: skip
MEASURES = (*_FIRST_MEASURES, *(column for column in usage_measures() if column not in _FIRST_MEASURES))
# Measures that say how much there is, and not how much was added.
LEVELS = {column for column, metric in usage_measures().items() if not metric.additive}
# Dimensions that came after these six, which the files of the views name: they stand where new columns are appended.
_FIRST_DIMENSIONS = (PROJECT, USER, API_KEY, MODEL, BATCH, SERVICE_TIER)
ATTRIBUTES = tuple(dimension.name for dimension in USAGE_DIMENSIONS if dimension not in _FIRST_DIMENSIONS)

COLUMNS: dict[str, Meaning] = {
    **{dimension.name: Meaning(dimension.help, null=_NOT_ASKED) for dimension in (*USAGE_DIMENSIONS, LINE_ITEM)},
    "model": Meaning(
        "Name of the model, the same in usage and on the bill: lower case and without a release date, or the alias that was set for it."
        " For a forecast, the rule for the days left: mean_of_7 (the mean of the last seven days), weekday (the usual week by its weekdays)"
        " or weekday_trend (the same, with half of its trend).",
        null="not asked for, or no model is named; there is no forecast, or nothing left to forecast",
    ),
    "model_reported": Meaning("Model as the vendor writes it.", null=_NOT_ASKED),
    "is_free_tier": Meaning(
        "Whether the tokens are free because the organization shares its data with the vendor.", null="the service tier is not known"
    ),
    "total_tokens": Meaning("Input and output tokens together.", "tokens", "both are null"),
    **{
        column: Meaning(metric.help, metric.unit, "the endpoint does not report it, or the vendor left it out")
        for column, metric in usage_measures().items()
    },
    **{metric.column: Meaning(metric.help, metric.unit, "the vendor left it out") for metric in COSTS.metrics},
    **ACCOUNTING_COLUMNS,
    **BROUGHT_COLUMNS,
    **CHANGE_COLUMNS,
    **BUDGET_COLUMNS,
    **PRICE_COLUMNS,
    **FOCUS_COLUMNS,
    **FORECAST_COLUMNS,
    **ANOMALY_COLUMNS,
    "is_batch": Meaning("Whether the requests went through the Batch API.", null=_NOT_ASKED),
    "usage_date": Meaning("UTC day that the row belongs to."),
    "usage_date_local": Meaning("Day in the local time zone on which the hour begins; the vendor bills by UTC day instead."),
    "time_zone": Meaning("Time zone of the local day: METERHOUSE_LOCAL_TIME_ZONE at the last migration."),
    "bucket_start_utc": Meaning("Start of the bucket as UTC clock time, without a time zone; use this one for grouping."),
    "bucket_at": Meaning("Start of the bucket as an instant; BI tools show it in their own time zone."),
    "bucket_width": Meaning("Width of the bucket: 1d, 1h or 1m.", null="nothing of the stream was loaded"),
    "month_start": Meaning("First day of the month."),
    "organization": Meaning("Label of the organization in the settings; demo is the invented organization of the stand-in."),
    "endpoint": Meaning("Usage endpoint that reported the row, or costs."),
    "project_name": Meaning("Newest known name of the project.", null=_NO_NAME),
    "user_name": Meaning("Newest known name of the user or service account.", null=_NO_NAME),
    "user_email": Meaning("Newest known e-mail address of the user.", null="a service account, or " + _NO_NAME),
    "api_key_name": Meaning("Newest known name of the API key.", null=_NO_NAME),
    "is_complete": Meaning(
        "Whether the period is settled: it is over, was read completely, and was older than its stream's settling time when last read."
    ),
    "finality": Meaning(
        "How final the figures are: open (not over, or not read completely), settling (over, but"
        " the vendor may still add to them), settled,"
        " or invoiced (they match the invoice of the month, and no longer change).",
        null="not loaded",
    ),
    "settled_through_date": Meaning("Last UTC day that is settled.", null="no day is settled"),
    "settled_bucket_count": Meaning("Number of buckets that are settled.", "buckets", "nothing loaded"),
    "age_hours": Meaning("Hours since the end of the day.", "hours"),
    "day_count": Meaning("Number of days that were observed at this age.", "days"),
    "known_share": Meaning(
        "Share of the final figures that was known at this age, over all these days together.",
        "share",
        "the final figures add up to 0, or to next to nothing beside what was known",
    ),
    "least_known_share": Meaning(
        "The smallest such share on any single day.", "share", "every final figure is 0, or next to nothing beside what was known"
    ),
    "final_day_count": Meaning("Number of days whose figure at this age was already final, to the last digit.", "days"),
    "settled_cost": Meaning(
        "Amount billed for the settled days of the month.", "units of currency", "no day is settled, or an amount is not known"
    ),
    "compared_cost": Meaning(
        "Amount billed for the days of the month that are compared: settled days whose counterpart in the previous month is settled too.",
        "units of currency",
        "no day can be compared, or an amount is not known",
    ),
    "previous_compared_cost": Meaning(
        "Amount billed for the same days of the previous month, or for all its days when both months are fully settled.",
        "units of currency",
        "no day can be compared, or an amount is not known",
    ),
    "compared_days": Meaning("Number of days of the month that are compared.", "days"),
    "previous_compared_days": Meaning(
        "Number of days of the previous month that are compared; differs only when whole months of unequal length are compared.", "days"
    ),
    "days_in_month": Meaning("Number of days in the calendar month.", "days"),
    "loaded_days": Meaning("Number of days of the month whose costs are loaded; amounts do not include the others.", "days"),
    "settled_days": Meaning("Number of days of the month whose costs are settled.", "days"),
    "is_current_month": Meaning(
        "Whether this is the month of the newest day loaded; for forecasts, that of the first day not settled yet."
    ),
    "has_spend": Meaning("Whether anything was billed in the month; false for a project that was billed only in the previous month."),
    "month_cost": Meaning(
        "Amount billed for the loaded days of the month, including open days.", "units of currency", "an amount is not known"
    ),
    "is_comparable": Meaning(
        "Whether everything that is compared is settled and known: this day and the day before, or all days of both periods."
    ),
    "currency": Meaning(
        "Lowercase currency code of the amounts in the row, or xxx if it is not a three-letter code; never add up different currencies.",
        null="the vendor gave none",
    ),
    "currency_reported": Meaning("The currency as the vendor writes it, in lower case.", null="the vendor gave none"),
    "quantity_reported": Meaning(
        "The billed quantity with every digit that the vendor sent, as text, even if it is too large for the column quantity.",
        "units named by quantity_unit",
        "the vendor left it out",
    ),
    "cost_usd": Meaning("Billed amount if the currency is usd.", "US dollars", "another currency, or the vendor left the amount out"),
    "cost_exact": Meaning(
        "The billed amount with every digit that the vendor sent, as text, for audits.", "units of currency", "the vendor left it out"
    ),
    "quantity_unit": Meaning("Unit of quantity as the vendor names it.", null="no single unit fits"),
    "source_grouping": Meaning(
        "Dimensions that the vendor was asked to group by, separated by commas; empty if none.", null="the bucket was not loaded"
    ),
    "origin": Meaning(
        "Where the figures come from: api, file: and the first 12 digits of the SHA-256 of an imported file, or legacy-api.",
        null="the bucket was not loaded",
    ),
    "tier": Meaning("Service tier named in the line item, such as priority or flex; derived.", null="the line item names none"),
    "surface": Meaning("Part of the platform named in the line item, such as evals; derived.", null="the line item names none"),
    "modality": Meaning("text, image, audio or video; derived from the line item.", null="the line item does not say which"),
    "direction": Meaning(
        "input, cached input, cache writes, output or training; derived from the line item.", null="the line item does not say which"
    ),
    "context_band": Meaning(
        "Price band that follows the direction in the line item, such as long context; derived.", null="the line item names none"
    ),
    "feature": Meaning("What was billed, if it is not tokens of a model; derived.", null="tokens of a model, or no line item"),
    "category": Meaning(
        "What the amount is for: text_tokens, audio_tokens, image_tokens, embeddings, audio, images, video, tool_calls, storage, sessions,"
        " training, credits, taxes, other or unknown; derived from the line item and its unit."
    ),
    "category_note": Meaning("Why lines like this one have no API key or no model.", null="they have both"),
    "is_parsed": Meaning("Whether this version understands every part of the line item."),
    "cached_share": Meaning(
        "Share of input tokens that were read from the cache, out of the input tokens with known cache data.",
        "share, 0 to 1",
        "no input tokens, or no cache data",
    ),
    "batch_share": Meaning(
        "Share of input and output tokens that went through batches, out of the tokens with a known batch flag.",
        "share, 0 to 1",
        "no such tokens",
    ),
    "owner_id": Meaning("Identifier of the key's owner.", null=_NO_NAME),
    "owner_name": Meaning("Name of the key's owner.", null=_NO_NAME),
    "owner_kind": Meaning("user or service_account.", null=_NO_NAME),
    "api_key_project_id": Meaning("Project that the key belongs to.", null=_NO_NAME),
    "api_key_project_name": Meaning("Name of the project that the key belongs to.", null=_NO_NAME),
    "previous_month_cost": Meaning(
        "Amount billed for the whole previous month; 0 if nothing was billed.",
        "units of currency",
        "a day of that month was not loaded, or has an unknown amount",
    ),
    "previous_day_cost": Meaning(
        "Amount billed for the day before; 0 if nothing was billed.", "units of currency", "that day was not loaded"
    ),
    "share_of_month": Meaning("Share of the organization's spend in the month, in this currency.", "share", _NO_SHARE),
    "share_of_day": Meaning("Share of the organization's spend on the day, in this currency.", "share", _NO_SHARE),
    "status": Meaning("For a bucket: loaded, empty, provisional or missing. For a stream: loaded or not offered."),
    "row_count": Meaning("Number of rows loaded, or of rows added up.", "rows", "not loaded"),
    "cacheable_input_tokens": Meaning(
        "Input tokens with known cache data: divide input_cached_tokens by this for the cached share.",
        "tokens",
        "no row has cache data",
    ),
    "rows_without_requests": Meaning(
        "Number of rows added up whose requests are unknown, although their endpoint counts requests.", "rows"
    ),
    "rows_without_tokens": Meaning(
        "Number of rows added up whose input or output tokens are unknown, although their endpoint counts tokens.", "rows"
    ),
    "rows_without_cost": Meaning("Number of rows added up for which the vendor left out the amount.", "rows"),
    "reported_start_utc": Meaning(
        "Start of the bucket as the vendor reported it; later than its regular start if the bucket was clipped.", null="not loaded"
    ),
    "reported_end_utc": Meaning("End of the bucket as the vendor reported it.", null="not loaded"),
    "changed_at_utc": Meaning("When anything about the bucket last changed, UTC.", null="not loaded"),
    "loaded_until_utc": Meaning("Scheduled runs have loaded everything before this UTC instant.", null="only backfills so far"),
    "last_loaded_at_utc": Meaning("When a window of the stream was last committed, UTC.", null="never"),
    "first_bucket_utc": Meaning("Start of the first bucket loaded.", null="nothing loaded"),
    "last_bucket_utc": Meaning("Start of the last bucket loaded or due.", null="nothing loaded"),
    "bucket_count": Meaning("Number of buckets loaded, including empty ones.", "buckets", "nothing loaded"),
    "empty_bucket_count": Meaning("Number of buckets that were read and have no rows.", "buckets", "nothing loaded"),
    "provisional_bucket_count": Meaning(
        "Number of buckets that were not settled, or were clipped, when last read.", "buckets", "nothing loaded"
    ),
    "missing_bucket_count": Meaning(
        "Number of buckets between the first and the last one that were never loaded.", "buckets", "nothing loaded"
    ),
    "detail": Meaning("What was found or reported, in words.", null="nothing to report"),
    "recorded_at_utc": Meaning("When the change was committed, UTC."),
    "change": Meaning(
        "changed if the row has new values, removed if the vendor no longer reports the row, added if it is new in a settled day of costs."
    ),
    "is_restatement": Meaning(
        "Whether the bucket had already counted as settled; false for growth, and for the same figures in another grouping."
    ),
    "metric": Meaning("Figure that changed, under the vendor's name for it."),
    "old_value": Meaning("Value before the change.", "unit of the metric", "the row had none"),
    "new_value": Meaning("Value after the change.", "unit of the metric", "the row was removed"),
    "revision_id": Meaning("Number of the restated row; this view has one row for each of its figures."),
    "view_name": Meaning("View that the column belongs to."),
    "column_name": Meaning("Name of the column."),
    "column_position": Meaning("Position of the column in its view, counted from 1."),
    "data_type": Meaning("PostgreSQL type of the column."),
    "unit": Meaning("Unit of the measure.", null="not a measure"),
    "description": Meaning("What the column means, its unit, and what null means."),
    "view_description": Meaning("What a row of the view is, and when the view is refreshed."),
    "check_name": Meaning("Name of the check."),
    "severity": Meaning("fail if figures cannot be trusted, warn if somebody should take a look."),
    "is_ok": Meaning("Whether the check found nothing."),
    "finding_count": Meaning("How many places the check found.", "places"),
    "checked_at_utc": Meaning("When the check ran, UTC."),
    "organization_key": Meaning("Key of the organization."),
    "project_key": Meaning("Key of the project; (none) for rows without one."),
    "user_key": Meaning("Key of the user; (none) for rows without one."),
    "api_key_key": Meaning("Key of the API key; (none) for rows without one."),
    "model_key": Meaning("Key of the model; (none) for rows without one."),
    "line_item_key": Meaning("Key of the line item; (none) for rows without one."),
    "vendor": Meaning("Vendor that the organization is a customer of."),
    "is_demo": Meaning("Whether this is the invented organization of the stand-in."),
    "project_status": Meaning("active or archived.", null=_NO_NAME),
    "project_created_at_utc": Meaning("When the project was created, UTC.", null=_NO_NAME),
    "project_deleted_at_utc": Meaning("When the project was first missing from the vendor's list, UTC.", null="it is listed"),
    "user_kind": Meaning("user or service_account.", null=_NO_NAME),
    "user_role": Meaning("Role of the user.", null=_NO_NAME),
    "user_deleted_at_utc": Meaning("When the user was first missing from the vendor's list, UTC.", null="it is listed"),
    "redacted_value": Meaning("First and last characters of the key, as the vendor shows them.", null=_NO_NAME),
    "api_key_deleted_at_utc": Meaning("When the key was first missing from the vendor's list, UTC.", null="it is listed"),
    "model_family": Meaning("Name of the model by the naming rules, before aliases."),
    "line_item_model": Meaning("Name of the model in the line item, written as in the column model.", null="the line item names none"),
    "year": Meaning("Calendar year."),
    "quarter": Meaning("Quarter of the year, 1 to 4."),
    "month": Meaning("Month of the year, 1 to 12."),
    "month_name": Meaning("English name of the month."),
    "iso_week": Meaning("ISO week of the year, 1 to 53."),
    "week_start": Meaning("Monday of the week."),
    "weekday": Meaning("ISO day of the week, 1 for Monday to 7 for Sunday."),
    "weekday_name": Meaning("English name of the weekday."),
    "is_weekend": Meaning("Whether the day is a Saturday or Sunday."),
}

# What reads otherwise in bi_team.
TEAM_COLUMNS: dict[str, Meaning] = {
    "share_of_month": Meaning("Share of your projects' spend in the month, in this currency.", "share", _NO_SHARE),
    "share_of_day": Meaning("Share of your projects' spend on the day, in this currency.", "share", _NO_SHARE),
}
