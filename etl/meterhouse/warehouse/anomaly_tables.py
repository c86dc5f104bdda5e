"""Anomaly tables: days of a series of costs that were odd, what people had planned, and which state of the costs each day was judged by."""

from __future__ import annotations

import sqlalchemy as sa

from meterhouse.warehouse.columns import INSTANT, column, identity, metadata, organization_column
from meterhouse.warehouse.schema import OPS, WAREHOUSE

_MONEY = "Unit: units of currency."
_KIND = "organization, model, project or api_key."

cost_anomalies = sa.Table(
    "cost_anomalies",
    metadata,
    identity("anomaly_id", "Key of the anomaly; it stays when the day is restated."),
    organization_column(),
    column("usage_date", sa.Date, "UTC day that was odd.", nullable=False),
    column("series_kind", sa.Text, f"Whose costs: {_KIND}", nullable=False),
    column("series_key", sa.Text, "Identifier of the project or API key, name of the model; empty for an organization.", nullable=False),
    column("project_id", sa.Text, "Project or project of the API key; null for the others, and where the vendor names none."),
    column("currency", sa.Text, "Currency of the costs; null when the vendor gave none."),
    column("kind", sa.Text, "spike, drop, sustained or new_spender.", nullable=False),
    column("actual_cost", sa.Numeric, f"Billed cost of the day. {_MONEY}", nullable=False),
    column("expected_cost", sa.Numeric, f"Cost that was to be expected. {_MONEY}", nullable=False),
    column("low_cost", sa.Numeric, f"Least cost that would have been ordinary. {_MONEY}", nullable=False),
    column("high_cost", sa.Numeric, f"Most that would have been ordinary. {_MONEY}", nullable=False),
    column("z_score", sa.Numeric(12, 6), "Robust deviations from what was expected; null for a new spender."),
    column("reason", sa.Text, "What was odd, in one sentence.", nullable=False),
    column("explained_kind", sa.Text, "Kind of the series further down that explains it; null when none does."),
    column("explained_key", sa.Text, "Key of that series; null when none explains it."),
    column("state", sa.Text, "new, updated (the day was restated) or withdrawn (it is no longer odd).", nullable=False),
    column("first_seen_at", INSTANT, "When the day was first found odd.", nullable=False),
    column("judged_at", INSTANT, "When anything about the row last changed.", nullable=False),
    sa.UniqueConstraint(
        "organization_id",
        "usage_date",
        "series_kind",
        "series_key",
        "project_id",
        "currency",
        name="uq_cost_anomalies_day",
        postgresql_nulls_not_distinct=True,
    ),
    schema=WAREHOUSE,
    comment="One row per UTC day and series of costs (organization, model, project, API key) on which it was odd.",
)
planned_activity = sa.Table(
    "planned_activity",
    metadata,
    identity("plan_id", "Key of the entry."),
    organization_column(),
    column("series_kind", sa.Text, f"What is planned to cost more or less: {_KIND}", nullable=False),
    column("series_key", sa.Text, "Identifier of the project or API key, name of the model; empty for an organization.", nullable=False),
    column("first_date", sa.Date, "First UTC day of it.", nullable=False),
    column("last_date", sa.Date, "Last UTC day of it.", nullable=False),
    column("note", sa.Text, "What is planned; null when nothing was written down."),
    column("imported_at", INSTANT, "When the file was imported.", nullable=False, server_default=sa.func.now()),
    schema=WAREHOUSE,
    comment="One row per planned activity: days on which odd costs of a series, and of all below it, are no surprise.",
)
judged_days = sa.Table(
    "judged_days",
    metadata,
    organization_column(primary_key=True),
    column("usage_date", sa.Date, "UTC day.", primary_key=True),
    column("sources", sa.Text, "Digest of the state of the costs and of the settings that the day was judged by.", nullable=False),
    column("judged_at", INSTANT, "When the day was last judged.", nullable=False),
    schema=OPS,
    comment="One row per organization and UTC day whose costs were looked at for anomalies.",
)
