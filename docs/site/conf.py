"""How Sphinx makes a site of the pages as they are: README.md is the index, and a link that leads nowhere is an error."""

from __future__ import annotations

from typing import Any

project = "meterhouse"
html_title = "meterhouse"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/**.md", "deploy/**.md"]
# Pages link to the headings of others as GitHub names them.
myst_heading_anchors = 6
# Folders of the code are no pages, so links to them are shown as their words; tests/docs sees that they are there.
nitpick_ignore_regex = [("myst", r"[.\w-]+/[./\w-]*(?<!\.md)")]
# SQL with the macros of a BI tool is shown without colours.
suppress_warnings = ["misc.highlighting_failure"]

CHAPTERS = {
    "Guides": [
        "docs/install",
        "docs/operations",
        "docs/dashboard",
        "docs/report",
        "docs/import",
        "docs/invoices",
        "docs/answers",
        "docs/teams",
        "docs/budgets",
        "docs/prices",
        "docs/focus",
        "docs/bi/*",
    ],
    "Reference": ["docs/views", "docs/commands", "docs/settings", "docs/checks", "docs/line_items"],
    "Inside": ["docs/design", "docs/reliability", "docs/performance", "docs/scale", "docs/scale-out", "docs/security"],
    "Decisions": ["docs/decisions/README", "docs/decisions/[0-9]*"],
    "Project": ["CONTRIBUTING", "RELEASING", "SECURITY", "CHANGELOG", "deploy/**"],
}


def with_a_list_of_pages(_: Any, page: str, source: list[str]) -> None:
    """Put the site's list of pages, by chapter, behind the index; GitHub shows the README without it."""
    if page == root_doc:
        for chapter, pages in CHAPTERS.items():
            source[0] += f"\n\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {chapter}\n\n" + "\n".join(pages) + "\n```\n"


def setup(app: Any) -> None:
    """Have Sphinx call it."""
    app.connect("source-read", with_a_list_of_pages)
