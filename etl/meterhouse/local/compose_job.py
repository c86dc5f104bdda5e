"""The one-shot job of docker-compose.yml: migrate the warehouse, make Airflow's and Metabase's databases, give the roles their passwords.

It refuses to go on with an empty, short or well-known password. Running it again changes passwords to what is set now.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.local.private_files import write_private
from meterhouse.local.roles import allow_only, ensure_database, give_login
from meterhouse.local.secrets_file import AIRFLOW_ADMIN

logger = logging.getLogger(__name__)

OWNER_VARIABLE = "METERHOUSE_MIGRATE_URL"
PASSWORDS = {
    "meterhouse_loader": "METERHOUSE_LOADER_PASSWORD",
    "meterhouse_reader": "METERHOUSE_READER_PASSWORD",
    "airflow": "METERHOUSE_AIRFLOW_DB_PASSWORD",
    "metabase": "METERHOUSE_METABASE_DB_PASSWORD",
    AIRFLOW_ADMIN: "METERHOUSE_AIRFLOW_ADMIN_PASSWORD",
}
# Each has a database of the same name, in which nobody else has any rights.
APPLICATIONS = ("airflow", "metabase")
PASSWORDS_FILE_VARIABLE = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
# These need no quoting in a URL or in JSON, as docker-compose.yml puts it there.
STRONG = re.compile(r"[A-Za-z0-9_-]{16,}")


def checked_passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the password of each login, or raise `FixConfiguration` for the first weak one."""
    passwords = {login: environment.get(variable, "") for login, variable in PASSWORDS.items()}
    for login, password in passwords.items():
        if not STRONG.fullmatch(password) or len(set(password)) < 8:
            raise FixConfiguration(
                f"{PASSWORDS[login]} must be 16 or more letters, digits, - or _ that nobody guesses: draw one with openssl rand -hex 24"
            )
    if len(set(passwords.values())) < len(passwords):
        raise FixConfiguration(f"{', '.join(PASSWORDS.values())} must all differ")
    return passwords


def prepare(environment: Mapping[str, str]) -> None:
    """Bring an empty or older server to what the other containers expect."""
    passwords = checked_passwords(environment)
    owner_url = environment[OWNER_VARIABLE]
    # After the passwords: importing it takes a second.
    from meterhouse.load.followed import follow_upgrade  # noqa: PLC0415
    from meterhouse.warehouse.migrate import migrate  # noqa: PLC0415

    migrate(owner_url)
    follow_upgrade(owner_url)
    for role in ("meterhouse_loader", "meterhouse_reader", *APPLICATIONS):
        give_login(owner_url, role, passwords[role])
    allow_only(owner_url, owner_url.rpartition("/")[2], ["meterhouse_loader", "meterhouse_reader"])
    for application in APPLICATIONS:
        ensure_database(owner_url, application, owner=application)
        allow_only(owner_url, application, [])
    allow_only(owner_url, "postgres", [])
    if path := environment.get(PASSWORDS_FILE_VARIABLE):
        write_private(Path(path), json.dumps({AIRFLOW_ADMIN: passwords[AIRFLOW_ADMIN]}))


def main() -> int:
    """Run the job with this process's environment; return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        prepare(os.environ)
    except MeterhouseError as error:
        logger.error("%s", error)  # noqa: TRY400 - one line that says what to do, no traceback
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
