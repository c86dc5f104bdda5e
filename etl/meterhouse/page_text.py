"""Page text: the JSON text of a page taken apart into the texts of its buckets, none of which is decoded. Pure.

A bucket that says what it said before need not be decoded again: it is known by the digest of its text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from meterhouse.endpoints import Dimension, Endpoint

# Another number makes every bucket be decoded again: raise it when the same text becomes other rows.
_DECODER = 1
_DIGEST_BYTES = 16
_BETWEEN_BUCKETS = b" \t\r\n,"


class _Buckets(msgspec.Struct):
    data: list[msgspec.Raw]


_BUCKETS = msgspec.json.Decoder(_Buckets)


@dataclass(frozen=True)
class PageText:
    """What stands before the first bucket, the texts of the buckets, and what stands behind the last one."""

    head: bytes
    buckets: tuple[memoryview, ...]
    tail: bytes

    def only(self, positions: Iterable[int]) -> bytes:
        """Return the page with no other buckets than those at `positions`."""
        return b"".join((self.head, b",".join(self.buckets[position] for position in positions), self.tail))


def take_apart(body: bytes) -> PageText | None:
    """Return the texts of a page; None when its buckets do not stand one behind the other, or it is no page at all."""
    try:
        buckets = tuple(memoryview(raw) for raw in _BUCKETS.decode(body).data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if not buckets:
        return None
    start = end = body.find(buckets[0])
    for bucket in buckets:
        while body[end : end + 1] and body[end] in _BETWEEN_BUCKETS:
            end += 1
        # Of a list that comes twice the decoder gives the last one.
        if not body.startswith(bucket, end):
            return None
        end += len(bucket)
    return PageText(body[:start], buckets, body[end:])


class Digester:
    """Digests of buckets; they differ where the text differs, what it was grouped by, or what this version makes of it."""

    def __init__(self, endpoint: Endpoint, dimensions: Iterable[Dimension]) -> None:
        fields = [*(metric.name for metric in endpoint.metrics), *(dimension.name for dimension in endpoint.dimensions)]
        grouping = [dimension.name for dimension in dimensions]
        self._begun = hashlib.sha256(repr((_DECODER, endpoint.name, fields, grouping)).encode())

    def digest(self, bucket: memoryview) -> bytes:
        """Return the digest of one bucket's text."""
        digest = self._begun.copy()
        digest.update(bucket)
        return digest.digest()[:_DIGEST_BYTES]
