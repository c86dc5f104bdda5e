"""Prose: what people read in the files of a checkout, as (where, text): pages, comments, docstrings and the names of tests."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("*.md", "docs/**/*.md", "deploy/**/*.md", ".github/**/*.md", "tests/**/*.md")
CODE = ("etl", "dags", "migrations", "benchmarks", "tests")
# Comments of files that begin with a number sign: of make, compose, Kubernetes, docker, CI and pre-commit.
SETTINGS = ("Makefile", "Dockerfile", ".env.example", ".ci/run", "*.yml", ".*.yaml", ".github/**/*.y*ml", "deploy/**/*.yaml", "*.toml")
# Released with 0.1.0, or copies of what was.
FROZEN = ("migrations/versions/0001_", "migrations/sql/0001_", "tests/postgres/first_version/")


@cache
def prose() -> list[tuple[str, str]]:
    """Return all of it."""
    found: list[tuple[str, str]] = []
    for path in sorted({path for pattern in PAGES for path in ROOT.glob(pattern)}):
        found += [(_name(path), text) for text in page_text(path.read_text())]
    for path in _files("**/*.py"):
        found += [(_name(path), text) for text in python_text(path.read_text())]
    for path in _files("**/*.sql"):
        found += [(_name(path), text) for text in comments(path.read_text(), "--")]
    for path in sorted({path for pattern in SETTINGS for path in ROOT.glob(pattern)}):
        found += [(_name(path), text) for text in comments(path.read_text(), "#")]
    return found


def page_text(page: str) -> Iterator[str]:
    """Yield the paragraphs of a page in Markdown, without fenced blocks."""
    yield from re.split(r"\n{2,}", re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE))


def python_text(source: str) -> Iterator[str]:
    """Yield the docstrings and comments of a module, and the names of its tests as sentences."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
            if not isinstance(node, ast.Module) and node.name.startswith("test_"):
                yield node.name.replace("_", " ")
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    yield from _joined((token.start[0], token.string.lstrip("# ")) for token in tokens if token.type == tokenize.COMMENT)


def comments(text: str, sign: str) -> Iterator[str]:
    """Yield the comments of a file in which they begin with `sign` and end with the line; adjacent lines are one."""
    numbered = enumerate(re.search(rf"(?:^|\s){sign}+ (.*)", line) for line in text.splitlines())
    yield from _joined((number, match[1]) for number, match in numbered if match)


def _joined(lines: Iterable[tuple[int, str]]) -> Iterator[str]:
    words, last = "", -2
    for number, line in lines:
        if number == last + 1:
            words = f"{words} {line}"
        else:
            yield words
            words = line
        last = number
    yield words


def _files(pattern: str) -> list[Path]:
    return sorted(path for folder in CODE for path in (ROOT / folder).glob(pattern) if not _name(path).startswith(FROZEN))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
