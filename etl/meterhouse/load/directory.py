"""Directory: reads who exists in an organization, and keeps the names with their history.

Every list is read before anything is written, and one that the vendor refuses says nothing, so what is known of it stays as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from meterhouse.admin_keys import Organization
from meterhouse.clock import Clock, utc_now
from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.load.last_steps import work_out
from meterhouse.load.names_history import Listing, NamesReplaced
from meterhouse.load.outcome import Outcome
from meterhouse.load.store import Store
from meterhouse.settings import Settings
from meterhouse.vendors.adapter import adapter_of
from meterhouse.vendors.listing import Named, Report, silent
from meterhouse.warehouse.schema import API_KEY_NAMES, PROJECT_NAMES, USER_NAMES

log = logging.getLogger(__name__)

_NOTHING = NamesReplaced()
_TABLES = {Named.PROJECTS: PROJECT_NAMES, Named.USERS: USER_NAMES, Named.API_KEYS: API_KEY_NAMES}


@dataclass(frozen=True)
class DirectorySummary:
    """What reading one organization's directory did; a dimension that is excluded has only zeros.

    `lists` were read whole and `lists_refused` were not, as the vendor does not offer them. `superseded`: a run that began later had
    already written, so this one wrote nothing.
    """

    organization: str
    projects: NamesReplaced = _NOTHING
    users: NamesReplaced = _NOTHING
    api_keys: NamesReplaced = _NOTHING
    lists: int = 0
    lists_refused: int = 0
    superseded: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return the fields with the counts nested, for a log line or a task's result."""
        return asdict(self)

    @property
    def written(self) -> int:
        """Entries of all lists for which something was written."""
        return sum(done.written for done in (self.projects, self.users, self.api_keys))

    @property
    def nothing_read(self) -> str | None:
        """Why no list was read, None when one was."""
        if self.lists or self.superseded or {self.projects, self.users, self.api_keys} != {_NOTHING}:
            return None
        return "the vendor offers none of the lists" if self.lists_refused else "all dimensions with names are excluded"

    def __str__(self) -> str:
        """Say in one line what changed, without the organization."""
        if self.nothing_read:
            return f"names: {self.nothing_read}"
        if self.superseded:
            return "names were written by a later run meanwhile"
        parts = []
        for what, done in (("projects", self.projects), ("users", self.users), ("API keys", self.api_keys)):
            counts = [f"{count} {name}" for name, count in asdict(done).items() if count and name != "unchanged"]
            parts += [f"{what} {', '.join(counts)}"] if counts else []
        return f"names: {'; '.join(parts) or 'nothing changed'}"


def require_something_read(summaries: Iterable[DirectorySummary]) -> None:
    """Raise `FixConfiguration` when no list of any organization was read."""
    reasons = {summary.organization: summary.nothing_read for summary in summaries}
    if all(reasons.values()):
        raise FixConfiguration(f"no names were read: {'; '.join(f'{reason} ({label})' for label, reason in reasons.items())}")


def sync_directory(settings: Settings, *, clock: Clock = utc_now, report: Report = silent) -> tuple[DirectorySummary, ...]:
    """Read every organization's projects, users, service accounts and API keys, and bring the names in the warehouse up to date.

    Dimensions in METERHOUSE_EXCLUDE_DIMENSIONS are not read; without user_id no owner of a key is stored either. What was stored before
    the exclusion stays until the organization is purged. An organization's fault leaves its own names untouched and the others are still
    loaded before it is raised, one that only people can cure before one that time cures.
    """
    summaries: list[DirectorySummary] = []
    failed: list[MeterhouseError] = []
    with Store(settings.require_warehouse()) as store:
        for organization in settings.require_organizations():
            try:
                summaries.append(_sync_organization(settings, organization, store, clock, report))
                if summaries[-1].written:
                    # Whose a key is decides whose its costs are.
                    failed += work_out(store, organization.label, settings.anomaly_floor).errors
            except MeterhouseError as error:
                failed.append(error)
    Outcome((), tuple(failed)).raise_first()
    return tuple(summaries)


def _sync_organization(settings: Settings, organization: Organization, store: Store, clock: Clock, report: Report) -> DirectorySummary:
    # Drawn before the first list, so that of two runs at once the answers of the later one stand.
    fetch_number = store.next_fetch_number()
    store.organizations.require_vendor(organization.label, organization.vendor)
    vendor = adapter_of(organization.vendor)
    with vendor.client(organization, settings) as client:
        directory = vendor.read_directory(client, organization.label, settings.exclude_dimensions, report)
    listings = [Listing(_TABLES[kind], one.entries, one.was_read) for kind, one in directory.listed.items()]
    replaced = store.replace_names(organization.label, listings, fetch_number, clock(), organization.vendor) if listings else []
    superseded = replaced is None
    if superseded:
        log.info("%s/directory: a run that began later has written the names meanwhile; they stay", organization.label)
    done = dict(zip(directory.listed, replaced or [], strict=False))
    return DirectorySummary(
        organization.label,
        projects=done.get(Named.PROJECTS, _NOTHING),
        users=done.get(Named.USERS, _NOTHING),
        api_keys=done.get(Named.API_KEYS, _NOTHING),
        lists=directory.lists,
        lists_refused=directory.lists_refused,
        superseded=superseded,
    )
