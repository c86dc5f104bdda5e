"""Price words: the values of the words in braces that views of prices share, made from the rules in `accounting`. Pure.

`price_sums` has those that multiply quantities by prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meterhouse.accounting import price_subjects
from meterhouse.accounting.price_classes import CACHE_WRITES, PRICE_CLASSES, TOKEN_CLASSES, WITHOUT_CACHE, PriceClass
from meterhouse.accounting.price_tiers import OTHER_NAMES, STANDARD
from meterhouse.accounting.price_units import PRICE_UNITS, UNIT_OF_CATEGORY
from meterhouse.catalogue.endpoints import FREE_SERVICE_TIERS, USAGE
from meterhouse.warehouse.price_sums import price_sums, unpriced_reason

_CACHED_METRIC = "input_cached_tokens"


class _PriceClass:
    """`{price_class:p}`: the class of a price or a line of the bill, out of its unit, direction and modality."""

    def __format__(self, table: str) -> str:
        return f"CASE {' '.join(_when(one, table) for one in PRICE_CLASSES)} END"


class _PriceFeature:
    """`{price_feature:l}`: the name under which the tool of a line item is priced."""

    def __format__(self, table: str) -> str:
        known = price_subjects.WORDS
        named = " ".join(f"WHEN lower({table}.feature) LIKE {_text(f'%{words}%')} THEN {_text(name)}" for words, name in known)
        return (
            f"CASE WHEN {table}.category = {_text(price_subjects.STORAGE_CATEGORY)} THEN {_text(price_subjects.STORAGE)}"
            f" WHEN {table}.category IN ({_texts(price_subjects.NAMED_IN_TEXT)}) THEN CASE {named} END END"
        )


class _UsageFeature:
    """`{usage_feature:u}`: the name under which the tool of a usage endpoint is priced."""

    def __format__(self, table: str) -> str:
        named = " ".join(f"WHEN {_text(endpoint)} THEN {_text(name)}" for endpoint, name in price_subjects.OF_ENDPOINTS.items())
        return f"CASE {table}.endpoint {named} END"


class _UsageTier:
    """`{usage_tier:u}`: the tier under which usage is priced."""

    def __format__(self, table: str) -> str:
        word = f"lower(coalesce({table}.service_tier, {_text(STANDARD)}))"
        return f"CASE {word} {' '.join(f'WHEN {_text(said)} THEN {_text(name)}' for said, name in OTHER_NAMES.items())} ELSE {word} END"


class _VendorUnit:
    """`{vendor_unit:r.quantity_unit, l.category}`: the unit of a quantity, or what a line without one counts."""

    def __format__(self, columns: str) -> str:
        unit, category = (column.strip() for column in columns.split(","))
        named = " ".join(f"WHEN {_text(one)} THEN {_text(name)}" for one, name in UNIT_OF_CATEGORY.items())
        return f"coalesce({unit}, CASE {category} {named} END)"


class _Percent:
    """`{percent:d.price, p.price}`: by how many percent the first differs from the second; null where that has too many digits."""

    def __format__(self, columns: str) -> str:
        figure, _, base = columns.partition(",")
        ratio = f"100 * ({figure} / nullif({base.strip()}, 0) - 1)"
        return f"CASE WHEN abs({ratio}) < 1e8 THEN {ratio} END::numeric(14, 6)"


class _Counted:
    """`{counted:u}`: the quantity of every class in a row of usage."""

    def __format__(self, table: str) -> str:
        return _listed(f"{one.counted.replace('u.', f'{table}.')} AS {one.name}" for one in PRICE_CLASSES)


class _IsCounted:
    """`{is_counted:u}`: whether any row of a group has something of a class, told by the figure that it is computed from."""

    def __format__(self, table: str) -> str:
        return _listed(f"bool_or({table}.{one.figure} > 0) AS {one.name}" for one in PRICE_CLASSES)


class _UnpricedReason:
    """`{unpriced_reason:m.list_model}`: why some usage has no price; the column is the name that price lists have for its model."""

    def __format__(self, list_model: str) -> str:
        return unpriced_reason(list_model)


def price_words() -> Mapping[str, object]:
    """Return the value of each word, for `str.format_map`."""
    return {
        "price_class": _PriceClass(),
        "price_feature": _PriceFeature(),
        "usage_feature": _UsageFeature(),
        "usage_tier": _UsageTier(),
        "vendor_unit": _VendorUnit(),
        "vendor_units": _texts(said for unit in PRICE_UNITS for said, _ in unit.quantity_units),
        "percent": _Percent(),
        "free_tiers": _texts(FREE_SERVICE_TIERS),
        "cached_endpoints": _texts(one.name for one in USAGE if any(metric.name == _CACHED_METRIC for metric in one.metrics)),
        "counted": _Counted(),
        "is_counted": _IsCounted(),
        "price_units": _listed(
            f"({_text(said)}, {_text(unit.name)}, {unit.size}::numeric, {factor}::numeric)"
            for unit in PRICE_UNITS
            for said, factor in unit.quantity_units
        ),
        "class_rows": _listed(f"({_text(one.name)}, d.{one.name}, {_needed(one)})" for one in PRICE_CLASSES),
        "class_prices": _listed(_of_class("price", one, one.name) for one in PRICE_CLASSES),
        "batch_differences": _listed(_of_class("batch_difference", one, f"less_{one.name}") for one in TOKEN_CLASSES),
        "unpriced_reason": _UnpricedReason(),
        **price_sums(),
    }


def _of_class(column: str, one: PriceClass, name: str) -> str:
    return f"max(c.{column}) FILTER (WHERE c.price_class = {_text(one.name)}) AS {name}"


def _needed(one: PriceClass) -> str:
    """Whether the price is asked for: the class is in the row, or what the cache saved, or could have, is measured by it."""
    names = {one.name}
    for cached, without in WITHOUT_CACHE.items():
        if without is one:
            names.add(cached.name)
        if cached is one and one is not CACHE_WRITES:
            names.add(without.name)
    return " OR ".join(f"d.{name}" for name in sorted(names))


def _when(one: PriceClass, table: str) -> str:
    conditions = [f"{table}.unit = {_text(one.unit.name)}"]
    if one.direction:
        conditions.append(f"{table}.direction = {_text(one.direction)}")
    if one.modality:
        conditions.append(f"coalesce({table}.modality, 'text') = {_text(one.modality)}")
    return f"WHEN {' AND '.join(conditions)} THEN {_text(one.name)}"


def _listed(columns: Iterable[str]) -> str:
    return ",\n    ".join(columns)


def _texts(said: Iterable[str]) -> str:
    return ", ".join(map(_text, said))


def _text(said: str) -> str:
    return "'" + said.replace("'", "''") + "'"
