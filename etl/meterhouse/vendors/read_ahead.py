"""Read ahead: the answers to the next windows of a stream, requested while the current one is being loaded.

Data flow: requests that will come -> one thread each -> a few pages at a time, until the loader takes them. A request that does not
come after all is given up between two pages. What went wrong is raised where the answer is taken.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from meterhouse.vendors.http_client import HttpClient
from meterhouse.vendors.page_text import FetchedPage
from meterhouse.vendors.request import Request

# Pages of one answer that wait to be loaded; one page may be larger than this.
_WAITING_BYTES = 4 << 20
# Pages of all answers that may be on their way at once, if they are as large as those before.
_UNDER_WAY_BYTES = 32 << 20
# Tests put another one here: none of them waits.
pause = threading.Event.wait


class _GivenUp(BaseException):
    """Nobody waits for this answer any more."""


class _Answer:
    """The pages of one request, fetched in its own thread."""

    def __init__(self, client: HttpClient, request: Request, fetch_number: int) -> None:
        self.fetch_number = fetch_number
        self._client = client.beside(self._sleep)
        self._request = request
        self._pages: deque[FetchedPage] = deque()
        self._changed = threading.Condition()
        self._is_over = False
        self._is_given_up = threading.Event()
        self._error: BaseException | None = None
        # A thread that waits for the vendor must not keep the process from ending.
        threading.Thread(target=self._fetch, name=f"read ahead {request.window}", daemon=True).start()

    def pages(self) -> Iterator[FetchedPage]:
        """Yield the pages in order, each as soon as it is here; raises what went wrong behind the last good one."""
        while True:
            with self._changed:
                while not self._pages and not self._is_over:
                    self._changed.wait()
                if not self._pages:
                    break
                page = self._pages.popleft()
                self._changed.notify_all()
            yield page
        if self._error is not None:
            raise self._error

    @property
    def was_answered(self) -> bool:
        return self._client.was_answered

    def give_up(self) -> None:
        """Ask for no further page."""
        with self._changed:
            self._is_given_up.set()
            self._pages.clear()
            self._changed.notify_all()

    def _fetch(self) -> None:
        error: BaseException | None = None
        try:
            for page in self._client.pages(self._request):
                self._put(page)
        except _GivenUp:
            pass
        except BaseException as raised:  # raised again when the answer is taken
            error = raised
        with self._changed:
            self._is_over, self._error = True, error
            self._changed.notify_all()

    def _put(self, page: FetchedPage) -> None:
        with self._changed:
            while (
                self._pages
                and sum(len(waiting.text) for waiting in (*self._pages, page)) > _WAITING_BYTES
                and not self._is_given_up.is_set()
            ):
                self._changed.wait()
            self._require_wanted()
            self._pages.append(page)
            self._changed.notify_all()

    def _sleep(self, seconds: float) -> None:
        """Wait before another attempt, unless the answer is given up meanwhile."""
        pause(self._is_given_up, seconds)
        self._require_wanted()

    def _require_wanted(self) -> None:
        if self._is_given_up.is_set():
            raise _GivenUp


class Taken:
    """The pages of one answer, for the loader, and its place in the order of fetches.

    `seconds` were spent waiting for them, and the largest so far had `largest_bytes`.
    """

    def __init__(self, fetch_number: int, pages: Iterator[FetchedPage]) -> None:
        self.fetch_number = fetch_number
        self.seconds = 0.0
        self.largest_bytes = 1
        self._pages = pages

    def __iter__(self) -> Iterator[FetchedPage]:
        while True:
            started = time.monotonic()
            try:
                page = next(self._pages)
            except StopIteration:
                return
            finally:
                self.seconds += time.monotonic() - started
            self.largest_bytes = max(self.largest_bytes, len(page.text))
            yield page


class ReadAhead:
    """Answers of one organization, at most `answers` of them under way at a time, the one that is being loaded among them.

    With `reads_on`, the next page of an answer is asked for while one is being loaded.
    """

    def __init__(self, client: HttpClient, answers: int, *, reads_on: bool) -> None:
        self._client = client
        self._most = answers
        self._reads_on = reads_on
        self._answers: dict[Request, _Answer] = {}
        self._taken: Taken | None = None
        self._loading: _Answer | None = None

    def expect(self, requests: Sequence[Request], draw_fetch_number: Callable[[], int]) -> None:
        """Begin to ask for the first of `requests`, those that come next; what is under way and not among them is given up.

        Each fetch number is drawn before its first page is asked for.
        """
        if not self._reads_on:
            return
        room = _UNDER_WAY_BYTES // self._taken.largest_bytes if self._taken else self._most
        wanted = list(requests[: min(self._most, room)])
        for request in self._answers.keys() - set(wanted):
            self._answers.pop(request).give_up()
        for request in wanted:
            if request not in self._answers:
                self._answers[request] = _Answer(self._client, request, draw_fetch_number())

    def forget(self) -> None:
        """Give up whatever is under way, including what was taken but not read to its end."""
        self._give_up_loading()
        self.expect((), lambda: 0)

    def take(self, request: Request, draw_fetch_number: Callable[[], int]) -> Taken:
        """Return the answer to a request, which may be under way already; it is fetched while it is iterated over."""
        self._give_up_loading()
        if self._reads_on:
            answer = self._loading = self._answers.pop(request, None) or _Answer(self._client, request, draw_fetch_number())
            self._taken = Taken(answer.fetch_number, self._pages(answer))
        else:
            self._taken = Taken(draw_fetch_number(), self._client.pages(request))
        return self._taken

    def _give_up_loading(self) -> None:
        if self._loading is not None:
            self._loading.give_up()

    def _pages(self, answer: _Answer) -> Iterator[FetchedPage]:
        try:
            yield from answer.pages()
        finally:
            answer.give_up()
            self._client.was_answered |= answer.was_answered
