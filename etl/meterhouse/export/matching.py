"""Matching: whether the projects and organizations that a selection names exist, and how many of its days are loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from difflib import get_close_matches

from meterhouse.catalogue.dictionary import usage_measures
from meterhouse.catalogue.endpoints import DAY, HOUR, MINUTE
from meterhouse.errors import FixConfiguration
from meterhouse.export.source import Selection, Source
from meterhouse.warehouse.database import Connection, connect, translated
from meterhouse.warehouse.session import READ

_SHOWN = 8
# Views that are not made of day buckets.
_WIDTHS = {
    **dict.fromkeys(("usage_hourly", "usage_hourly_by_project", "usage_daily_local", "usage_daily_local_by_project"), HOUR.name),
    "usage_minutely": MINUTE.name,
}
_LOADED_DAYS = """
SELECT f.organization, f.endpoint, count(DISTINCT c.usage_date)
FROM (SELECT DISTINCT organization, endpoint, bucket_width FROM bi.freshness) f
LEFT JOIN bi.coverage c
    ON c.organization = f.organization AND c.endpoint = f.endpoint AND c.bucket_width = f.bucket_width
    AND c.usage_date BETWEEN %(first)s AND %(last)s AND c.status <> 'missing'
WHERE f.bucket_width = %(width)s AND (f.endpoint IN ('costs', 'costs_by_user')) = %(is_costs)s
AND (%(organizations)s::text[] = '{}' OR f.organization = ANY(%(organizations)s))
GROUP BY 1, 2
ORDER BY 1, 2
"""


def require_known(connection: Connection, selection: Selection) -> None:
    """Raise `FixConfiguration` for an organization or a project that is not in the warehouse; its text names those that are meant."""
    if not (selection.projects or selection.organizations):
        return
    labels = [str(row[0]) for row in connection.execute("SELECT organization FROM bi.dim_organization ORDER BY 1")]
    if not labels:
        raise FixConfiguration("nothing is loaded yet: run meterhouse sync first")
    for wanted in selection.organizations:
        if wanted not in labels:
            raise FixConfiguration(f"no organization is called {wanted!r}; {_suggested(wanted, {label: label for label in labels})}")
    if selection.projects:
        rows = connection.execute("SELECT project_id, project_name FROM bi.dim_project WHERE project_id IS NOT NULL ORDER BY 1").fetchall()
        names = {str(project): str(name) for project, name in rows}
        for wanted in selection.projects:
            if wanted not in names:
                raise FixConfiguration(_unknown_project(wanted, names))


def _unknown_project(wanted: str, names: Mapping[str, str]) -> str:
    """Say what to write instead: a project is named by its identifier, as its name may change and may be another one's too."""
    called = [project for project, name in names.items() if name.casefold() == wanted.casefold()]
    if called:
        return f"{wanted!r} is the name of a project and not its identifier: write --where-project {' or '.join(called)}"
    shown = {project: project if name == project else f"{project} ({name})" for project, name in names.items()}
    return f"no project has the identifier {wanted!r}; {_suggested(wanted, shown, names)}"


def _suggested(wanted: str, shown: Mapping[str, str], names: Mapping[str, str] | None = None) -> str:
    """Return those that look alike, or the first ones of all."""
    spelt = {key.casefold(): key for key in shown} | {name.casefold(): key for key, name in (names or {}).items()}
    close = list(dict.fromkeys(spelt[found] for found in get_close_matches(wanted.casefold(), spelt)))
    if close:
        return f"did you mean {' or '.join(shown[key] for key in close)}?"
    more = ", ..." if len(shown) > _SHOWN else ""
    return f"there is {', '.join(list(shown.values())[:_SHOWN]) or 'none'}{more}"


def limits(url: str, view: str, selection: Selection, rows: int, today: date) -> list[str]:
    """Return what a reader of an exported file must know: that it has no rows, and how many days of the range are loaded."""
    name = view.removeprefix("bi.")
    with connect(url, READ) as connection, translated(f"bi.{name}"):
        columns = {column.name for column in Source(connection, name, Selection(), None).columns}
        unloaded = _unloaded(connection, name, columns, selection, today)
    return [*([f"bi.{name} has no rows for this"] if rows == 0 else []), *unloaded]


def _unloaded(connection: Connection, view: str, columns: set[str], selection: Selection, today: date) -> list[str]:
    is_costs = not columns.isdisjoint({"cost", "effective_cost"})
    if not (selection.first or selection.last) or not (is_costs or columns & set(usage_measures())):
        return []
    last = min(selection.last or today, today)
    first = selection.first or _first_day(connection, is_costs) or last
    if first > last:
        return [f"{first} is in the future: nothing can be loaded for it yet"]
    days = (last - first) // timedelta(days=1) + 1
    parameters = {
        "first": first,
        "last": last,
        "is_costs": is_costs,
        "width": _WIDTHS.get(view, DAY.name),
        "organizations": list(selection.organizations),
    }
    streams = connection.execute(_LOADED_DAYS, parameters).fetchall()
    if not streams:
        return [f"no {'costs are' if is_costs else 'usage is'} loaded yet: run meterhouse sync"]
    return list(_in_words(streams, days, first, last))


def _in_words(streams: Sequence[tuple[str, str, int]], days: int, first: date, last: date) -> Iterable[str]:
    """Yield a line per organization and number of loaded days; none where all days are loaded."""
    alike: dict[tuple[str, int], list[str]] = {}
    for organization, endpoint, loaded in streams:
        if loaded < days:
            alike.setdefault((organization, loaded), []).append(endpoint)
    for (organization, loaded), endpoints in alike.items():
        yield f"{organization}: {loaded} of the {days} days {first} to {last} are loaded of {', '.join(endpoints)}"


def _first_day(connection: Connection, is_costs: bool) -> date | None:
    row = connection.execute(
        "SELECT min(usage_date) FROM bi.coverage WHERE (endpoint IN ('costs', 'costs_by_user')) = %s", (is_costs,)
    ).fetchone()
    return row[0] if row else None
