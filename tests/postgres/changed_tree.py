"""A copy of the package and its migrations, to be changed as somebody who adds to it would, and run as commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meterhouse.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


class Tree:
    """A copy of the package and its migrations, to be changed."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for folder in ("etl", "migrations"):
            shutil.copytree(ROOT / folder, place / folder, ignore=shutil.ignore_patterns("__pycache__"))

    @property
    def package(self) -> Path:
        return self.place / "etl" / "meterhouse"

    def change(self, file: str, *changes: tuple[str, str]) -> None:
        """Change a file of the package: each text, which it has once, into the other one."""
        path = self.package / file
        text = path.read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times"
            text = text.replace(old, new)
        path.write_text(text)

    def add_to_usage(self, *names: str) -> None:
        """Name endpoints last in USAGE, whichever is last so far."""
        path = self.package / "catalogue" / "endpoints.py"
        text, found = re.subn(r"(\nUSAGE = \([^()]*?),?\s*\)", lambda usage: f"{usage[1]}, {', '.join(names)},\n)", path.read_text())
        assert found == 1, "catalogue/endpoints.py has no tuple USAGE of names"
        path.write_text(text)

    def environment(self, **more: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.place / "etl"), "METERHOUSE_HOME": str(self.place / "home")} | more

    def run(self, module: str, *words: str, exit_status: int = 0, **environment: str) -> str:
        """Run a module; return what it said, on both streams when it was to fail."""
        done = subprocess.run(
            [sys.executable, "-m", module, *words], env=self.environment(**environment), cwd=self.place, capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == exit_status, done.stdout + done.stderr
        return done.stdout if exit_status == 0 else done.stdout + done.stderr

    @contextmanager
    def vendor(self, recordings: Path) -> Iterator[dict[str, str]]:
        command = [sys.executable, "-m", "meterhouse", "fake-api", "--port", str(free_port()), "--replay", str(recordings)]
        process = subprocess.Popen(command, env=self.environment(), cwd=self.place, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout
            yield dict(re.findall(r"(OPENAI_\w+)=(\S+)", process.stdout.readline()))
        finally:
            process.terminate()
            process.wait(20)
