"""Whether the figures shown are invented: they must never look like a real bill. Pure; the view says which organization is invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class OrganizationRow:
    """An organization that figures of the choice are of."""

    organization: str
    is_demo: bool


def warning(shown: Sequence[OrganizationRow]) -> str:
    """Return what a reader must know before the first figure; nothing where no organization is invented."""
    invented = ", ".join(one.organization for one in shown if one.is_demo)
    if not invented:
        return ""
    if all(one.is_demo for one in shown):
        return f"Invented data ({invented} organization), not from a bill."
    return (
        f"Invented data: these totals add invented figures of the {invented} organization to real ones. Leave it out with the organization "
        f"filter of the dashboard, or remove it with the command meterhouse purge --organization {invented}."
    )


def mark(shown: Sequence[OrganizationRow]) -> str:
    """Return the same in two or three words, for titles and names of files; nothing where no organization is invented."""
    if not any(one.is_demo for one in shown):
        return ""
    return "Invented data" if all(one.is_demo for one in shown) else "Partly invented data"


def marked(title: str, shown: Sequence[OrganizationRow]) -> str:
    """Return a title with the mark in front, if there is one."""
    return f"{mark(shown)}: {title}" if mark(shown) else title
