"""Metabase's own validator of its serialization format, an npm package, passes every file of bi/metabase. Run by `make bi-test`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from meterhouse.bi_files.files import CHECKED_IN

FILES = CHECKED_IN / "metabase"

pytestmark = [pytest.mark.bi_tools, pytest.mark.timeout(400)]
PACKAGE = "@metabase/representations@1.2.0"


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The validator's program, installed into a folder that is thrown away."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed (on Debian: apt-get install npm)")
    folder = tmp_path_factory.mktemp("representations")
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        pytest.skip(f"{PACKAGE} cannot be installed here: {(done.stderr or done.stdout).strip()[-300:]}")
    return folder / "node_modules" / ".bin" / "representations"


def validated(validator: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [validator, "validate-schema", "--folder", folder]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_every_file_passes(validator: Path) -> None:
    done = validated(validator, FILES)
    files = len(list(FILES.rglob("*.yaml")))
    assert files > 15
    assert f"{files} passed, 0 failed" in done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("cost_per_day", "display: bar", "display: bra"),
        ("dashboard", "size_x: 12", "size_x: 120"),
        ("cost_per_day", "entity_id: ", "entity_id: short-"),
    ],
)
def test_that_proof_can_fail(validator: Path, tmp_path: Path, name: str, right: str, wrong: str) -> None:
    shutil.copytree(FILES, tmp_path / "metabase")
    (broken,) = (tmp_path / "metabase").rglob(f"{name}.yaml")
    assert right in broken.read_text()
    broken.write_text(broken.read_text().replace(right, wrong, 1))
    done = validated(validator, tmp_path / "metabase")
    assert done.returncode != 0
    assert "1 failed" in done.stdout + done.stderr
