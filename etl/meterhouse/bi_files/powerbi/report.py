"""Power BI's report: a page about this month (key figures, what drives it, unusual days, budgets), and one over any days."""

from __future__ import annotations

from typing import Any

from meterhouse.bi_files.files import Files
from meterhouse.bi_files.powerbi.item_files import NAME, SCHEMAS, as_json, platform
from meterhouse.bi_files.powerbi.measures import MEASURE_TABLE, measures
from meterhouse.bi_files.powerbi.star import DATE_KEY, TABLE_OF, model_column


def report() -> Files:
    """Return the report's folder, by path below bi/powerbi."""
    folder = f"{NAME}.Report"
    schemas = f"{SCHEMAS}/item/report"
    pages = {"thisMonth": ("This month", _this_month()), "overview": ("Overview", _overview())}
    definition: dict[str, Any] = {
        "version.json": {"$schema": f"{schemas}/definition/versionMetadata/1.0.0/schema.json", "version": "1.0.0"},
        "report.json": {"$schema": f"{schemas}/definition/report/1.0.0/schema.json", "layoutOptimization": "None", "themeCollection": {}},
        "pages/pages.json": {
            "$schema": f"{schemas}/definition/pagesMetadata/1.0.0/schema.json", "pageOrder": list(pages),
            "activePageName": next(iter(pages)),
        },
    }  # fmt: skip
    for page, (title, visuals) in pages.items():
        definition[f"pages/{page}/page.json"] = {
            "$schema": f"{schemas}/definition/page/1.0.0/schema.json", "name": page, "displayName": title,
            "displayOption": "FitToPage", "height": 720, "width": 1280,
        }  # fmt: skip
        for number, (name, visual) in enumerate(visuals.items()):
            x, y, width, height = visual.pop("place")
            definition[f"pages/{page}/visuals/{name}/visual.json"] = {
                "$schema": f"{schemas}/definition/visualContainer/1.0.0/schema.json",
                "name": name,
                "position": {"x": x, "y": y, "z": number, "width": width, "height": height, "tabOrder": number},
                "visual": visual,
            }
    return {
        f"{folder}/.platform": platform("Report"),
        f"{folder}/definition.pbir": as_json({
            "$schema": f"{schemas}/definitionProperties/2.0.0/schema.json", "version": "4.0",
            "datasetReference": {"byPath": {"path": f"../{NAME}.SemanticModel"}},
        }),
        **{f"{folder}/definition/{path}": as_json(content) for path, content in definition.items()},
    }  # fmt: skip


def _this_month() -> dict[str, dict[str, Any]]:
    """The first page: four key figures above, what drives the change and the budgets below them, unusual days at the foot."""
    found = {
        f"answer{number + 1}": _visual("card", name, (20 + 312 * number, 20, 300, 90), Values=name)
        for number, name in enumerate(("Month to date USD", "Same days of last month USD", "Expected month USD", "Last month USD"))
    }
    found["drivers"] = _visual(
        "barChart", "What changed, by project (USD)", (20, 130, 480, 320), Category=("cost_changes", "member_name"), Y="Change USD"
    )
    found["budgets"] = _visual(
        "tableEx", "Budgets", (520, 130, 740, 320),
        Values=_columns("budget_status", "budget", "scope_name", "period", "budget_cost", "spent_cost", "used_share", "expected_cost",
                        "passes_on_date", "state"),
    )  # fmt: skip
    found["unusualDays"] = _visual(
        "tableEx", "Unusual days", (20, 470, 1240, 230),
        Values=_columns("cost_anomalies", "usage_date", "series_kind", "series_name", "kind", "currency", "actual_cost", "expected_cost",
                        "excess_cost", "reason"),
    )  # fmt: skip
    return found


def _columns(view: str, *names: str) -> list[tuple[str, str]]:
    return [(view, name) for name in names]


def _overview() -> dict[str, dict[str, Any]]:
    """The page: two filters and four key figures above, cost per day, cost by project and tokens by model below."""
    day = ("dim_date", DATE_KEY)
    found = {
        "days": _visual("slicer", "Days", (20, 20, 300, 90), Values=day),
        "projects": _visual("slicer", "Project", (340, 20, 220, 90), Values=("dim_project", "project_name")),
    }
    for number, name in enumerate(("Cost USD", "Requests", "Total tokens", "Last day of cost")):
        found[f"figure{number + 1}"] = _visual("card", name, (580 + 172 * number, 20, 164, 90), Values=name)
    found["costPerDay"] = _visual("columnChart", "Cost per day (USD, UTC days)", (20, 130, 1240, 270), Category=day, Y="Cost USD")
    found["costByProject"] = _visual(
        "barChart", "Cost by project (USD)", (20, 420, 610, 280), Category=("dim_project", "project_name"), Y="Cost USD"
    )
    found["tokensByModel"] = _visual(
        "columnChart", "Tokens by model", (650, 420, 610, 280), Category=day, Y="Total tokens", Series=("dim_model", "model")
    )
    return found


def _visual(
    kind: str, title: str, place: tuple[int, int, int, int], **roles: str | tuple[str, str] | list[tuple[str, str]]
) -> dict[str, Any]:
    fields = {role: given if isinstance(given, list) else [given] for role, given in roles.items()}
    state = {role: {"projections": [_projection(field) for field in given]} for role, given in fields.items()}
    query: dict[str, Any] = {"queryState": state}
    if kind == "barChart":
        query["sortDefinition"] = {"sort": [{"field": _field(fields["Y"][0]), "direction": "Descending"}]}
    text = {"expr": {"Literal": {"Value": "'" + title.replace("'", "''") + "'"}}}
    shown = {"expr": {"Literal": {"Value": "true"}}}
    return {
        "place": place,
        "visualType": kind,
        "query": query,
        "visualContainerObjects": {"title": [{"properties": {"show": shown, "text": text}}]},
        "drillFilterOtherVisuals": True,
    }


def _field(field: str | tuple[str, str]) -> dict[str, Any]:
    """A measure by its name, or a column by view and name."""
    if isinstance(field, str):
        if field not in {measure.name for measure in measures()}:
            raise LookupError(f"the report shows {field}, which is no measure")
        return {"Measure": {"Expression": {"SourceRef": {"Entity": MEASURE_TABLE}}, "Property": field}}
    view, name = field
    return {"Column": {"Expression": {"SourceRef": {"Entity": TABLE_OF[view]}}, "Property": model_column(view, name)}}


def _projection(field: str | tuple[str, str]) -> dict[str, Any]:
    made = _field(field)
    ((_, inside),) = made.items()
    return {
        "field": made,
        "queryRef": f"{inside['Expression']['SourceRef']['Entity']}.{inside['Property']}",
        "nativeQueryRef": inside["Property"],
        **({} if isinstance(field, str) else {"active": True}),
    }
