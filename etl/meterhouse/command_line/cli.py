"""The command line. Exit status: 0 done, 1 failed with nothing half-written, 2 the request or the configuration is wrong."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from meterhouse.command_line import importing, loading, reading, stack, upkeep
from meterhouse.command_line.command_words import current_name, parser
from meterhouse.command_line.speech import finish, remark
from meterhouse.command_line.stopping import STOPPED_STATUS
from meterhouse.control_characters import VisibleFormatter
from meterhouse.errors import MeterhouseError

COMMANDS = {
    "up": stack.up,
    "down": stack.down,
    "migrate": upkeep.migrate,
    "sync": loading.sync,
    "backfill": loading.backfill,
    "status": reading.status,
    "check": reading.check,
    "export": reading.export,
    "import": importing.bring_in,
    "teams": importing.teams,
    "budgets": importing.budgets,
    "sql": reading.sql,
    "mcp": reading.mcp,
    "grant-team": upkeep.grant_team,
    "create-reader": upkeep.create_reader,
    "provision-metabase": reading.provision_metabase,
    "dashboard": reading.dashboard,
    "report": reading.report,
    "alias": upkeep.alias,
    "rebuild-totals": upkeep.rebuild_totals,
    "rename-organization": upkeep.rename_organization,
    "retain": upkeep.retain,
    "purge": upkeep.purge,
    "fake-api": stack.fake_api,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = parser().parse_args(arguments)
    from meterhouse.settings import load_settings  # --help and --version end above

    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setFormatter(VisibleFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, handlers=[to_stderr])
    try:
        status = COMMANDS[current_name(options.command)](load_settings(), options)
        finish()
    except MeterhouseError as error:
        remark(str(error))
        return error.exit_status
    except KeyboardInterrupt:
        remark("stopped; what was committed stays, and the same command continues from there")
        return STOPPED_STATUS
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status
