"""Pages that are too large, or of two states of the source: asked for in smaller parts, or put right by the next run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

import pytest
from tests.postgres.comparison import assert_equals_source
from tests.postgres.loaded_organization import LoadedOrganization, midnight

from meterhouse.errors import RejectedAnswer
from meterhouse.fake_openai.answers import Answer, Request

from .small_pages import SmallPages


def padded(loaded: LoadedOrganization, most_buckets: int) -> Callable[[Request], Answer]:
    """Answers that are larger than a megabyte, unless few enough buckets are asked for."""

    def answer(request: Request) -> Answer:
        real = loaded.fake.answer(request)
        if int(dict(parse_qsl(request.query)).get("limit", "0")) <= most_buckets or real.status != 200:
            return real
        return replace(real, body=real.body[:-1] + b" " * (1 << 20) + real.body[-1:])

    return answer


@pytest.mark.fault(15)
@pytest.mark.parametrize("most_buckets", [7, 1])
def test_a_page_over_the_cap_is_asked_for_in_smaller_ones(acme: LoadedOrganization, most_buckets: int) -> None:
    acme.server.application = type("Padded", (), {"answer": staticmethod(padded(acme, most_buckets))})()
    acme.backfill(acme.today - timedelta(days=9), acme.today, ["completions"], page_max_megabytes=1).raise_first()
    assert_equals_source(acme, acme.today - timedelta(days=9), acme.today, ["completions"])
    asked = [int(request.values("limit")[0]) for request in acme.server.requests]
    assert asked[0] == 31
    assert min(asked) == most_buckets


@pytest.mark.fault(15)
def test_a_single_bucket_larger_than_the_cap_is_refused_in_one_line(acme: LoadedOrganization) -> None:
    acme.server.application = type("Padded", (), {"answer": staticmethod(padded(acme, 0))})()
    with pytest.raises(RejectedAnswer, match="METERHOUSE_PAGE_MAX_MEGABYTES"):
        acme.backfill(acme.today - timedelta(days=2), acme.today, ["completions"], page_max_megabytes=1).raise_first()
    assert len(acme.server.requests) <= 4


@pytest.mark.fault(41)
def test_a_chain_of_two_states_of_the_source_is_put_right_by_the_next_run(acme: LoadedOrganization) -> None:
    acme.defaults |= {"endpoints": ("completions",), "widths": ("1d",)}
    pages = SmallPages(acme.fake, 10)
    acme.server.application = pages
    acme.sync().raise_first()
    first = midnight(acme.today.replace(day=1))

    def from_now_on(request: Request) -> Answer:
        # The stand-in pins a chain to its first page; a vendor that does not answers with what is true by now.
        acme.fake.restate(1)
        asked = [(name, value) for name, value in parse_qsl(request.query) if name not in {"page", "start_time"}]
        asked.append(("start_time", str(int((first + timedelta(days=10)).timestamp()))))
        return acme.fake.answer(replace(request, query=urlencode(asked)))

    pages.before_page[pages.pages + 2] = from_now_on
    acme.backfill(first.date(), acme.today, ["completions"]).raise_first()
    acme.sync().raise_first()
    assert_equals_source(acme, first.date(), acme.today + timedelta(days=1), ["completions"])
    assert acme.query("SELECT count(*) > 0 FROM ops.revisions") == [(True,)]
