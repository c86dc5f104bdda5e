"""Key owner: whose organization a key opens, checked before anything is written: the one that its label holds, and no other label.

Rows of costs say which organization they belong to; the first identifier is remembered with the label, and every later answer is compared
with it. An organization that another label holds is refused, because it would be counted twice. A label that already has rows, but does not
remember an organization yet, refuses a stranger: one of the label's projects must be in the answer, in the last month of costs, or in the
list of projects, which has old ones that are no longer billed.
Rows of usage do not name the organization. For them the key is right if the label already has rows of a project in the answer (no two
organizations share one), and wrong if another label has. If no label has, if the answer has no row although rows are stored, or if a label
is new in a warehouse that has others, there is one more request in the run: a month of costs. If costs of a new label show nothing, its
list of projects is requested too. If that shows nothing either, because the vendor leaves the field out, has billed nothing or is away, the
load continues: a doubt must not stop a right key. Only a new label waits, which loses nothing by it, while the vendor is away or another
label has just been added and cannot be identified yet. A label that is the only one, and does not remember an organization yet, cannot be
confused with another: its first costs will identify it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from meterhouse.catalogue.endpoints import DAY, PROJECT, Dimension, Key, Values, costs_of
from meterhouse.catalogue.vendors import Vendor
from meterhouse.errors import FixConfiguration, MeterhouseError, TryAgainLater
from meterhouse.load.organizations import Organizations
from meterhouse.vendors.adapter import adapter_of
from meterhouse.vendors.answer import Page
from meterhouse.vendors.http_client import HttpClient
from meterhouse.vendors.request import Request
from meterhouse.windows import Window, floor_to_day

log = logging.getLogger(__name__)

_DAYS_OF_COSTS = 31

Answered = Iterable[tuple[datetime, Mapping[Key, Values]]]


@dataclass
class _Month:
    """The last month of costs, requested once for all threads of a run; `away` is the error that kept the vendor from saying more."""

    page: Page | None = None
    away: MeterhouseError | None = None
    turn: threading.Lock = field(default_factory=threading.Lock)


class KeyOwner:
    """What is known of one organization's key during one run. Every method raises `FixConfiguration` for a key of another organization."""

    def __init__(
        self,
        label: str,
        organizations: Organizations,
        client: HttpClient,
        *,
        vendor: Vendor,
        others: Collection[str] = (),
        excluded: Collection[str] = (),
    ) -> None:
        """`others` are further labels that the settings know, `excluded` the dimensions that are never asked for."""
        self._label = label
        self._others = set(others) - {label}
        self._organizations = organizations
        self._client = client
        self._vendor = vendor
        self._by_project = () if PROJECT.name in excluded else (PROJECT,)
        self._known: str | None = None
        # The key is the right one, so nobody is asked any more.
        self._is_settled = False
        self._has_asked = False
        self._month = _Month()

    def beside(self, organizations: Organizations, client: HttpClient) -> KeyOwner:
        """Return one for another thread of the same run, which reaches its own conclusions and shares the month of costs."""
        other = copy(self)
        other._organizations, other._client = organizations, client
        return other

    def check_page(self, page: Page, answered: Answered, dimensions: tuple[Dimension, ...], now: datetime) -> None:
        """Look at one page before its rows are staged."""
        if self._is_settled and not page.organizations:
            return
        keys = {key for _, rows in answered for key in rows}
        projects = _projects(keys, dimensions)
        if page.organizations:
            if self._remembered() is None:
                self._organizations.require_free(self._label, projects, min(page.organizations), vendor=self._vendor)
                self._refuse_a_stranger(projects, now)
                # Under a label that does not remember its organization there may be projects that were not billed in this window.
                if self._organizations.is_any_unknown():
                    self.check_before_writing(now)
            self._compare(page.organizations)
        elif keys and self._is_at_home(projects):
            return
        elif keys:
            if self._remembered() is None:
                self._organizations.require_free(self._label, projects, vendor=self._vendor)
            if self._can_be_mistaken():
                self._ask(now)
            else:
                self.check_before_writing(now)
        else:
            self.check_before_writing(now)

    def settle(self) -> None:
        """Accept the key as the right one: its answer holds the very rows that the label holds."""
        self._is_settled = True

    def check_before_writing(self, now: datetime) -> None:
        """Make sure of the key before the first thing is written under a label that is new to the warehouse."""
        if self._is_settled or self._organizations.key(self._label) is not None:
            return
        # If two find the warehouse empty at the same moment, the vendor is asked whose organization the second one is.
        if self._others or not self._organizations.enter_alone(self._label, self._vendor):
            self._ask(now)

    @property
    def is_remembered(self) -> bool:
        """Whether it is known which of the vendor's organizations the label holds."""
        return self._remembered() is not None

    def check_unnamed(self, now: datetime) -> None:
        """Make sure of the key before an answer without a project's id is believed: one without any row, or with rows that are stored."""
        if not self._is_settled and self._can_be_mistaken():
            self._ask(now)

    def _refuse_a_stranger(self, projects: set[str], now: datetime) -> None:
        """Refuse the key when the label holds rows, and none of its projects is among those that the key sees."""
        if not self._organizations.holds_projects(self._label) or self._is_at_home(projects):
            return
        recent = self._projects_of(self._last_month(now))
        if recent and not self._is_at_home(recent) and not self._is_at_home(self._listed_projects()):
            label = self._label
            raise FixConfiguration(
                f"the label {label} holds the figures of a different organization than its key opens (they share no project): give this key"
                f" a label of its own ({self._vendor.key_variable}_<LABEL>), or run meterhouse purge --organization {label}"
            )

    def _is_at_home(self, projects: set[str]) -> bool:
        self._is_settled = bool(projects) and self._organizations.holds_project_of(self._label, projects)
        return self._is_settled

    def _remembered(self) -> str | None:
        self._known = self._known or self._organizations.vendor_id(self._label)
        return self._known

    def _ask(self, now: datetime) -> None:
        """Ask for a month of costs, which say whose they are, and for the projects of a new label when they do not; once in a run."""
        if self._has_asked:
            return
        month = self._last_month(now)
        self._has_asked = True
        if self._remembered() is None:
            projects = self._projects_of(month)
            if not month.organizations or self._organizations.is_any_unknown():
                projects |= self._listed_projects() if self._is_new_beside_others() else set()
            self._organizations.require_free(self._label, projects, min(month.organizations, default=None), vendor=self._vendor)
            self._refuse_a_stranger(projects, now)
            if self._is_new_beside_others():
                self._wait_if_unsure(is_told=bool(projects))
        if month.organizations:
            self._compare(month.organizations)
            return
        log.warning("%s: the vendor does not say whether the key opens the organization of this label", self._label)

    def _wait_if_unsure(self, *, is_told: bool) -> None:
        """Let a new label wait, which loses nothing by it, while it or another one that was just added cannot be identified."""
        if self._month.away is not None and not is_told:
            raise TryAgainLater(f"{self._label}: nobody could say whose organization this is, so nothing was written: {self._month.away}")
        # Labels of the settings are asked themselves before they come in.
        if self._organizations.is_another_entering({self._label, *self._others}, self._vendor):
            raise TryAgainLater(
                f"{self._label}: another organization is being loaded for the first time; nothing was written, run again later"
            )

    def _last_month(self, now: datetime) -> Page:
        """Return a month of costs as one page, without anything when it cannot be had; asked for once in a run."""
        with self._month.turn:
            if self._month.page is None:
                self._month.page = self._asked_for_month(now)
            return self._month.page

    def _asked_for_month(self, now: datetime) -> Page:
        month = Page(())
        costs = costs_of(self._vendor)
        if costs is None:
            return month
        window = Window(floor_to_day(now) - timedelta(days=_DAYS_OF_COSTS - 1), now)
        width = costs.width(DAY.name) or DAY
        by = self._by_project if self._remembered() is None and PROJECT in costs.dimensions else ()
        try:
            for fetched in self._client.pages(Request(costs, window, width, by, width.max_buckets)):
                page = adapter_of(self._vendor).decode_page(costs, fetched.text, by)
                month = Page(month.buckets + page.buckets, organizations=month.organizations | page.organizations)
                if page.organizations:
                    break
        except MeterhouseError as error:
            self._unanswered(error)
        return month

    def _listed_projects(self) -> set[str]:
        """Return the projects that the vendor lists, archived ones too; no organization is without one."""
        if not self._by_project:
            return set()
        try:
            return adapter_of(self._vendor).listed_projects(self._client)
        except MeterhouseError as error:
            self._unanswered(error)
            return set()

    def _can_be_mistaken(self) -> bool:
        """Whether there is another organization: one that the label remembers, or one of another label."""
        if self._remembered() is not None or self._others:
            return True
        return bool(set(self._organizations.all_labels(self._vendor)) - {self._label})

    def _is_new_beside_others(self) -> bool:
        """Whether the label is new to the warehouse, and others are there or may come."""
        return self._organizations.key(self._label) is None and self._can_be_mistaken()

    def _unanswered(self, error: MeterhouseError) -> None:
        log.warning("%s: nobody could say whether the key opens the organization of this label: %s", self._label, error)
        if error.retryable:
            self._month.away = error

    def _compare(self, found: frozenset[str]) -> None:
        known = self._remembered()
        if known is None and len(found) == 1:
            known = self._known = self._organizations.claim(self._label, next(iter(found)), self._vendor)
        if known is not None and known not in found:
            label = self._label
            raise FixConfiguration(
                f"the label {label} holds the organization {known}, but its key opens {', '.join(sorted(found)[:3])}: use the key of"
                f" {known}, give this one a label of its own ({self._vendor.key_variable}_<LABEL>), or run meterhouse"
                f" purge --organization {label}"
            )
        self._is_settled = True

    def _projects_of(self, page: Page) -> set[str]:
        """Return the projects of a month of costs that was asked for by project."""
        return _projects((key for bucket in page.buckets for key in bucket.rows), self._by_project)


def _projects(keys: Iterable[Key], dimensions: tuple[Dimension, ...]) -> set[str]:
    if PROJECT not in dimensions:
        return set()
    position = dimensions.index(PROJECT)
    return {project for key in keys if isinstance(project := key[position], str)}
