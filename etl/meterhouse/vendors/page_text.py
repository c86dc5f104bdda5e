"""Page text: the JSON text of a page taken apart into the texts of its buckets, none of which is decoded. Pure.

A bucket that says what it said before need not be decoded again: it is known by the digest of its text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from meterhouse.catalogue.endpoints import Dimension, Endpoint

# Another number makes every bucket be decoded again: raise it when the same text becomes other rows.
_DECODER = 1
_DIGEST_BYTES = 16
_BETWEEN_BUCKETS = b" \t\r\n,"


class Envelope(msgspec.Struct):
    """A page around its buckets, whose texts are left as they are."""

    object: str = ""
    data: list[msgspec.Raw] = []
    has_more: bool | None = None
    next_page: str | None = None


ENVELOPE = msgspec.json.Decoder(Envelope)


@dataclass(frozen=True)
class FetchedPage:
    """The text of a page and those of its buckets, which point into it."""

    text: bytes
    buckets: tuple[memoryview, ...]

    @classmethod
    def of(cls, text: bytes, envelope: Envelope) -> FetchedPage:
        """Return the page whose text was decoded to `envelope`."""
        return cls(text, tuple(map(memoryview, envelope.data)))


@dataclass(frozen=True)
class PageText:
    """The text before the first bucket, the texts of the buckets, and the text after the last one."""

    head: bytes
    buckets: tuple[memoryview, ...]
    tail: bytes

    def parts(self, positions: Iterable[int], part_bytes: int) -> list[list[int]]:
        """Return `positions` of buckets in parts, in order, whose texts have about `part_bytes` each; a bucket is never cut."""
        parts: list[list[int]] = []
        room = 0
        for position in positions:
            if room <= 0:
                parts.append([])
                room = part_bytes
            parts[-1].append(position)
            room -= len(self.buckets[position])
        return parts

    def only(self, positions: Iterable[int]) -> bytes:
        """Return the page with no other buckets than those at `positions`."""
        return b"".join((self.head, b",".join(self.buckets[position] for position in positions), self.tail))


def take_apart(page: FetchedPage) -> PageText | None:
    """Return the texts of a page; None when it has no bucket, or they do not follow one another."""
    if not page.buckets:
        return None
    body = page.text
    start = end = body.find(page.buckets[0])
    for bucket in page.buckets:
        while body[end : end + 1] and body[end] in _BETWEEN_BUCKETS:
            end += 1
        # If a list appears twice, the decoder keeps the last one.
        if not body.startswith(bucket, end):
            return None
        end += len(bucket)
    return PageText(body[:start], page.buckets, body[end:])


class Digester:
    """Digests of buckets; they differ if the text differs, or its grouping, or what this version makes of it."""

    def __init__(self, endpoint: Endpoint, dimensions: Iterable[Dimension]) -> None:
        fields = [*(metric.name for metric in endpoint.metrics), *(dimension.name for dimension in endpoint.dimensions)]
        grouping = [dimension.name for dimension in dimensions]
        self._begun = hashlib.sha256(repr((_DECODER, endpoint.name, fields, grouping)).encode())

    def digest(self, bucket: memoryview) -> bytes:
        """Return the digest of one bucket's text."""
        digest = self._begun.copy()
        digest.update(bucket)
        return digest.digest()[:_DIGEST_BYTES]
