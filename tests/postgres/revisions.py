"""The migrations that there are, oldest first, read from their scripts."""

from __future__ import annotations

from alembic.config import Config
from alembic.script import ScriptDirectory

from meterhouse.warehouse.migrate import script_location

_config = Config()
_config.set_main_option("script_location", str(script_location()).replace("%", "%%"))
REVISIONS = [script.revision for script in reversed(list(ScriptDirectory.from_config(_config).walk_revisions()))]
# Those that a warehouse of the first version has before it.
LATER = REVISIONS[1:]
