"""File owner: under which label the figures of a saved file belong, found out before anything of it is written.

A file whose rows name their organization belongs to the label that holds it. One that names only projects belongs to the label that knows
one of them. One that names neither is believed only where there is a single label, or where somebody said which.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from meterhouse.catalogue.endpoints import PROJECT
from meterhouse.catalogue.vendors import Vendor
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration
from meterhouse.labels import DEFAULT_LABEL, DEMO_LABEL, is_label
from meterhouse.load.organizations import Organizations
from meterhouse.vendors.saved_file import SavedFigures, SavedStream


@dataclass(frozen=True)
class FileOwner:
    """Finds the label of one file. `configured` are the labels of the settings, `chosen` is the one that somebody gave."""

    organizations: Organizations
    vendor: Vendor
    configured: Collection[str]
    chosen: str | None = None

    def label_of(self, name: str, saved: SavedFigures) -> str:
        """Return the label that the file `name` belongs to; raises `FixConfiguration` when it is another one's, or nobody can say."""
        if len(saved.organizations) > 1:
            some = ", ".join(sorted(saved.organizations)[:3])
            raise FixConfiguration(f"{name} has rows of several organizations ({some}): give a file for each of them")
        named = next(iter(saved.organizations), None)
        projects = set().union(*(_projects(stream) for stream in saved.streams))
        label = self._chosen_label(named) or self._only_label(name, named, projects)
        known = self.organizations.vendor_id(label)
        if named is not None and known == named:
            return label
        if named is not None and known is not None:
            self._refuse(name, label, f"the organization {named}", f"the label {label} holds {known}")
        if named is not None and (holder := self.organizations.holder_of(named, self.vendor)):
            self._refuse(name, label, f"the organization {named}", f"the label {holder} holds it")
        self._require_own_projects(name, label, projects, named)
        return label

    def claim(self, label: str, saved: SavedFigures) -> None:
        """Remember the organization that the file names with its label, if none is remembered yet."""
        for named in saved.organizations:
            self.organizations.claim(label, named, self.vendor)

    def _labels(self) -> list[str]:
        found = sorted({*self.configured, *self.organizations.all_labels(self.vendor)})
        return [label for label in found if label != DEMO_LABEL] or found

    def _chosen_label(self, named: str | None) -> str | None:
        """The label that was given. It must be known unless the file names an organization: a misspelt one would be a new one."""
        if self.chosen is None:
            return None
        if not is_label(self.chosen):
            raise FixConfiguration("--organization must be letters, digits, _ or -")
        known = self._labels()
        if known and named is None and self.chosen not in {*known, DEMO_LABEL}:
            raise FixConfiguration(
                f"no organization is called {self.chosen!r}: give one of {', '.join(known)}, or set {self.vendor.key_variable}_<LABEL>"
            )
        return self.chosen

    def _only_label(self, name: str, named: str | None, projects: Collection[str]) -> str:
        labels = self._labels() or [DEFAULT_LABEL]
        if len(labels) == 1:
            return labels[0]
        if named is not None and (holder := self.organizations.holder_of(named, self.vendor)):
            return holder
        if holders := {label for label, _, _ in self.organizations.holders(projects, self.vendor)} if named is None else None:
            return min(holders)
        raise FixConfiguration(f"{name} does not say which of {', '.join(labels)} it belongs to: give it with --organization")

    def _require_own_projects(self, name: str, label: str, projects: Collection[str], named: str | None) -> None:
        """Refuse a file of whose projects another label knows one, or this label none although it knows others."""
        holders = self.organizations.holders(projects, self.vendor)
        if label in {holder for holder, _, _ in holders}:
            return
        if holders:
            holder, _, project = holders[0]
            self._refuse(name, label, f"the project {project}", f"the label {holder} holds it")
        if (projects or named) and self.organizations.holds_projects(label):
            what = f"none of its {counted(len(projects), 'project')} is known" if projects else "its organization is not known"
            raise FixConfiguration(
                f"{name}: {what} under the label {label}: if it is of this organization, run meterhouse sync --only costs,directory first,"
                " which shows its identifier and lists archived projects too; if not, give the right --organization"
            )

    def _refuse(self, name: str, label: str, what: str, whose: str) -> None:
        raise FixConfiguration(
            f"{name} is of {what}, and {whose}: give the file of {label}, or give this one with the right --organization"
        )


def _projects(stream: SavedStream) -> Iterable[str]:
    if PROJECT not in stream.dimensions:
        return ()
    position = stream.dimensions.index(PROJECT)
    return {found for bucket in stream.page.buckets for key in bucket.rows if isinstance(found := key[position], str)}
