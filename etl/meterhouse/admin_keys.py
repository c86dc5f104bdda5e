"""Admin keys: those that the environment or Airflow holds, and the organization of which vendor each of them opens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

from meterhouse.catalogue.vendors import OPENAI, VENDORS, Vendor
from meterhouse.errors import FixConfiguration
from meterhouse.labels import DEFAULT_LABEL, DEMO_LABEL, LABEL
from meterhouse.setting_values import http_url

KEY_VARIABLES = " or ".join(vendor.key_variable for vendor in VENDORS.values())


class AdminKey:
    """The admin key of one organization: shown to nobody, only handed to the HTTP client."""

    __slots__ = ("_value",)

    def __init__(self, value: str, variable: str = "", vendor: Vendor = OPENAI) -> None:
        stripped = value.strip()
        if not re.fullmatch(vendor.key_pattern, stripped):
            named = variable or vendor.key_variable
            raise FixConfiguration(f"{named} does not look like an admin key: it must {vendor.key_shape}; {vendor.key_remedy}")
        self._value = stripped

    def reveal(self) -> str:
        """Return the key itself; the HTTP client is the only caller."""
        return self._value

    def __repr__(self) -> str:
        return "AdminKey(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an admin key is never pickled")


@dataclass(frozen=True)
class Organization:
    """One organization to load: the label it has in the warehouse, and the key that opens it."""

    label: str
    admin_key: AdminKey
    base_url: str
    vendor: Vendor = OPENAI


def organization_of(label: str, key: str, host: str, *, named: str, vendor: Vendor = OPENAI) -> Organization:
    """Return an organization as Airflow's connection `named` describes it, under the same rules as the environment's.

    A host without a scheme is https, and without a path has the API's version behind it.
    """
    address = host if "://" in host else f"https://{host}"
    try:
        if not urlsplit(address).path.strip("/"):
            address = address.rstrip("/") + urlsplit(vendor.base_url).path
        base_url = http_url(address)
    except ValueError:
        raise FixConfiguration(f"the host of {named} must be {http_url.__doc__}") from None
    if not LABEL.fullmatch(label):
        raise FixConfiguration(f"the organization in the extra of {named} must be letters, digits, _ or -")
    return Organization(label, AdminKey(key, f"the password of {named}", vendor), base_url, vendor)


def base_url_in(environment: Mapping[str, str], vendor: Vendor) -> str:
    """Return the address at which a vendor is asked; raises `FixConfiguration` for one that is none."""
    text = environment.get(vendor.base_url_variable, "").strip()
    try:
        return http_url(text) if text else vendor.base_url
    except ValueError:
        raise FixConfiguration(f"{vendor.base_url_variable} must be {http_url.__doc__}") from None


def organizations_in(environment: Mapping[str, str], base_urls: Mapping[str, str]) -> tuple[Organization, ...]:
    """Return the organizations of all vendors whose keys are in `environment`; raises `FixConfiguration` for a bad one."""
    found: dict[str, Organization] = {}
    for vendor in VENDORS.values():
        for variable, label in _keys(environment, vendor.key_variable):
            if label in found:
                raise FixConfiguration(
                    f"{variable}: another key is already labelled {label}, and two organizations cannot share a label: name it"
                    f" {vendor.key_variable}_<LABEL>"
                )
            found[label] = Organization(label, AdminKey(environment[variable], variable, vendor), base_urls[vendor.name], vendor)
    return tuple(found.values())


def may_hold_a_key(text: str) -> bool:
    """Whether a text has anything in it that could be an admin key of any vendor."""
    return any(re.search(vendor.key_pattern, text) for vendor in VENDORS.values())


def _keys(environment: Mapping[str, str], key_variable: str) -> Iterator[tuple[str, str]]:
    """Yield the variables that hold a key of one vendor, each with the label of its organization."""
    for variable in sorted(environment):
        if variable != key_variable and not variable.startswith(f"{key_variable}_"):
            continue
        if not environment[variable].strip():
            continue
        label = DEFAULT_LABEL if variable == key_variable else variable[len(key_variable) + 1 :].lower()
        if not LABEL.fullmatch(label) or label == DEMO_LABEL:
            raise FixConfiguration(
                f"{variable}: the label after {key_variable}_ must be letters, digits or _, and not {DEMO_LABEL.upper()}"
            )
        yield variable, label
