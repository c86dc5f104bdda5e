"""Parts of a page in Markdown: its tables, its fenced blocks and its links."""

from __future__ import annotations

import re


def table(page: str, header: str) -> list[list[str]]:
    """Rows of the table with this header line, cell by cell."""
    lines = page[page.index(header) :].splitlines()[2:]
    rows = lines[: lines.index("")] if "" in lines else lines
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]


def blocks(page: str, language: str) -> list[str]:
    """Contents of the fenced blocks of a language; "" for those that name none."""
    found: list[tuple[str, list[str]]] = []
    inside = False
    for line in page.splitlines():
        if line.startswith("```"):
            inside = not inside
            if inside:
                found.append((line.removeprefix("```"), []))
        elif inside:
            found[-1][1].append(line)
    return ["\n".join(lines) for name, lines in found if name == language]


def links(page: str) -> list[tuple[str, str]]:
    """(path, anchor) of every link to a file of this repository; "" where there is none."""
    found = re.findall(r"\]\((?![a-z]+:)([^)#]*)(?:#([^)]*))?\)", page)
    return [(path, anchor) for path, anchor in found if path or anchor]


def anchors(page: str) -> set[str]:
    """What links may name: every heading, as GitHub writes it."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)$", page, re.MULTILINE)}
