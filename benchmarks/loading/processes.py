"""One timed command: how long it took, with and without its own start, and how much memory it needed at most."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launcher.py")
ROOT = Path(__file__).resolve().parents[2]
# Of this process's environment: what programs need to be found, and no secret.
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


class CommandFailed(Exception):
    """A command ended otherwise than it should: what it said is the message."""


class TookTooLong(CommandFailed):
    """A command was ended because its time was over."""


@dataclass(frozen=True)
class Run:
    """What one command took; `began` and `ended` are on the clock that all processes of this machine share."""

    began: float
    ended: float
    peak_megabytes: float
    output: str

    @property
    def seconds(self) -> float:
        """From start to exit."""
        return self.ended - self.began


def run(command: Sequence[str], environment: Mapping[str, str], *, timeout_seconds: int = 600) -> Run:
    """Run `command` in the checkout; raises `TookTooLong` after `timeout_seconds`, and `CommandFailed` for an exit status other than 0."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        report, said = Path(folder) / "report.json", Path(folder) / "output"
        launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(report), str(timeout_seconds), *command]
        with said.open("wb") as output:
            launcher = subprocess.Popen(launch, env=kept | dict(environment), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603 - this interpreter
        try:
            launcher.wait()
        finally:
            # When this process is asked to stop, the command has to stop too.
            launcher.terminate()
            launcher.wait()
        found = json.loads(report.read_text())
        text = said.read_text(errors="replace")
    if found["ended"] - found["began"] >= timeout_seconds:
        raise TookTooLong(f"{_name(command)} took more than {timeout_seconds} s\n{text[-1000:]}")
    if found["status"] != 0:
        raise CommandFailed(f"{_name(command)} ended with {found['status']}\n{text[-4000:]}")
    return Run(found["began"], found["ended"], found["peak_megabytes"], text)


def _name(command: Sequence[str]) -> str:
    # No path: it may end in a page that is published.
    return " ".join(Path(word).name for word in command[:3])
