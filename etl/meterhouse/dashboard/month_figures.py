"""What the monthly report shows, as typed rows of one moment. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from meterhouse import formats
from meterhouse.answers.rows import AnswerRows, last_day
from meterhouse.dashboard.invented import OrganizationRow


@dataclass(frozen=True)
class SpendRow:
    """What a team, project or model cost in a month, in one currency; None: unknown, or none of that kind is named."""

    kind: str
    organization: str
    name: str | None
    currency: str
    cost: Decimal | None
    previous_month_cost: Decimal | None
    share_of_month: Decimal | None


@dataclass(frozen=True)
class MonthFigures:
    """The figures of a month: answers, spend by team, project and model, and whose they are."""

    month: date
    answers: AnswerRows
    spend: tuple[SpendRow, ...] = ()
    organizations: tuple[OrganizationRow, ...] = ()
    is_of_a_team: bool = False

    @property
    def is_loaded(self) -> bool:
        """Whether anything of the month is known."""
        return bool(self.answers.month_to_date)

    @property
    def unsettled_words(self) -> str:
        """What is not final of the month, by organization; nothing where all of it is."""
        end = last_day(self.month)
        late = [one for one in self.answers.loaded_costs or () if one.settled_through_date is None or one.settled_through_date < end]
        late_names = {one.organization for one in late}
        gaps = [
            row for row in self.answers.month_to_date or () if row.settled_days < row.days_in_month and row.organization not in late_names
        ]
        through = [f"{one.organization} through {_day(one.settled_through_date)}" for one in late]
        return ", ".join([*through, *(f"{row.organization} with {row.settled_days} of {row.days_in_month} days" for row in gaps)])

    @property
    def costs(self) -> dict[str, Decimal | None]:
        """What the month cost, by currency, its settled days only."""
        found: dict[str, Decimal | None] = {}
        for row in self.answers.month_to_date or ():
            before = found.get(row.currency, Decimal(0))
            found[row.currency] = None if before is None or row.settled_cost is None else before + row.settled_cost
        return found


def _day(value: date | None) -> str:
    return formats.day(value) if value else "no day"
