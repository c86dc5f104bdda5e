"""Every dependency earns its place in a sentence, and what is asked of contributors is the same in every place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = [*(f"requirements{part}.txt" for part in ("", "-dev", "-docs", "-cluster", "-focus")), "deploy/kubernetes/requirements.txt"]


def direct(path: str) -> set[str]:
    """Names in a requirements file that people wrote."""
    lines = (ROOT / path).read_text().splitlines()
    return {re.split(r"[\[=<>~]", line)[0] for line in lines if line and not line.startswith(("#", "-"))}


def test_every_direct_dependency_has_its_sentence_in_contributing():
    sentences = dict(re.findall(r"^\| ([a-z0-9_-]+) \| ([A-Z].*\.) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    assert set(sentences) == set().union(*(direct(path.replace(".txt", ".in")) for path in LOCKS))


@pytest.mark.parametrize("path", LOCKS)
def test_lock_files_pin_every_version_with_hashes_and_name_no_index(path: str):
    text = (ROOT / path).read_text()
    pins = re.findall(r"^[a-z0-9][^\s=]*==\S+", text, re.MULTILINE)
    assert len(pins) > 30
    assert len(re.findall(r"^ +--hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)) >= len(pins)
    assert not re.search(r"https?:|index-url|find-links", text)


def test_the_template_of_a_pull_request_asks_the_eight_questions_of_contributing():
    questions = re.findall(r"^(\d)\. .*\?$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    asked = re.findall(r"^- \[ \] (\d)\. ", (ROOT / ".github" / "PULL_REQUEST_TEMPLATE.md").read_text(), re.MULTILINE)
    assert asked == questions == list("12345678")


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.md")), ids=lambda path: path.stem)
def test_templates_name_files_and_make_targets_that_exist(path: Path):
    text = path.read_text()
    files = re.findall(r"\b(?:[\w/]+/)?[\w]+\.(?:md|py)\b|\b(?:docs|tests)/\w+", text)
    assert files or "make" in text
    for name in files:
        assert (ROOT / name).exists(), name
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
