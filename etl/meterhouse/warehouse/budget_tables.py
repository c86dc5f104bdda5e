"""Budget tables: who may spend how much, the status of that, the vendor's own limits, and which notices people were sent."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from meterhouse.warehouse.columns import INSTANT, column, identity, metadata, organization_column
from meterhouse.warehouse.schema import OPS, WAREHOUSE

_MONEY = sa.Numeric(28, 12)
_SHARE = sa.Numeric(12, 6)
_NAME = "Name of the budget."
_CURRENCY = "Lowercase currency code of the amounts."
_PERIOD = "Calendar period that the amount is for: month, quarter or year."
_SCOPE = "Whose spending it limits: organization, project, team, api_key or user."
_SCOPE_KEY = "Identifier of the project, key or user, or a user's e-mail address, or the team's name; empty for an organization."
_OF_CURRENCY = "Unit: units of currency."

budgets = sa.Table(
    "budgets",
    metadata,
    identity("budget_id", "Key of the budget."),
    organization_column(),
    column("budget", sa.Text, _NAME, nullable=False),
    column("scope_kind", sa.Text, _SCOPE, nullable=False),
    column("scope_key", sa.Text, _SCOPE_KEY, nullable=False),
    column("currency", sa.Text, _CURRENCY, nullable=False),
    column("period", sa.Text, _PERIOD, nullable=False),
    column("amount", sa.Numeric, f"What may be spent in each period. {_OF_CURRENCY}", nullable=False),
    column("thresholds", ARRAY(sa.Numeric), "Shares of the amount at which people are sent a notice, ascending.", nullable=False),
    column("valid_from", sa.Date, "First day of the first period that it is for; null for from the beginning."),
    column("valid_to", sa.Date, "Last day of the last period that it is for; null while it goes on."),
    column("imported_at", INSTANT, "When the file was imported.", nullable=False, server_default=sa.func.now()),
    sa.CheckConstraint("amount > 0", name="amount_is_positive"),
    schema=WAREHOUSE,
    comment="One row per budget and span of periods; imported from a file.",
)
budget_periods = sa.Table(
    "budget_periods",
    metadata,
    organization_column(primary_key=True),
    column("budget", sa.Text, _NAME, primary_key=True),
    column("period_start", sa.Date, "First UTC day of the period.", primary_key=True),
    column("period_end", sa.Date, "Last UTC day of the period.", nullable=False),
    column("period", sa.Text, _PERIOD, nullable=False),
    column("scope_kind", sa.Text, _SCOPE, nullable=False),
    column("scope_key", sa.Text, _SCOPE_KEY, nullable=False),
    column("currency", sa.Text, _CURRENCY, nullable=False),
    column("budget_cost", sa.Numeric, f"What may be spent. {_OF_CURRENCY}", nullable=False),
    column("thresholds", ARRAY(sa.Numeric), "Shares of it at which people are sent a notice, ascending.", nullable=False),
    column("spent_cost", _MONEY, f"Costs of the settled days; null when no day is settled. {_OF_CURRENCY}"),
    column("settled_through_date", sa.Date, "Newest settled UTC day of the period; null for none."),
    column("unknown_days", sa.Integer, "Days up to there that are not settled, or of which an amount is missing.", nullable=False),
    column("used_share", _SHARE, "Spent share of the budget; null when no day is settled."),
    column("expected_cost", _MONEY, f"Expected costs of the period; null without a forecast. {_OF_CURRENCY}"),
    column("low_cost", _MONEY, f"Low end of what is expected. {_OF_CURRENCY}"),
    column("high_cost", _MONEY, f"High end of what is expected. {_OF_CURRENCY}"),
    column("passes_on_date", sa.Date, "UTC day on which spending passed the budget, or will at the expected pace; null for none."),
    column("state", sa.Text, "on_track, at_risk, will_exceed, exceeded or unknown.", nullable=False),
    column("highest_threshold", sa.Numeric, "Highest threshold that is reached; null for none."),
    column("next_threshold", sa.Numeric, "Lowest threshold that is not reached; null for none."),
    column("reason", sa.Text, "Why the expected cost or the state is not known; null when they are."),
    column("is_current", sa.Boolean, "Whether the newest loaded day of costs lies in the period.", nullable=False),
    column("sources", sa.Text, "Digest of what the row was made from, so that an older period is judged again only after a change."),
    schema=WAREHOUSE,
    comment="One row per budget and period with its status; written at the end of every load.",
)
vendor_spend_limits = sa.Table(
    "vendor_spend_limits",
    metadata,
    identity("limit_id", "Key of the limit."),
    organization_column(),
    column("project_id", sa.Text, "Project that it is for; null for the organization as a whole."),
    column("kind", sa.Text, "limit, which the vendor enforces, or alert, of which it sends mails.", nullable=False),
    column("vendor_limit_id", sa.Text, "Identifier that the vendor gives an alert; null for a limit."),
    column("amount", sa.Numeric, f"Amount, which the vendor lists in cents. {_OF_CURRENCY}", nullable=False),
    column("currency", sa.Text, _CURRENCY, nullable=False),
    column("period", sa.Text, "Interval in the vendor's words, such as month.", nullable=False),
    column("enforcement", sa.Text, "What the vendor says of enforcing a limit, such as enforcing or inactive; null for an alert."),
    column("read_at", INSTANT, "When the vendor's list first showed it so.", nullable=False),
    schema=WAREHOUSE,
    comment="One row per spend limit and spend alert that is set at the vendor.",
)
notices = sa.Table(
    "notices",
    metadata,
    organization_column(primary_key=True),
    column("kind", sa.Text, "budget_threshold, budget_forecast or cost_anomaly.", primary_key=True),
    column("identity", sa.Text, "What the notice is about, in words that are the same each time.", primary_key=True),
    column("period_start", sa.Date, "First UTC day of the period, or the day, that it is about.", primary_key=True),
    column("text", sa.Text, "What is sent.", nullable=False),
    column("found_at", INSTANT, "When it was first due.", nullable=False, server_default=sa.func.now()),
    column("claimed_at", INSTANT, "When somebody last began to send it; null after an attempt that failed."),
    column("delivered_at", INSTANT, "When a channel had taken it; null until then."),
    schema=OPS,
    comment="One row per notice about spending, which is sent once.",
)
