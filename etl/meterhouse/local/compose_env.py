"""Write `.env` for docker-compose.yml: `.env.example` with every empty password and key drawn.

Runs as `python3 etl/meterhouse/local/compose_env.py` with only the standard library, before anything is installed. What `.env` already
says stays; variables of a newer `.env.example` are added. No secret is printed.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ADMIN_KEY = "OPENAI_ADMIN_KEY"
# What compose and JSON take as it stands: nothing that quotes, escapes or begins another variable.
KEY = re.compile(r"sk-[A-Za-z0-9._-]{13,}")
ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")
SECRET = re.compile(r".*_(PASSWORD|SECRET|KEY|TOKEN)")


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _signing_key() -> str:
    # 64 bytes or more: shorter ones make Airflow warn.
    return secrets.token_urlsafe(64)


def _password() -> str:
    return secrets.token_urlsafe(24)


def _password_with_digit() -> str:
    # Metabase refuses a password without one, and one in two hundred drawn ones has none.
    return f"{_password()}{secrets.randbelow(10)}"


SPECIAL: dict[str, Callable[[], str]] = {
    "AIRFLOW_FERNET_KEY": _fernet_key,
    "AIRFLOW_JWT_SECRET": _signing_key,
    "METERHOUSE_METABASE_PASSWORD": _password_with_digit,
}


class CannotWrite(Exception):
    """The file cannot be made; the message says what to do."""


def values_of(text: str) -> dict[str, str]:
    """Return the variables of an environment file; of two lines about one variable the last counts, as it does for compose."""
    found = (ASSIGNMENT.fullmatch(line) for line in text.splitlines())
    return {match[1]: "" if match[2] in {'""', "''"} or match[2].startswith("#") else match[2] for match in found if match}


def filled_in(example: str, present: str, environment: Mapping[str, str]) -> str:
    """Return the text of `.env`: what is `present` with its empty secrets filled in, and what only the example has behind it."""
    lines = present.splitlines() + _missing_lines(example, values_of(present))
    known = values_of("\n".join(lines))
    values = {name: _value_for(name, environment) for name, value in known.items() if not value}
    for number, line in enumerate(lines):
        found = ASSIGNMENT.fullmatch(line)
        if found and values.get(found[1]):
            lines[number] = f"{found[1]}={values[found[1]]}"
    return "\n".join(lines) + "\n"


def _missing_lines(example: str, known: Mapping[str, str]) -> list[str]:
    """Return the example's lines about variables that are not known, each with the comment above it."""
    chosen: list[str] = []
    above: list[str] = []
    for line in example.splitlines():
        found = ASSIGNMENT.fullmatch(line)
        if found is None:
            above.append(line)
            continue
        if found[1] not in known:
            chosen += [*above, line]
        above = []
    return chosen


def _value_for(name: str, environment: Mapping[str, str]) -> str:
    """Return a value for a variable that has none: the caller's key, something drawn for a secret, or nothing."""
    if name == ADMIN_KEY:
        key = environment.get(name, "").strip()
        if key and not KEY.fullmatch(key):
            raise CannotWrite(
                f"{name} is not an admin key (it begins with sk- and has only letters, digits, ., - and _):"
                " copy it whole from the admin keys page"
            )
        return key
    if SECRET.fullmatch(name):
        return SPECIAL.get(name, _password)()
    return ""


def write_env(folder: Path, environment: Mapping[str, str]) -> str:
    """Bring `.env` in `folder` up to date, readable only by its owner; return a line that says what was done.

    Raises `CannotWrite` when the example is missing or the key cannot be one.
    """
    example, target = folder / ".env.example", folder / ".env"
    if not example.is_file():
        raise CannotWrite(f"{example} is missing: run this in a checkout of meterhouse")
    before = target.read_text() if target.is_file() else ""
    after = filled_in(example.read_text(), before, environment)
    if after != before:
        _replace(target, after)
    elif target.stat().st_mode & 0o077:
        target.chmod(0o600)
    known = values_of(before)
    new = sum(bool(value) and value != known.get(name) for name, value in values_of(after).items())
    done = f"{target} is complete" if not new else f"{target}: {new} values written"
    return done if values_of(after).get(ADMIN_KEY) else f"{done}; {ADMIN_KEY} is empty: write the key into it before docker compose up"


def _replace(target: Path, text: str) -> None:
    """Replace `target` in one step by a file that only its owner can read."""
    draft = target.with_name(f"{target.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(target)


def main() -> int:
    """Write the file of the checkout that this module is in; return the exit status."""
    try:
        done = write_env(Path(__file__).resolve().parents[3], os.environ)
    except (CannotWrite, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{done}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
