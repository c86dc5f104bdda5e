"""A new migration: written by comparing the catalogue's tables with those that the existing migrations make, on a temporary server.

`make migration NAME="what it is for"` runs it, and names the new revision as the one that loads need. What it writes is read by a person
before it is committed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from meterhouse.local.postgres import temporary_postgres
from meterhouse.warehouse import schema
from meterhouse.warehouse.migrate import as_the_migrations_make_it, script_location


def write_migration(name: str) -> Path:
    """Write the next migration, called after `name`, and return its file. Raises `ValueError` for a name that says nothing."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _-]{2,60}", name):
        raise ValueError('say what the migration is for in a few plain words: make migration NAME="video seconds"')
    config = Config()
    config.set_main_option("script_location", str(script_location()).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
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


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{write_migration(' '.join(sys.argv[1:]))}\n")
    except ValueError as error:
        sys.exit(str(error))
