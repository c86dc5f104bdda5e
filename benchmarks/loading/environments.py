"""An environment for each peer, made when it is first needed and kept: pinned versions, from whatever index is set up here."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "peers" / "requirements"


def versions(name: str) -> dict[str, str]:
    """Return what is pinned for a peer."""
    lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line)


def environment(home: Path, name: str) -> Path:
    """Return the folder of programs of a peer's environment."""
    requirements = REQUIREMENTS / f"{name}.txt"
    folder = home / "environments" / name
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    complete = folder / "complete"
    if not complete.exists() or complete.read_text() != digest:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)  # noqa: S603 - this interpreter
        uv = Path(sys.executable).with_name("uv")
        options = ["--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python"), "-r", str(requirements)]
        subprocess.run([uv, "pip", "install", *options], check=True)  # noqa: S603 - the installer of this environment
        complete.write_text(digest)
    return folder / "bin"
