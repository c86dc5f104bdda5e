"""Request: what is asked of a vendor for one window, and the ways in which its answer can fail to be one."""

from __future__ import annotations

from dataclasses import dataclass

from meterhouse.catalogue.endpoints import BucketWidth, Dimension, Endpoint
from meterhouse.errors import RejectedAnswer, TryAgainLater
from meterhouse.windows import Window


@dataclass(frozen=True)
class Request:
    """What one chain of pages asks for, in meterhouse's terms; each vendor's client turns it into a query of its own.

    `window.end` is fixed before the first page, as a page token is bound to the exact query.
    """

    endpoint: Endpoint
    window: Window
    width: BucketWidth
    dimensions: tuple[Dimension, ...]
    page_buckets: int


class PageTooLarge(RejectedAnswer):
    """A page passed the byte cap; ask for fewer buckets at a time."""


class ChainBroken(TryAgainLater):
    """A chain of pages cannot be followed further; ask for the window again from its first page."""
