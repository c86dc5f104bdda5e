"""Alerts: what went wrong, reported once a day through the channels that Airflow's connections name, with a link to the run.

`meterhouse_alerts` (type apprise) reaches any webhook, Slack, Teams and more; `meterhouse_alerts_mail` (type smtp) sends mail to the
addresses in its extra `to`. What was reported on which day is kept in `ops.alerts`.
"""

from __future__ import annotations

import hashlib
import html
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow.sdk import Variable, conf
from airflow.sdk.exceptions import AirflowFailException

from meterhouse.control_characters import visible
from meterhouse.errors import MeterhouseError
from meterhouse.orchestration.connections import connection, warehouse_url

log = logging.getLogger(__name__)

WEBHOOK_CONNECTION = "meterhouse_alerts"
MAIL_CONNECTION = "meterhouse_alerts_mail"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: `key` is the same each time it is found, `text` says what to do.

    One that `is_seen` already is not reported, such as a form filled in wrongly: the person who did it is watching the run.
    """

    key: str
    text: str
    is_seen: bool = False


class ProblemsFound(AirflowFailException):
    """The task has done its work and found problems; another try would find them again."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(dict.fromkeys(problem.text for problem in problems)))
        self.problems = tuple(problems)


class NotTaken(ConnectionError):
    """A channel did not take a message; the text names the connection and holds no address."""


def problem_of(where: str, kind: str, text: str, *, is_seen: bool = False) -> Problem:
    """Return the problem that `text` reports about `where`; texts that differ only in their figures are the same problem."""
    text = visible(text)
    words = re.sub(r"\d+", "", text)
    return Problem(
        f"{where}/{kind}/{hashlib.sha256(words.encode()).hexdigest()[:8]}", f"{where.partition('/')[2] or where}: {text}", is_seen
    )


def task_has_failed(context: Mapping[str, Any]) -> None:
    """Report what made a task fail for good: the problems that it found, or its error."""
    ti = context["ti"]
    error = context.get("exception")
    if isinstance(error, ProblemsFound):
        problems = list(error.problems)
    else:
        kind = getattr(error, "kind", None) or type(error).__name__
        problems = [problem_of(f"{ti.dag_id}/{ti.task_id}", kind, str(error or "it ended without a message: see its log"))]
    if untold := [problem for problem in problems if not problem.is_seen]:
        tell(f"meterhouse: {ti.dag_id} failed", untold, run_link(ti.dag_id, ti.run_id))


def run_is_late(context: Mapping[str, Any] | None = None, **_: Any) -> None:
    """Report that a run has missed its deadline; Airflow calls this on the executor, for runs that have failed by then too."""
    run = (context or {}).get("dag_run") or {}
    dag, run_id = str(run.get("dag_id", "a DAG")), str(run.get("dag_run_id") or run.get("run_id") or "")
    # A run that has ended was reported if it failed, and runs of a backfill are queued on purpose.
    if run.get("state") in {"success", "failed"} or run.get("run_type") == "backfill":
        log.info("%s of %s is not late: it is %s, %s", run_id, dag, run.get("run_type"), run.get("state"))
        return
    text = (
        f"the run {run_id} of {dag} has not ended in time: look at its tasks; their logs show whether the vendor or the warehouse is slow"
    )
    tell(f"meterhouse: {dag} is late", [Problem(f"{dag}/late", text)], run_link(dag, run_id))


def run_link(dag: str, run_id: str) -> str:
    """Return the address of a run in the Airflow UI."""
    return f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/dags/{quote(dag)}/runs/{quote(run_id, safe='')}"


def tell(title: str, problems: Sequence[Problem], link: str) -> None:
    """Send those of `problems` that were not reported today, in one message on every channel; with no channel, say so in the log.

    They count as reported when one channel at least has taken the message; raises `ConnectionError` when one has not.
    """
    channels = alert_channels()
    if not channels:
        log.info("no alert is sent: there is no connection %s or %s", WEBHOOK_CONNECTION, MAIL_CONNECTION)
        return
    with _untold(problems) as untold:
        if not untold:
            log.info("already reported today: %s", "; ".join(problem.text for problem in problems))
            return
        text = "\n".join([*dict.fromkeys(problem.text for problem in untold), "", link])
        failed = sent_over(channels, title, text)
        if len(failed) == len(channels):
            raise ConnectionError(f"the alert could not be sent ({', '.join(failed)}); the next failure tries again")
    log.info("reported: %s", title)
    if failed:
        raise ConnectionError(f"one of the channels did not take the message ({', '.join(failed)}): look at its connection")


Channel = Callable[[str, str], None]
"""What takes a title and a text to people, or raises."""


def alert_channels() -> list[Channel]:
    """Return the channels that Airflow's connections name: the webhook, then the mail."""
    channels: list[Channel] = []
    if (webhook := connection(WEBHOOK_CONNECTION)) is not None:
        channels.append(lambda subject, text: _post(webhook, subject, text))
    if (mail := connection(MAIL_CONNECTION)) is not None:
        channels.append(lambda subject, text: send_mail(mail, subject, text))
    return channels


def sent_over(channels: Sequence[Channel], title: str, text: str) -> list[str]:
    """Send one message on every channel; return what went wrong, a word or line per channel that did not take it."""
    return [name for channel in channels if (name := _failure_of(channel, title, text))]


@contextmanager
def _untold(problems: Sequence[Problem]) -> Iterator[list[Problem]]:
    """Yield the problems that were not reported today; after an error in the block they count as not reported.

    The warehouse remembers. While it is away, a variable of Airflow does, where the process may write one.
    """
    import psycopg  # noqa: PLC0415  # only a failure needs it

    from meterhouse.load.store import Store  # noqa: PLC0415  # as above

    now = datetime.now(UTC)
    try:
        with Store(warehouse_url()) as store:
            new = store.alerts.claim([problem.key for problem in problems], now)
    except (MeterhouseError, psycopg.Error) as away:
        log.warning("the warehouse cannot say what was reported today: %s", away)
        yield [problem for problem in problems if not _noted_in_airflow(problem.key, now)]
        return
    try:
        yield [problem for problem in problems if problem.key in new]
    except BaseException:
        with Store(warehouse_url()) as store:
            store.alerts.give_back(new, now)
        raise


def _noted_in_airflow(problem: str, now: datetime) -> bool:
    """Whether an Airflow variable says that the problem was reported today; it says so from now on."""
    name, today = f"meterhouse_told_{hashlib.sha256(problem.encode()).hexdigest()[:16]}", f"{now:%Y-%m-%d}"
    try:
        if Variable.get(name, default=None) == today:
            return True
        Variable.set(name, today, description=f"meterhouse: {problem} was reported on this day")
    except Exception as refused:  # a deadline's callback may not write variables, and telling twice is better than never
        log.info("Airflow cannot remember what was reported: %s", type(refused).__name__)
    return False


def _failure_of(channel: Callable[[str, str], None], title: str, text: str) -> str | None:
    """Send on one channel; return what went wrong, None when it took the message."""
    try:
        channel(title, text)
    except NotTaken as ours:
        return str(ours)
    except Exception as error:  # a channel may fail in any way; its words may hold an address, which is a secret
        return type(error).__name__
    return None


def _post(webhook: Any, title: str, text: str) -> None:
    import apprise  # noqa: PLC0415  # half a second, and only a failure needs it
    from airflow.providers.apprise.hooks.apprise import AppriseHook  # noqa: PLC0415

    config = webhook.extra_dejson.get("config")
    if not isinstance(config, dict | list):
        raise NotTaken(f'the extra of the connection {webhook.conn_id} must be {{"config": {{"path": "..."}}}}: see docs/operations.md')
    services = apprise.Apprise()
    AppriseHook(webhook.conn_id).set_config_from_conn(webhook, services)
    # Airflow's own notifier drops this answer.
    if not services.notify(body=text, title=title, notify_type=apprise.NotifyType.FAILURE, body_format=apprise.NotifyFormat.TEXT):
        raise NotTaken(f"a service of the connection {webhook.conn_id} refused the message or did not answer")


def send_mail(connection: Any, title: str, text: str, files: Sequence[Path] = (), to: Sequence[str] = ()) -> None:
    """Send a mail through an SMTP connection to some addresses, or to those in its extra `to`. Raises `NotTaken` when there are none."""
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier  # noqa: PLC0415

    addressed = list(to) or connection.extra_dejson.get("to")
    if not addressed:
        raise NotTaken(f"the connection {connection.conn_id} has no 'to' in its extra")
    body = "<br>".join(html.escape(line) for line in text.splitlines())
    # Passed as text and not called: an error's text is not a template.
    SmtpNotifier(
        to=addressed, subject=title, html_content=body, files=[str(file) for file in files], smtp_conn_id=connection.conn_id
    ).notify({})  # fmt: skip
