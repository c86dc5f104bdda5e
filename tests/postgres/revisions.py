"""The migrations that there are, oldest first, read from their scripts."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from meterhouse.warehouse.migrate import script_location

_config = Config()
_config.set_main_option("script_location", str(script_location()).replace("%", "%%"))
_scripts = list(reversed(list(ScriptDirectory.from_config(_config).walk_revisions())))
REVISIONS = [script.revision for script in _scripts]
# By the words of their files' names, such as rollups of 0004_rollups.py.
_named = {Path(script.path).stem.partition("_")[2]: script.revision for script in _scripts}
FIRST_REVISION = REVISIONS[0]
# Those that a warehouse of the first version has before it.
LATER = REVISIONS[1:]


def revision(words: str) -> str:
    """The migration whose file has these words in its name."""
    return _named[words]


def since(words: str) -> list[str]:
    """That migration and those after it, oldest first."""
    return REVISIONS[REVISIONS.index(revision(words)) :]


def before(words: str) -> str:
    """The migration before that one."""
    return REVISIONS[REVISIONS.index(revision(words)) - 1]
