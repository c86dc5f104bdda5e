"""The invented organization as one object: who exists, what they used, what was billed, what time it is there, and the exact truth."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.errors import FixConfiguration
from meterhouse.fake_openai import measures
from meterhouse.fake_openai.activity import Activity
from meterhouse.fake_openai.amounts import AmountStyle
from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.fake_openai.billing import Billing
from meterhouse.fake_openai.clock import Clock
from meterhouse.fake_openai.directory import directory_answer
from meterhouse.fake_openai.errors import Refusal, not_found
from meterhouse.fake_openai.large_batches import LargeBatches
from meterhouse.fake_openai.lots import DAY_MINUTES, visible_between
from meterhouse.fake_openai.queries import Capabilities, parse
from meterhouse.fake_openai.reports import Reports, Wording
from meterhouse.fake_openai.restatement import Round
from meterhouse.fake_openai.roster import build_roster
from meterhouse.fake_openai.served import BY_PATH, SERVED
from meterhouse.fake_openai.workloads import build_streams

DEFAULT_SEED = 7
Truth = dict[tuple[Any, ...], dict[str, int | Decimal]]


class FakeOrganization:
    """A deterministic organization: the same seed, scale, date and rounds of restatement always give the same figures.

    `now` is a fixed instant, a function or None for the real time, and can be moved (`clock`). `scale` multiplies people, keys and
    rows. `history_days` (None: no limit) is how far back it answers; `absent_endpoints` and `unsupported_groupings` (dimensions by
    endpoint) are what it does not offer, nor costs by user and project together unless it `combines_user`; `amounts` is how money is
    written; `extra_fields` (by endpoint) are added to every row. `remember_megabytes` bounds the answers kept ready for being asked again.
    """

    def __init__(
        self,
        now: Callable[[], datetime] | datetime | None = None,
        *,
        seed: int = DEFAULT_SEED,
        scale: float = 1.0,
        history_days: int | None = 366,
        restate_days: int = 3,
        restate_costs_days: int = 10,
        absent_endpoints: Sequence[str] = (),
        unsupported_groupings: Mapping[str, Sequence[str] | frozenset[str] | set[str]] | None = None,
        amounts: AmountStyle = "mixed",
        extra_fields: Mapping[str, Mapping[str, Any]] | None = None,
        combines_user: bool = True,
        remember_megabytes: int = 48,
    ) -> None:
        self.clock = Clock(now)
        self.seed = seed
        self.restate_days = restate_days
        self.restate_costs_days = restate_costs_days
        if unknown := {*absent_endpoints, *(unsupported_groupings or ())} - set(SERVED):
            raise FixConfiguration(f"{', '.join(sorted(unknown))}: no such endpoint; there are {', '.join(SERVED)}")
        refused = {name: frozenset(names) for name, names in (unsupported_groupings or {}).items()}
        self.offers = Capabilities(history_days, tuple(absent_endpoints), refused, combines_user)
        self.roster = build_roster(seed, scale)
        self.streams = build_streams(self.roster, seed)
        self.activity = Activity(seed, self.streams, LargeBatches(self.roster, self.streams))
        self._billing = Billing(self.activity, next(iter(self.roster.projects)))
        self._reports = Reports(self.roster, self.activity, self._billing, Wording(amounts, extra_fields or {}), remember_megabytes * 2**20)
        self._rounds: list[Round] = []
        # One request at a time: the figures are remembered in plain dictionaries.
        self._lock = threading.RLock()

    @property
    def rounds(self) -> tuple[Round, ...]:
        """The rounds of restatement so far."""
        return tuple(self._rounds)

    def restate(self, round_number: int) -> Round:
        """Change the recent past once more, as round `round_number` prescribes; return the round, which knows what it emptied."""
        with self._lock:
            today = self.clock.now().toordinal()
            change = Round(round_number, today, self.restate_days, self.restate_costs_days)
            self._rounds.append(change)
            return change

    def answer(self, request: Request) -> Answer:
        """Answer a GET below the API's base URL; refusals are answers too."""
        try:
            with self._lock:
                return Answer(200, self._body(request))
        except Refusal as refusal:
            return Answer(refusal.status, refusal.body())

    def _body(self, request: Request) -> bytes:
        if request.method != "GET":
            raise not_found(request.method, request.path)
        pairs = parse_qsl(request.query, keep_blank_values=True)
        endpoint = BY_PATH.get(request.path)
        if endpoint is None:
            return directory_answer(self.roster, request.path, pairs, self.clock.epoch())
        if endpoint.name in self.offers.absent_endpoints:
            raise not_found(request.method, f"/v1{request.path}")
        query = parse(endpoint, pairs, now=self.clock.epoch(), rounds=len(self._rounds), offers=self.offers)
        return self._reports.page(query, tuple(self._rounds[: query.rounds]))

    def truth(self, endpoint_name: str, start: date, end: date, dimensions: Sequence[str] = ()) -> Truth:
        """Return the exact totals as of now, by (UTC day, *dimensions), for days from `start` to before `end`.

        Usage has the vendor's metrics (fields that the vendor left out or sent as null are missing), a level being the one at the
        end of the day; costs have `amount` in USD. Only combinations that show something are in it.
        """
        first, last = (day.toordinal() for day in (start, end))
        with self._lock:
            now_minute = self.clock.epoch() // 60
            found: Truth = {}
            for day in range(first, last):
                if ENDPOINTS[endpoint_name].is_costs:
                    self._add_costs(found, day, now_minute, dimensions)
                else:
                    self._add_usage(found, endpoint_name, day, now_minute, dimensions)
            return found

    def _add_usage(self, found: Truth, endpoint: str, day: int, now_minute: int, dimensions: Sequence[str]) -> None:
        for lot in self.activity.lots(endpoint, day, self.rounds):
            leaves = visible_between(lot, day, 0, DAY_MINUTES, now_minute)
            if leaves is None:
                continue
            key = (date.fromordinal(day), *[lot.stream.dimensions.get(name) for name in dimensions])
            totals = found.setdefault(key, {})
            for name, value in measures.metrics(endpoint, leaves, day).items():
                if value is not None:
                    totals[name] = totals.get(name, 0) + value

    def _add_costs(self, found: Truth, day: int, now_minute: int, dimensions: Sequence[str]) -> None:
        for payer, billed in self._billing.billed(day, now_minute, self.rounds).items():
            key = (date.fromordinal(day), *[getattr(payer, name) for name in dimensions])
            totals = found.setdefault(key, {"amount": Decimal(0)})
            totals["amount"] += billed.amount

    def rename_project(self, project_id: str, name: str) -> None:
        """Give a project another name from now on."""
        with self._changed():
            self.roster.rename_project(project_id, name)

    def archive_project(self, project_id: str) -> None:
        """Archive a project now."""
        with self._changed():
            self.roster.archive_project(project_id, self.clock.epoch())

    def rename_user(self, user_id: str, name: str, email: str | None = None) -> None:
        """Give a user another name, and perhaps another address."""
        with self._changed():
            self.roster.rename_user(user_id, name, email)

    def rename_api_key(self, api_key_id: str, name: str) -> None:
        """Give a key another name."""
        with self._changed():
            self.roster.rename_api_key(api_key_id, name)

    def delete(self, entity_id: str) -> None:
        """Make a project, user, service account or key vanish from every list now; its usage stays."""
        with self._changed():
            self.roster.delete(entity_id, self.clock.epoch())

    def recreate(self, entity_id: str) -> None:
        """Bring back under the same id what `delete` took away, or an archived project."""
        with self._changed():
            self.roster.recreate(entity_id)

    @contextmanager
    def _changed(self) -> Iterator[None]:
        with self._lock:
            yield
            # Cost rows carry names, so remembered bytes are out of date.
            self._reports.forget()
