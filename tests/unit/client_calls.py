"""One call of a client in a test: what it asks for, what a page and a refusal look like, and errors that show no key."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from tests.faults.scripted_server import answer, send

from meterhouse.catalogue.endpoints import COMPLETIONS, DAY
from meterhouse.errors import MeterhouseError
from meterhouse.vendors.openai.client import Client
from meterhouse.vendors.request import Request
from meterhouse.windows import Window

KEY = "sk-admin-client-test-0123456789"
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
PAGE = b'{"object":"page","data":[{"object":"bucket","start_time":0,"end_time":86400,"results":[]}],"has_more":false,"next_page":null}'
OK = send(answer(PAGE))


def page(*, data=True, has_more=False, next_page=None) -> bytes:
    buckets = [{"object": "bucket", "start_time": 0, "end_time": 86400, "results": []}] if data else []
    return json.dumps({"object": "page", "data": buckets, "has_more": has_more, "next_page": next_page}).encode()


def refusal(message="no", *, code=None, param=None) -> bytes:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": code, "param": param}}).encode()


def asked(endpoint=COMPLETIONS, days=1, dimensions=(), width=DAY, page_buckets=31) -> Request:
    return Request(endpoint, Window(FIRST, FIRST + timedelta(days=days)), width, tuple(dimensions), page_buckets)


@contextmanager
def raised(kind: type[MeterhouseError], match: str | None = None) -> Iterator[pytest.ExceptionInfo[MeterhouseError]]:
    """Expect exactly this error, in one line, with the key nowhere in it, in its traceback or in the variables of its frames."""
    with pytest.raises(kind, match=match) as caught:
        yield caught
    error = caught.value
    assert type(error) is kind
    assert "\n" not in str(error)
    shown = [str(error), repr(error), repr(error.args), "".join(traceback.format_exception(error))]
    shown.append("".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()))
    assert not any(KEY in text for text in shown)


def fetched(client: Client, request: Request | None = None) -> list[bytes]:
    return [page.text for page in client.pages(request or asked())]
