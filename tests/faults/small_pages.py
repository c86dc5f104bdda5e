"""An application that serves fewer buckets a page than were asked for, as the vendor may, so that windows come in several pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from meterhouse.fake_openai.answers import Answer, Application, Request


class SmallPages:
    """Serves at most `page_buckets` per page, and does something just before a chosen page."""

    def __init__(self, application: Application, page_buckets: int) -> None:
        self._application = application
        self._page_buckets = page_buckets
        self.pages = 0
        self.before_page: dict[int, Callable[[Request], Answer | None]] = {}

    def answer(self, request: Request) -> Answer:
        self.pages += 1
        planned = self.before_page.pop(self.pages, None)
        smaller = replace(request, query=re.sub(r"limit=\d+", self._smaller, request.query))
        return (planned(smaller) if planned else None) or self._application.answer(smaller)

    def _smaller(self, limit: re.Match[str]) -> str:
        return f"limit={min(self._page_buckets, int(limit[0].removeprefix('limit=')))}"
