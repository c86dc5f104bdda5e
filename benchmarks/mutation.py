"""Mutation testing: changes one place of a module at a time and runs the tests that reach it; a change that no test sees survives.

.venv/bin/python benchmarks/mutation.py                            # what `make mutation-test` runs
.venv/bin/python benchmarks/mutation.py --module store --every     # all changes of one module instead of a sample

mutmut makes the changes and runs the tests. It knows sources only in `src`, so it works on a copy in which `etl` has that name.
tests/mutation_survivors.md says which survivors change nothing that anybody could see. Ends with 1 where a module is under the bar.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import get_mutant_name

from meterhouse.local.postgres import temporary_postgres

ROOT = Path(__file__).resolve().parents[1]
BAR = 0.85
SQL_WORD = re.compile(r"\b(?:SELECT|FROM|WHERE|INSERT|UPDATE|DELETE|DISCARD|VALUES|JOIN|SET|AND|ON|WHEN|ORDER BY)\b")
COPIED = ("tests", "migrations", "dags", "bi", "docs", "benchmarks")


@dataclass(frozen=True)
class Group:
    """Modules that the same test files speak for."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    needs_server: bool = False


GROUPS = (
    Group(("windows",), ("tests/unit/test_windows.py",)),
    Group(("vendors/openai/rows", "load/chain"), ("tests/unit/test_rows*.py", "tests/unit/test_chain.py")),
    Group(
        ("vendors/openai/client", "vendors/openai/refusals", "vendors/http_client", "vendors/transport", "vendors/retries"),
        ("tests/unit/test_retries.py", "tests/unit/test_client*.py"),
    ),
    Group(
        ("load/store",),
        ("tests/postgres/test_store*.py", "tests/postgres/test_backfill_guard.py", "tests/postgres/test_directory.py"),
        needs_server=True,
    ),
    Group(("vendors/page_text",), ("tests/unit/test_page_text.py",)),
    Group(("load/spool",), ("tests/postgres/test_spool.py",), needs_server=True),
    Group(("load/intake",), ("tests/postgres/test_digests.py", "tests/postgres/test_organization_guard.py"), needs_server=True),
    Group(("vendors/read_ahead",), ("tests/unit/test_read_ahead.py", "tests/postgres/test_read_ahead.py"), needs_server=True),
)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def stage(group: Group, home: Path) -> None:
    """Copy what the tests need to `home`, with the package under `src` and mutmut's settings for this group."""
    shutil.rmtree(home, ignore_errors=True)
    unwanted = shutil.ignore_patterns("__pycache__", "node_modules")
    shutil.copytree(ROOT / "etl", home / "src", ignore=unwanted)
    for folder in COPIED:
        shutil.copytree(ROOT / folder, home / folder, ignore=unwanted)
    tests = sorted(str(path.relative_to(ROOT)) for pattern in group.tests for path in ROOT.glob(pattern))
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"src/meterhouse/{module}.py" for module in group.modules],
        "also_copy": [folder for folder in COPIED if folder != "tests"],
        "pytest_add_cli_args_test_selection": tests,
        "timeout_multiplier": 3.0,
        "timeout_constant": 10.0,
    }
    lines = [f"{name} = {value!r}" for name, value in settings.items()]
    project = (ROOT / "pyproject.toml").read_text()
    (home / "pyproject.toml").write_text("\n".join([project, "[tool.mutmut]", *lines, ""]))
    # Python remembers that a folder of its path was not there.
    (home / "mutants" / "src").mkdir(parents=True)


def mutants(module: str) -> list[str]:
    """Return the names of all changes of a module, as mutmut will call them; to be called in the copy."""
    path = Path("src/meterhouse") / f"{module}.py"
    return [get_mutant_name(path, name) for name in mutate_file_contents(str(path), path.read_text()).mutant_names]


def drawn(names: list[str], size: int, seed: int) -> list[str]:
    """Return a sample that is the same at every run."""
    return random.Random(seed).sample(names, min(size, len(names)))  # noqa: S311 - a draw of tests, no secret


@contextlib.contextmanager
def server(needed: bool) -> Iterator[dict[str, str]]:
    """The environment of the tests; where they need a database, one server for all changes."""
    if not needed:
        yield dict(os.environ)
        return
    with temporary_postgres(fsync=False) as running:
        yield os.environ | {"METERHOUSE_TEST_SERVER_URL": running.url(), "METERHOUSE_TEST_KEEPS_TEMPLATE": "yes"}


def outcomes(chosen: list[str], environment: dict[str, str]) -> dict[str, str]:
    """Run the tests against each change; return what became of it. Where the tests fail without a change, end with mutmut's words."""
    # For what tests start as processes of their own.
    environment = environment | {"PYTHONPATH": str(Path("mutants/src").absolute())}
    mutmut = str(Path(sys.executable).with_name("mutmut"))

    def called(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - mutmut of this folder

    done = called(mutmut, "run", "--max-children", "1", *chosen)
    if done.returncode:
        sys.exit(done.stdout[-4000:] + done.stderr[-4000:])
    listed = called(mutmut, "results", "--all", "true")
    listed.check_returncode()
    found = dict(line.strip().split(": ", 1) for line in listed.stdout.splitlines() if ": " in line)
    return {name: found[name] for name in chosen}


def changed_lines(module: str, name: str) -> tuple[str, str]:
    """Return what a change took away and what it put there."""
    lines = get_diff_for_mutant(name, path=Path("src/meterhouse") / f"{module}.py").splitlines()[2:]
    before, after = ("\n".join(line for line in lines if line.startswith(sign)) for sign in "-+")
    return before, after


def is_same_sql(before: str, after: str) -> bool:
    """Whether only the case of SQL words differs, which PostgreSQL ignores; inside quotes it does not."""
    quoted = re.compile(r"'[^']*'")
    is_sql = SQL_WORD.search(before) or SQL_WORD.search(after)
    return bool(is_sql) and before[1:].casefold() == after[1:].casefold() and quoted.findall(before) == quoted.findall(after)


def report(module: str, found: dict[str, str], total: int) -> bool:
    """Print the score of a module and the changes that survived; return whether it reaches the bar. A time-out is a kill."""
    counts: Counter[str] = Counter()
    for name, outcome in sorted(found.items()):
        if outcome in {"killed", "timeout"}:
            counts["killed"] += 1
        elif is_same_sql(*(lines := changed_lines(module, name))):
            counts["only the case of SQL words"] += 1
        else:
            counts[outcome] += 1
            say("\n".join((f"{name}: {outcome}", *lines)))
    judged = counts.total() - counts["only the case of SQL words"]
    say(f"{module}: {counts['killed']} of {judged} killed ({counts['killed'] / judged:.1%}), of {total} possible changes: {dict(counts)}")
    return counts["killed"] >= BAR * judged


def main() -> int:
    parser = argparse.ArgumentParser(description="Score the tests by the changes of the code that they see.")
    parser.add_argument("--module", action="append", help="only this module; may be repeated")
    parser.add_argument("--sample", type=int, default=120, help="changes per module, drawn at random (default 120)")
    parser.add_argument("--every", action="store_true", help="all changes instead of a sample")
    parser.add_argument("--seed", type=int, default=1, help="seed of the draw (default 1)")
    parser.add_argument("--home", type=Path, default=ROOT / ".mutation", help="folder for the copies")
    options = parser.parse_args()
    is_good = True
    for group in GROUPS:
        wanted = [module for module in group.modules if not options.module or Path(module).name in options.module]
        if not wanted:
            continue
        started = time.monotonic()
        home = options.home.absolute() / Path(group.modules[0]).name
        stage(group, home)
        with contextlib.chdir(home), server(group.needs_server) as environment:
            all_names = {module: mutants(module) for module in wanted}
            chosen = {module: names if options.every else drawn(names, options.sample, options.seed) for module, names in all_names.items()}
            found = outcomes([name for names in chosen.values() for name in names], environment)
            for module in wanted:
                is_good &= report(module, {name: found[name] for name in chosen[module]}, len(all_names[module]))
        say(f"{time.monotonic() - started:.0f} s")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
