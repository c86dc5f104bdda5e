"""Alerts: what went wrong, told once a day through the channels that Airflow's connections name, with a link to the run.

`meterhouse_alerts` (type apprise) reaches any webhook, Slack, Teams and more; `meterhouse_alerts_mail` (type smtp) sends mail to the
addresses in its extra `to`. What was told on which day is kept in `ops.alerts`. A channel that fails is tried again with the next failure.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from airflow.sdk import conf
from airflow.sdk.exceptions import AirflowFailException

from meterhouse.errors import MeterhouseError
from meterhouse.orchestration.connections import connection, task_settings

log = logging.getLogger(__name__)

WEBHOOK_CONNECTION = "meterhouse_alerts"
MAIL_CONNECTION = "meterhouse_alerts_mail"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: `key` is the same each time it is found, `text` says what to do.

    Nobody is told of one that `is_seen` already, such as a form filled in wrongly: whoever did it looks at the run.
    """

    key: str
    text: str
    is_seen: bool = False


class ProblemsFound(AirflowFailException):
    """The task has done its work and found problems; another try would find them again."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(dict.fromkeys(problem.text for problem in problems)))
        self.problems = tuple(problems)


def task_has_failed(context: Mapping[str, Any]) -> None:
    """Tell what made a task fail for good: the problems that it found, or its error."""
    ti = context["ti"]
    error = context.get("exception")
    if isinstance(error, ProblemsFound):
        problems = list(error.problems)
    else:
        kind = getattr(error, "kind", None) or type(error).__name__
        problems = [Problem(f"{ti.dag_id}/{ti.task_id}/{kind}", f"{ti.task_id}: {error or 'it ended without a word: see its log'}")]
    if untold := [problem for problem in problems if not problem.is_seen]:
        tell(f"meterhouse: {ti.dag_id} failed", untold, run_link(ti.dag_id, ti.run_id))


def run_is_late(context: Mapping[str, Any] | None = None, **_: Any) -> None:
    """Tell that a run has missed its deadline; Airflow calls this on the executor."""
    run = (context or {}).get("dag_run") or {}
    dag, run_id = str(run.get("dag_id", "a DAG")), str(run.get("dag_run_id") or run.get("run_id") or "")
    text = f"the run {run_id} of {dag} has not ended in time: look at its tasks; a slow vendor or warehouse shows in their logs"
    tell(f"meterhouse: {dag} is late", [Problem(f"{dag}/late", text)], run_link(dag, run_id))


def run_link(dag: str, run_id: str) -> str:
    """Return the address of a run in the Airflow UI."""
    return f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/dags/{quote(dag)}/runs/{quote(run_id, safe='')}"


def tell(title: str, problems: Sequence[Problem], link: str) -> None:
    """Send those of `problems` that were not told today, in one message on every channel; with no channel, say so in the log."""
    from meterhouse.store import Store  # noqa: PLC0415  # a second to import, and only a failure needs it

    channels: list[Callable[[str, str], None]] = []
    if (webhook := connection(WEBHOOK_CONNECTION)) is not None:
        channels.append(lambda subject, text: _post(webhook, subject, text))
    if (mail := connection(MAIL_CONNECTION)) is not None:
        channels.append(lambda subject, text: _mail(mail, subject, text))
    if not channels:
        log.info("nobody is told: there is no connection %s or %s", WEBHOOK_CONNECTION, MAIL_CONNECTION)
        return
    try:
        store = Store(task_settings().require_warehouse())
    except MeterhouseError as away:
        log.warning("told without a look at what was told before: %s", away)
        _send(channels, title, problems, link)
        return
    with store, store.telling([problem.key for problem in problems], datetime.now(UTC)) as new:
        untold = [problem for problem in problems if problem.key in new]
        if untold:
            _send(channels, title, untold, link)
        else:
            log.info("told already today: %s", "; ".join(problem.text for problem in problems))


def _send(channels: Sequence[Callable[[str, str], None]], title: str, problems: Sequence[Problem], link: str) -> None:
    """Send on every channel, whichever fails; raises the first failure at the end."""
    text = "\n".join([*dict.fromkeys(problem.text for problem in problems), "", link])
    failures: list[Exception] = []
    for channel in channels:
        try:
            channel(title, text)
        except Exception as error:  # a channel may fail in any way, and the others are still to be tried
            log.error("a channel could not be reached: %s", type(error).__name__)  # noqa: TRY400  # its text may hold the address, a secret
            failures.append(error)
    if failures:
        raise failures[0]
    log.info("told: %s", title)


def _post(webhook: Any, title: str, text: str) -> None:
    import apprise  # noqa: PLC0415  # half a second, and only a failure needs it
    from airflow.providers.apprise.hooks.apprise import AppriseHook  # noqa: PLC0415

    services = apprise.Apprise()
    AppriseHook(webhook.conn_id).set_config_from_conn(webhook, services)
    # Airflow's own notifier drops this answer.
    if not services.notify(body=text, title=title, notify_type=apprise.NotifyType.FAILURE, body_format=apprise.NotifyFormat.TEXT):
        raise ConnectionError(f"a service of the connection {webhook.conn_id} refused the message or was away")


def _mail(connection: Any, title: str, text: str) -> None:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier  # noqa: PLC0415

    to = connection.extra_dejson.get("to")
    if not to:
        raise ValueError(f"the connection {connection.conn_id} has no 'to' in its extra")
    body = "<br>".join(html.escape(line) for line in text.splitlines())
    # Not called but told: the text of an error is no template.
    SmtpNotifier(to=to, subject=title, html_content=body, smtp_conn_id=connection.conn_id).notify({})
