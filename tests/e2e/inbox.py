"""Where alerts arrive: a real mail server and a real webhook, each keeping what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from meterhouse.ports import LOOPBACK, free_port


@dataclass
class Inbox:
    """What has arrived, and the connections that lead here."""

    mails: list[EmailMessage] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    connections: dict[str, str] = field(default_factory=dict)
    # A webhook that is out of order answers 500.
    is_out_of_order: bool = False

    def titles(self) -> list[str]:
        """The titles of the webhook's messages, in the order of their arrival."""
        return [post["title"] for post in self.posts]

    def about(self, word: str) -> list[dict[str, Any]]:
        """The webhook's messages whose title or text holds a word."""
        return [post for post in self.posts if word in post["title"] or word in post["message"]]


@contextmanager
def open_inbox() -> Iterator[Inbox]:
    """Serve both on the loopback until the block ends."""
    inbox = Inbox()

    class Mail:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802, ARG002  # as the library calls it
            inbox.mails.append(message_from_bytes(envelope.content, policy=policy.default))
            return "250 kept"

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not inbox.is_out_of_order:
                inbox.posts.append(body)
            self.send_response(500 if inbox.is_out_of_order else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    mail = Controller(Mail(), hostname=LOOPBACK, port=free_port())
    hook = ThreadingHTTPServer((LOOPBACK, 0), Hook)
    thread = threading.Thread(target=hook.serve_forever, daemon=True)
    mail.start()
    thread.start()
    inbox.connections = {
        "AIRFLOW_CONN_METERHOUSE_ALERTS": json.dumps(
            {"conn_type": "apprise", "extra": {"config": {"path": f"json://{LOOPBACK}:{hook.server_port}/alerts"}}}
        ),
        "AIRFLOW_CONN_METERHOUSE_ALERTS_MAIL": json.dumps(
            {
                "conn_type": "smtp",
                "host": LOOPBACK,
                "port": mail.port,
                "extra": {"to": "ops@example.com", "from_email": "airflow@example.com", "disable_ssl": True, "disable_tls": True},
            }
        ),
    }
    try:
        yield inbox
    finally:
        mail.stop()
        hook.shutdown()
        hook.server_close()
        thread.join()
