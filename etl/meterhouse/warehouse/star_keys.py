"""Star keys: what joins the facts of the star to its dimensions, as text that no two members share for any tool. Pure.

Tools compare keys without case and without trailing blanks. A value in which neither can matter is its own key; any other is shortened
and gets a fingerprint of the exact value. Parts are joined by a slash, which no plain value contains.
"""

from __future__ import annotations

NONE = "(none)"
# With no capital, slash, tilde or bracket in it, and no blank at either end.
_PLAIN = "^[a-z0-9_]([a-z0-9 _.,:;|@+-]*[a-z0-9_.,:;|@+-])?$"
_PLAIN_LENGTH = 128
# With the tilde as long as the label of an organization may be.
_SHORTENED_LENGTH, _FINGERPRINT_LENGTH = 31, 32


class KeyOf:
    """For `str.format`: `{key:o.label, p.project_id}` becomes the SQL of a key made of these columns."""

    def __format__(self, columns: str) -> str:
        return " || '/' || ".join(_part(column.strip()) for column in columns.split(","))


def _part(column: str) -> str:
    fingerprint = f"left(encode(sha256(convert_to({column}, 'UTF8')), 'hex'), {_FINGERPRINT_LENGTH})"
    return (
        f"CASE WHEN {column} IS NULL THEN '{NONE}' WHEN length({column}) <= {_PLAIN_LENGTH} AND {column} ~ '{_PLAIN}' THEN {column}"
        f" ELSE left({column}, {_SHORTENED_LENGTH}) || '~' || {fingerprint} END"
    )
