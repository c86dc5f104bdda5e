"""A new migration: written by comparing the catalogue's tables with those that the existing migrations make, on a temporary server.

`make migration NAME="what it is for"` runs it, and names the new revision as the one that loads need. What it writes is read by a person
before it is committed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from meterhouse.local.postgres import temporary_postgres
from meterhouse.warehouse import schema
from meterhouse.warehouse.migrate import as_the_migrations_make_it, script_location


def write_migration(name: str) -> Path:
    """Write the next migration, called after `name`, and return its file.

    Raises `ValueError` for a name that says nothing, and for two migrations of one number.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _-]{2,60}", name):
        raise ValueError('say what the migration is for in a few plain words: make migration NAME="video seconds"')
    config = Config()
    config.set_main_option("script_location", str(script_location()).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    _require_one_of_each_number(script_location())
    head = ScriptDirectory.from_config(config).get_current_head() or "0"
    revision = f"{int(head) + 1:04d}"
    with temporary_postgres(fsync=False) as server, as_the_migrations_make_it(server.url(), config):
        written = command.revision(config, message=name, autogenerate=True, rev_id=revision)
    if not isinstance(written, Script):
        raise TypeError("one migration was expected")
    file = Path(written.path)
    for words in (("format", "--quiet"), ("check", "--fix", "--quiet")):
        subprocess.run([sys.executable, "-m", "ruff", *words, str(file)], check=False)  # noqa: S603  # the linter of this environment
    needed = Path(schema.__file__)
    named = f'SCHEMA_REVISION = "{schema.SCHEMA_REVISION}"'
    text = needed.read_text(encoding="utf-8")
    if named not in text:
        raise ValueError(f"{file.name} is written; name {revision} in {needed.name} yourself, as SCHEMA_REVISION is not written as it was")
    needed.write_text(text.replace(named, f'SCHEMA_REVISION = "{revision}"'), encoding="utf-8")
    return file


def _require_one_of_each_number(location: Path) -> None:
    """Refuse what two branches leave behind that each wrote the next migration; Alembic would take one of them and drop the other."""
    files: dict[str, list[str]] = defaultdict(list)
    for file in sorted((location / "versions").glob("[0-9]*.py")):
        files[file.name.partition("_")[0]].append(file.name)
    for names in files.values():
        if len(names) > 1:
            raise ValueError(
                f"{' and '.join(names)} have the same number: delete the one that is not on main yet, and run make migration again"
            )


def changes_nothing(migration: Path) -> bool:
    """Whether the tables were already those of the catalogue, so that there was nothing to write into the migration."""
    return re.search(r"^def upgrade\(\) -> None:\n(?: +#.*\n)* +pass$", migration.read_text(encoding="utf-8"), re.MULTILINE) is not None


def main(words: list[str]) -> None:
    """Write the migration called after these words, and print its file."""
    try:
        migration = write_migration(" ".join(words))
    except ValueError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{migration}\n")
    if changes_nothing(migration):
        sys.stdout.write(
            "It is empty, as the tables are already those of the catalogue (a new endpoint has to be named in USAGE)."
            f" Fill it in yourself; or delete it, and run: git checkout {Path(schema.__file__)}\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
