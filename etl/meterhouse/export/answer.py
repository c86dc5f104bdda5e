"""An answer: columns with the types that the server gives them, and rows of text, piece by piece. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Row = tuple[str | None, ...]

# Object identifiers of types, which no version of PostgreSQL changes.
_BOOLEAN = 16
_WHOLE_NUMBERS = {20, 21, 23, 26}
_NUMBERS = {*_WHOLE_NUMBERS, 700, 701, 790, 1700}
_TEXTS = {18, 19, 25, 705, 1042, 1043}


@dataclass(frozen=True)
class AnswerColumn:
    """A column: its name, and its type by the identifier that the server has for it."""

    name: str
    type_code: int

    @property
    def is_boolean(self) -> bool:
        """Whether it holds true and false."""
        return self.type_code == _BOOLEAN

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers."""
        return self.type_code in _WHOLE_NUMBERS

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers of any kind."""
        return self.type_code in _NUMBERS

    @property
    def is_text(self) -> bool:
        """Whether it holds text that somebody may have chosen."""
        return self.type_code in _TEXTS


@dataclass(frozen=True)
class Answer:
    """What the server answers: None is NULL, and every other value is in the server's words."""

    columns: Sequence[AnswerColumn]
    batches: Iterator[list[Row]]
