"""Intake: the pages of one answer, one after another: buckets that are already stored unchanged are recognized, the others are
decoded, checked, and collected for the warehouse.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from functools import cached_property
from typing import Self

from meterhouse.load.chain import Chain, StoredBucket
from meterhouse.load.grouping import Answered
from meterhouse.load.key_owner import KeyOwner
from meterhouse.load.staging import Stage
from meterhouse.load.store import Store
from meterhouse.load.stream import Stream
from meterhouse.vendors.adapter import Adapter
from meterhouse.vendors.answer import Page
from meterhouse.vendors.page_text import Digester, FetchedPage, take_apart

# Threads cannot decode at the same time, and what one of them has half decoded takes memory.
_DECODING = threading.Lock()
# What was decoded of this much text is in memory at a time, however large a page is.
_PART_BYTES = 1 << 20


class Intake:
    """Takes in one answer to `stream`; `stored` are the buckets of its window that may be left out, by the digest of their text.

    Use as a context manager.
    """

    def __init__(
        self,
        stream: Stream,
        vendor: Adapter,
        chain: Chain,
        answered: Answered,
        stored: Mapping[bytes, StoredBucket],
        key_owner: KeyOwner,
        store: Store,
    ) -> None:
        self._stream = stream
        self._endpoint = stream.endpoint
        self._vendor = vendor
        self._chain = chain
        self._answered = answered
        self._stored = stored
        self._key_owner = key_owner
        self._store = store
        self._open = ExitStack()
        self.pages = 0
        self._digester = Digester(stream.endpoint, answered.dimensions)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @cached_property
    def stage(self) -> Stage:
        """What was collected. It is opened with the first page that passed, as that writes the organization down."""
        return self._open.enter_context(self._store.stage(self._stream, self._answered.dimensions))

    def hand_over(self) -> Stage:
        """Return what was collected, which from here on is the caller's to close."""
        stage = self.stage
        self._open.pop_all()
        return stage

    def take(self, fetched: FetchedPage, now: datetime) -> None:
        """Take in one page; raises `RejectedAnswer` for one that is none or contradicts an earlier one, and what `Chain` raises."""
        self.pages += 1
        text = take_apart(fetched)
        if text is None:
            self._collect(self._decoded(fetched.text), (), now)
            return
        digests = [self._digester.digest(bucket) for bucket in text.buckets]
        known = [(position, self._stored[digest]) for position, digest in enumerate(digests) if digest in self._stored]
        new = [position for position, digest in enumerate(digests) if digest not in self._stored]
        # The page around its buckets is decoded even when none of them is.
        for part in text.parts(new, _PART_BYTES) or [[]]:
            self._collect(self._decoded(text.only(part)), [digests[position] for position in part], now)
        for position, bucket in known:
            self._recognize(bucket, text.buckets[position], now)

    def _decoded(self, body: bytes) -> Page:
        with _DECODING:
            return self._vendor.decode_page(self._endpoint, body, self._answered.dimensions)

    def _recognize(self, bucket: StoredBucket, text: memoryview, now: datetime) -> None:
        self._chain.accept_stored(bucket)
        if not bucket.row_count:
            return
        self._answered.add_stored(bucket.start)
        if self._vendor.names_a_project(text):
            # The very rows that its label holds: the key opens the same organization.
            self._key_owner.settle()
        else:
            # Without a project's id two small organizations may have used the same.
            self._key_owner.check_unnamed(now)

    def _collect(self, page: Page, digests: list[bytes] | tuple[()], now: datetime) -> None:
        accepted = self._chain.accept(page, digests)
        self._key_owner.check_page(page, accepted, self._answered.dimensions, now)
        self.stage.collect(accepted)
        self._answered.add(accepted)
