"""What was billed on a day: usage times price, lines without any usage, and later corrections of quantities."""

from __future__ import annotations

from collections import OrderedDict
from datetime import date
from decimal import Decimal
from random import Random
from typing import NamedTuple

from meterhouse.catalogue.endpoints import USAGE
from meterhouse.fake_openai import lineup
from meterhouse.fake_openai.activity import Activity
from meterhouse.fake_openai.lineup import picodollars
from meterhouse.fake_openai.lots import DAY_MINUTES, EPOCH_DAY, LONGEST_LAG_MINUTES, visible_between
from meterhouse.fake_openai.restatement import Round, corrected_quantities

COST_LAG_MINUTES = 240
_REMEMBERED_DAYS = 100
_GIBIBYTE = 2**30
_TUESDAY = 1
_STORAGE_LINE = "assistants api | file search"
_FINE_TUNED_LINE = "ft-gpt-4o-2024-08-06, input"
_EVALS_LINE = "evals | gpt-4o-mini-2024-07-18, input"
THOUSANDTHS = "gibibyte_hours"
# Charged to no project, on one day of each month.
_OF_THE_ORGANIZATION = (("Scale Tier bundle", lineup.SCALE_TIER_PRICE, 1), ("Promotional credit", lineup.PROMOTIONAL_CREDIT, 5))


class Payer(NamedTuple):
    """The dimensions of an amount, line item last; None where the vendor knows none."""

    project_id: str | None
    user_id: str | None
    api_key_id: str | None
    api_source: str
    line_item: str


class _Charge(NamedTuple):
    """One priced quantity: in whole units, or in thousandths for gibibyte hours; the price is in 1e-12 USD for one of them."""

    payer: Payer
    unit: str | None
    picodollars: int
    quantity: int


class Billed(NamedTuple):
    """An amount in 1e-12 USD and the quantity it is for (thousandths of a unit for gibibyte hours)."""

    picodollars: int
    quantity: int
    unit: str | None

    @property
    def amount(self) -> Decimal:
        """The exact amount in USD, with at most 12 decimals."""
        return exact_usd(self.picodollars)

    @property
    def exact_quantity(self) -> Decimal:
        """The exact quantity in `unit`."""
        return Decimal(self.quantity).scaleb(-3) if self.unit == THOUSANDTHS else Decimal(self.quantity)


def exact_usd(amount_in_picodollars: int) -> Decimal:
    """Return an amount of 1e-12 USD as Decimal USD."""
    return Decimal(amount_in_picodollars).scaleb(-12)


class Billing:
    """The invoice of an organization by day (ordinal)."""

    def __init__(self, activity: Activity, tuning_project: str) -> None:
        self._activity = activity
        self._tuning_project = tuning_project
        self._days: OrderedDict[tuple[int, tuple[Round, ...]], dict[Payer, Billed]] = OrderedDict()

    def billed(self, day: int, now_minute: int, rounds: tuple[Round, ...] = ()) -> dict[Payer, Billed]:
        """Return what shows at `now_minute` (minutes since 1970) of the invoice of `day`."""
        seen_minute = now_minute - COST_LAG_MINUTES
        day_end = (day + 1 - EPOCH_DAY) * DAY_MINUTES
        if seen_minute < day_end + LONGEST_LAG_MINUTES:
            return self._added_up(day, seen_minute, rounds)
        key = (day, tuple(change for change in rounds if change.touches(day)))
        found = self._days.get(key)
        if found is None:
            found = self._days[key] = self._added_up(day, seen_minute, rounds)
            if len(self._days) > _REMEMBERED_DAYS:
                self._days.popitem(last=False)
        return found

    def _added_up(self, day: int, seen_minute: int, rounds: tuple[Round, ...]) -> dict[Payer, Billed]:
        charges = self._of_usage(day, seen_minute, rounds)
        if seen_minute >= (day + 1 - EPOCH_DAY) * DAY_MINUTES:
            charges += self._of_storage(day, rounds) + self._without_usage(day)
        quantities = [charge.quantity for charge in charges]
        for change in rounds:
            if change.corrects_costs(day):
                quantities = corrected_quantities(quantities, day, change, self._activity.seed)
        found: dict[Payer, Billed] = {}
        for charge, quantity in zip(charges, quantities, strict=True):
            before = found.get(charge.payer)
            amount = charge.picodollars * quantity
            if before is not None:
                amount, quantity = amount + before.picodollars, quantity + before.quantity  # noqa: PLW2901 - the sum replaces it
            found[charge.payer] = Billed(amount, quantity, charge.unit)
        return found

    def _of_usage(self, day: int, seen_minute: int, rounds: tuple[Round, ...]) -> list[_Charge]:
        charges = []
        for endpoint in USAGE:
            for lot in self._activity.lots(endpoint.name, day, rounds):
                if not lot.stream.lines:
                    continue
                leaves = visible_between(lot, day, 0, DAY_MINUTES, seen_minute)
                if leaves is None:
                    continue
                project, user, key, source = lot.stream.payer
                for line in lot.stream.lines:
                    quantity = sum(leaves[position] for position in line.leaves)
                    if quantity:
                        payer = Payer(project, user, key, source, line.line_item)
                        charges.append(_Charge(payer, line.unit, line.picodollars, quantity))
        return charges

    def _of_storage(self, day: int, rounds: tuple[Round, ...]) -> list[_Charge]:
        """Bill the bytes held at the end of the day for 24 hours, in thousandths of a gibibyte hour."""
        price = picodollars(lineup.STORAGE_PRICE_PER_GIBIBYTE_HOUR / 1000)
        return [
            _Charge(
                Payer(str(lot.stream.dimensions["project_id"]), None, None, "unlabeled", _STORAGE_LINE),
                THOUSANDTHS, price, lot.leaves[1] * 24 * 1000 // _GIBIBYTE,
            )
            for lot in self._activity.lots("vector_stores", day, rounds)
        ]  # fmt: skip

    def _without_usage(self, day: int) -> list[_Charge]:
        """Bill what no usage endpoint reports: fine-tuned models, evaluations, bundles and credits on some days."""
        rng = Random(f"{self._activity.seed}:without usage:{day}")
        price = picodollars(lineup.FINE_TUNED_PRICE_PER_MILLION / 10**6)
        charges = []
        if date.fromordinal(day).weekday() == _TUESDAY:
            payer = Payer(self._tuning_project, None, None, "unlabeled", _FINE_TUNED_LINE)
            charges.append(_Charge(payer, "tokens", price, rng.randrange(1_000_000, 9_000_000)))
        if rng.random() < 0.1:
            payer = Payer(self._tuning_project, None, None, "unlabeled", _EVALS_LINE)
            charges.append(_Charge(payer, "tokens", price // 25, rng.randrange(10_000, 90_000)))
        charges += [
            _Charge(Payer(None, None, None, "unlabeled", line_item), None, picodollars(amount), 1)
            for line_item, amount, day_of_month in _OF_THE_ORGANIZATION
            if date.fromordinal(day).day == day_of_month
        ]
        return charges
