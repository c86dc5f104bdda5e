"""Key owner: whether a key opens the organization that its label already holds, asked before anything of a window is written.

Rows of costs say which organization they are of; the first one is remembered with the label, and every later answer is compared with it.
A label that holds rows already, but does not remember an organization yet, takes no stranger's: one of its projects must be in the answer,
or in the last month of costs.
Rows of usage do not say it. There the key is taken as the right one when a project of the answer is known from rows that the label holds
(no two organizations share one). Only when none is known, or when the answer has no row where rows are stored, is there one further
request in the run: a month of ungrouped costs. If that tells nothing, because the vendor leaves the field out, has billed nothing or is
away, the load goes on: a doubt alone must not stop a right key.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from meterhouse.client import Client, Request
from meterhouse.endpoints import COSTS, DAY, PROJECT, Dimension
from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.rows import Key, Page, Values, decode_page
from meterhouse.store import Store
from meterhouse.windows import Window, floor_to_day

log = logging.getLogger(__name__)

Answered = Iterable[tuple[datetime, Mapping[Key, Values]]]


class KeyOwner:
    """What is known of one organization's key during one run."""

    def __init__(self, organization: str, store: Store, client: Client) -> None:
        self._organization = organization
        self._store = store
        self._client = client
        self._known: str | None = None
        # Nothing more can be found out in this run without rows that say whose they are.
        self._is_settled = False

    def check_page(self, page: Page, answered: Answered, dimensions: tuple[Dimension, ...], now: datetime) -> None:
        """Look at one page before its rows are staged; raises `FixConfiguration` when the key opens another organization."""
        keys = {key for _, rows in answered for key in rows}
        if page.organizations:
            if self._remembered() is None:
                self._refuse_a_stranger(_projects(keys, dimensions), now)
            self._compare(page.organizations)
        elif not self._is_settled and keys and not self._is_at_home(_projects(keys, dimensions)):
            self._ask(now)

    def check_emptying(self, now: datetime) -> None:
        """Make sure of the key before an answer without any row removes rows; raises as `check_page` does."""
        if not self._is_settled:
            self._ask(now)

    def _refuse_a_stranger(self, projects: set[str], now: datetime) -> None:
        """Raise `FixConfiguration` when the label holds rows, and none of its projects is among those that the key sees."""
        if not projects or not self._store.holds_projects(self._organization) or self._is_at_home(projects):
            return
        recent = self._projects_of_the_last_month(now)
        if recent and not self._is_at_home(recent):
            label = self._organization
            raise FixConfiguration(
                f"the label {label} holds the figures of another organization than its key opens, as they share no project: give this key a"
                f" label of its own (OPENAI_ADMIN_KEY_<LABEL>), or run meterhouse purge --organization {label}"
            )

    def _projects_of_the_last_month(self, now: datetime) -> set[str]:
        month = Window(floor_to_day(now) - timedelta(days=DAY.max_buckets - 1), now)
        try:
            body = next(self._client.pages(Request(COSTS, month, DAY, (PROJECT,), DAY.max_buckets)))
        except MeterhouseError as error:
            log.warning("%s: nobody could say whether the key opens the organization of this label: %s", self._organization, error)
            return set()
        return _projects((key for bucket in decode_page(COSTS, body, (PROJECT,)).buckets for key in bucket.rows), (PROJECT,))

    def _is_at_home(self, projects: set[str]) -> bool:
        self._is_settled = bool(projects) and self._store.holds_project_of(self._organization, projects)
        return self._is_settled

    def _remembered(self) -> str | None:
        self._known = self._known or self._store.vendor_organization_id(self._organization)
        return self._known

    def _ask(self, now: datetime) -> None:
        """Ask for a month of costs, which say whose they are; without a remembered organization there is nothing to compare them with."""
        self._is_settled = True
        if self._remembered() is None:
            return
        month = Window(floor_to_day(now) - timedelta(days=DAY.max_buckets - 1), now)
        try:
            body = next(self._client.pages(Request(COSTS, month, DAY, (), DAY.max_buckets)))
            found = decode_page(COSTS, body, ()).organizations
        except MeterhouseError as error:
            log.warning("%s: nobody could say whether the key opens the organization of this label: %s", self._organization, error)
            return
        if found:
            self._compare(found)
        else:
            log.warning("%s: the vendor does not say whether the key opens the organization of this label", self._organization)

    def _compare(self, found: frozenset[str]) -> None:
        known = self._remembered()
        if known is None and len(found) == 1:
            known = self._known = self._store.remember_vendor_organization(self._organization, *found)
        if known is not None and known not in found:
            label = self._organization
            raise FixConfiguration(
                f"the label {label} holds the organization {known}, but its key opens {', '.join(sorted(found)[:3])}: use the key of"
                f" {known}, give this one a label of its own (OPENAI_ADMIN_KEY_<LABEL>), or run meterhouse purge --organization {label}"
            )
        self._is_settled = True


def _projects(keys: Iterable[Key], dimensions: tuple[Dimension, ...]) -> set[str]:
    if PROJECT not in dimensions:
        return set()
    position = dimensions.index(PROJECT)
    return {project for key in keys if isinstance(project := key[position], str)}
