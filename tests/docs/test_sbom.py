"""`make sbom` lists every locked package with all of its hashes, in a form that validates, and the same one when it is run again."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from meterhouse import __version__

pytestmark = pytest.mark.soak
ROOT = Path(__file__).resolve().parents[2]
LISTS = {
    "requirements.txt": "requirements.cdx.json",
    "requirements-cluster.txt": "requirements-cluster.cdx.json",
    "deploy/kubernetes/requirements.txt": "deploy-kubernetes-requirements.cdx.json",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the target has run: the real Makefile and the real lock files, the environment of these tests."""
    made = tmp_path_factory.mktemp("sbom")
    for name in ("Makefile", "pyproject.toml", *LISTS):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, made / name)
    # What it depends on is installed: these tests run in it.
    run = ["make", "--no-print-directory", "--always-make", "--old-file=install-dev", f"VENV={ROOT / '.venv'}", "sbom"]
    done = subprocess.run(run, check=False, cwd=made, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"sbom/{name}" for name in LISTS.values()]
    return made / "sbom"


def locked(path: str) -> dict[tuple[str, str], set[str]]:
    """The hashes of every (name, version) in a lock file."""
    text = (ROOT / path).read_text()
    found: dict[tuple[str, str], set[str]] = {}
    for name, version, rest in re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==([^\s;]+)((?:.*\\\n)*.*)$", text, re.MULTILINE):
        found.setdefault((name, version), set()).update(re.findall(r"sha256:([0-9a-f]{64})", rest))
    return found


def listed(path: Path) -> dict[tuple[str, str], set[str]]:
    """The same of a list."""
    content: dict[str, Any] = json.loads(path.read_text())
    described = content["metadata"]["component"]
    assert (content["bomFormat"], described["name"], described["version"]) == ("CycloneDX", "meterhouse", __version__)
    found: dict[tuple[str, str], set[str]] = {}
    for component in content["components"]:
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        hashes = {one["content"] for reference in component["externalReferences"] for one in reference["hashes"]}
        found.setdefault((component["name"], component["version"]), set()).update(hashes)
    return found


@pytest.mark.parametrize("lock", LISTS)
def test_the_list_has_every_locked_package_and_hash_and_nothing_else(folder: Path, lock: str) -> None:
    expected = locked(lock)
    assert len(expected) > 100
    assert listed(folder / LISTS[lock]) == expected


def test_no_list_names_a_path_of_this_machine(folder: Path) -> None:
    for name in LISTS.values():
        assert str(ROOT) not in (folder / name).read_text()
        assert str(folder.parent) not in (folder / name).read_text()
