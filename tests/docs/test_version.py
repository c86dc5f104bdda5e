"""The version has one source, `meterhouse.__version__`; files that no program fills in repeat it, and none is behind."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from meterhouse import __version__

ROOT = Path(__file__).resolve().parents[2]


def test_the_package_takes_its_version_from_its_source() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in pyproject["project"]
    assert pyproject["project"]["dynamic"] == ["version"]
    assert pyproject["tool"]["hatch"]["version"] == {"path": "etl/meterhouse/__init__.py"}


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("docker-compose.yml", r"image: meterhouse:(\S+)"),
        ("deploy/kubernetes/README.md", r"/meterhouse:(\S+)"),
        ("deploy/kubernetes/migrate-job.yaml", r"image: meterhouse:(\S+)"),
        ("deploy/kubernetes/migrate-job.yaml", r'app.kubernetes.io/version: "([^"]+)"'),
        ("deploy/kubernetes/values.yaml", r'repository: meterhouse, tag: "([^"]+)"'),
        ("RELEASING.md", r"git grep -nF ([\d.]+)`"),
    ],
)
def test_files_that_repeat_the_version_have_this_one(path: str, pattern: str) -> None:
    assert set(re.findall(pattern, (ROOT / path).read_text())) == {__version__}


def test_the_newest_release_in_the_changelog_is_this_version() -> None:
    newest, *_ = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest == __version__
