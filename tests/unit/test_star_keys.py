"""Star keys: plain values are their own keys, and no two members share a key for a tool that ignores case and trailing blanks."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import Server

from meterhouse.warehouse.star_keys import KeyOf

EXAMPLES = settings(max_examples=300, deadline=None, derandomize=True)
NASTY = ["(none)", "(None)", "none", "a", "A", "a ", "a  ", " a", "a/b", "a/(none)", "b", "B/c", "~", "a~b", "", "é", "É", "a\n", "x" * 129]
MEMBER = st.none() | st.sampled_from(NASTY) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.url(), autocommit=True) as opened:
        yield opened


def keys(connection: psycopg.Connection, members: list[tuple[str | None, ...]]) -> list[str]:
    """The keys of members, as the views make them: each is (organization, id) or a single word."""
    names = "abcd"[: len(members[0])]
    query = f"SELECT {KeyOf():{', '.join(f'm.{name}' for name in names)}} FROM (VALUES {{}}) m ({', '.join(names)})"
    holes = ", ".join("(" + ", ".join("%s::text" for _ in names) + ")" for _ in members)
    return [key for (key,) in connection.execute(query.replace("{}", holes).encode(), [word for member in members for word in member])]


def as_compared(key: str) -> str:
    return key.casefold().rstrip()


@pytest.mark.parametrize(
    ("member", "key"),
    [
        (("acme", "proj_mobile"), "acme/proj_mobile"),
        (("acme", None), "acme/(none)"),
        (("gpt-4o",), "gpt-4o"),
        (("ft:gpt-4o",), "ft:gpt-4o"),
        (("gpt-5.4, cached input",), "gpt-5.4, cached input"),
        (("assistants api | file search",), "assistants api | file search"),
        ((None,), "(none)"),
    ],
)
def test_a_plain_value_is_its_own_key(connection, member, key):
    assert keys(connection, [member]) == [key]


def test_a_value_that_looks_like_the_member_without_one_is_not_it(connection):
    plain, named = keys(connection, [(None,), ("(none)",)])
    assert plain == "(none)"
    assert named.startswith("(none)~")


@EXAMPLES
@given(members=st.lists(st.tuples(MEMBER, MEMBER), min_size=2, max_size=12, unique=True))
def test_no_two_members_of_a_dimension_share_a_key(connection, members):
    found = keys(connection, members)
    assert len({as_compared(key) for key in found}) == len(members)
    assert all(key == key.rstrip(" ") for key in found)


@EXAMPLES
@given(members=st.lists(st.tuples(MEMBER), min_size=2, max_size=12, unique=True))
def test_no_two_words_share_a_key(connection, members):
    assert len({as_compared(key) for key in keys(connection, members)}) == len(members)


def test_a_key_fits_its_column_whatever_its_members_are(connection):
    ((organization, both),) = connection.execute(
        f"SELECT length({KeyOf():m.a}), length({KeyOf():m.a, m.b}) FROM (VALUES ('{'X' * 64}', '{'y' * 128}')) m (a, b)".encode()
    ).fetchall()
    assert organization == 64
    assert both <= 255
