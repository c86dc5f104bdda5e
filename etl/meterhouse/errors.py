"""Errors named after what the caller should do.

    MeterhouseError
    ├── FixConfiguration     change a key, a setting, a request or run a command; retrying cannot help   (exit 2)
    ├── TryAgainLater        the vendor or the database is away for now; nothing was half-written        (exit 1)
    ├── RejectedAnswer       the vendor's answer breaks its contract; the window was not touched         (exit 1)
    ├── ConfirmToEmpty       the answer would empty an old window; repeat with force if that is right    (exit 2)
    └── Unsupported          this organization does not offer that; remember it and go on                (never leaves sync)
        └── BeforeHistory    the start lies beyond the vendor's reach; clamp it once and go on

Airflow retries `TryAgainLater` and `RejectedAnswer` (a proxy's page cures itself); the others fail at once.
"""

from __future__ import annotations

from datetime import datetime


class MeterhouseError(Exception):
    """Base of every error that meterhouse raises on purpose; its text never holds a secret."""

    exit_status = 1
    retryable = False


class FixConfiguration(MeterhouseError):
    """The key, a setting, the request or the database's version is wrong; the text says what to change."""

    exit_status = 2


class TryAgainLater(MeterhouseError):
    """A fault that time cures: the network, a busy vendor, a database that went away."""

    retryable = True


class RejectedAnswer(MeterhouseError):
    """The answer breaks the vendor's contract, so none of its window was written."""

    retryable = True


class ConfirmToEmpty(MeterhouseError):
    """The answer is empty for a window outside the lookback that has rows; only `--force` replaces it."""

    exit_status = 2


class Unsupported(MeterhouseError):
    """This organization does not offer `capability` (an endpoint, or a grouping of one); `value` is what the vendor quotes."""

    def __init__(self, capability: str, detail: str, *, value: str | None = None) -> None:
        super().__init__(f"{capability} is not offered by this organization: {detail}")
        self.capability = capability
        self.detail = detail
        self.value = value


class BeforeHistory(Unsupported):
    """The window starts before what the vendor still reports; `earliest` is the vendor's own floor when it names one."""

    def __init__(self, detail: str, earliest: datetime | None) -> None:
        super().__init__("history", detail)
        self.earliest = earliest
