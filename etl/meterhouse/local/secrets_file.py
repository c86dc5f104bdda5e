"""Passwords and signing keys of the local stack: drawn once, kept in METERHOUSE_HOME, readable only by their owner."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from meterhouse.errors import FixConfiguration
from meterhouse.local.private_files import make_folder, write_private

FILE_NAME = "secrets.json"
PASSWORDS_FILE_NAME = "airflow-passwords.json"
AIRFLOW_ADMIN = "admin"


def _password() -> str:
    return secrets.token_urlsafe(18)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _signing_key() -> str:
    return secrets.token_urlsafe(64)


def _api_key() -> str:
    return f"sk-admin-demo-{secrets.token_hex(20)}"


def _secret(make: object) -> str:
    # Never in a repr, so never in a log or a traceback.
    return field(repr=False, default_factory=make)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class Secrets:
    """Everything secret that the local stack makes up for itself."""

    postgres_superuser: str = _secret(_password)
    postgres_owner: str = _secret(_password)
    postgres_airflow: str = _secret(_password)
    postgres_loader: str = _secret(_password)
    postgres_reader: str = _secret(_password)
    airflow_admin: str = _secret(_password)
    airflow_fernet_key: str = _secret(_fernet_key)
    airflow_jwt_secret: str = _secret(_signing_key)
    airflow_api_secret: str = _secret(_signing_key)
    fake_api_key: str = _secret(_api_key)

    @classmethod
    def load(cls, home: Path) -> Secrets:
        """Return the secrets of `home`; what is missing is drawn and kept."""
        # Others may pass through to the server's data, and may read nothing.
        make_folder(home, 0o711)
        path = home / FILE_NAME
        known: dict[str, str] = {}
        if path.exists():
            if path.stat().st_mode & 0o077:
                raise FixConfiguration(f"{path} holds passwords and can be read by others: chmod 600 it")
            text = json.loads(path.read_text())
            known = {name: value for name, value in text.items() if name in cls.__dataclass_fields__ and value}
        loaded = cls(**known)
        if asdict(loaded) != known:
            write_private(path, json.dumps(asdict(loaded), indent=1))
        return loaded

    def write_airflow_passwords(self, home: Path) -> Path:
        """Write the file from which Airflow's simple auth manager reads its users' passwords."""
        path = home / PASSWORDS_FILE_NAME
        write_private(path, json.dumps({AIRFLOW_ADMIN: self.airflow_admin}))
        return path
