"""One small round, for real: our loader and a peer, and what happens to a loader that does not load what was served."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
from benchmarks.loading.contenders import OURS, PEERS_IN_ORDER, WrongRows, backfill, require_ours
from benchmarks.loading.environments import REQUIREMENTS
from benchmarks.loading.figures import CHANGED, FIRST, PASSES, SAME, Floor, Pass
from benchmarks.loading.grounds import bytes_per_row, embedded
from benchmarks.loading.page_server import Serving, page_server
from benchmarks.loading.pages import Shape, made
from benchmarks.loading.rounds import Bench, LeftOut, interleaved
from benchmarks.loading.states import RESTORED, SECOND, States

SHAPE = Shape(first_day=date(2026, 10, 8), days=1, rows=2_000)
PEERS = {peer.name: peer for peer in PEERS_IN_ORDER}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    home = tmp_path_factory.mktemp("bench")
    # The environment of these tests has what the notebook needs, and nothing of dlt.
    for name in ("notebook", "dlt"):
        folder = home / "environments" / name
        folder.mkdir(parents=True)
        for part in ("bin", "lib", "pyvenv.cfg"):
            (folder / part).symlink_to(Path(sys.prefix) / part)
        (folder / "complete").write_text(hashlib.sha256((REQUIREMENTS / f"{name}.txt").read_bytes()).hexdigest())
    with page_server(Serving(made(home / "pages", SHAPE).folder)) as pages, embedded() as grounds:
        yield Bench(home, pages, grounds)


def test_a_round_has_every_pass_and_the_floor_and_a_peer_that_fails_is_left_out(bench: Bench) -> None:
    found = list(interleaved(bench, SHAPE, [PEERS["pandas with upsert"], PEERS["dlt, dicts"]], 1))
    rows = bench.made(SHAPE).expected.rows
    assert [one.rows for one in found if isinstance(one, Floor)] == [rows]
    passes = {(one.who, one.what): one for one in found if isinstance(one, Pass)}
    assert set(passes) == {(who, what) for who in (OURS, "pandas with upsert") for what in PASSES}
    assert all(0 < one.work_seconds < one.seconds for one in passes.values())
    assert passes[OURS, FIRST].wal_bytes_per_row > passes[OURS, SAME].wal_bytes_per_row > 0
    (left_out,) = [one for one in found if isinstance(one, LeftOut)]
    assert left_out.who == "dlt, dicts"
    assert left_out.reason.startswith(f"{FIRST}: python dlt_dicts.py ended with 1")


def test_who_does_not_hold_what_was_served_is_found_out(bench: Bench) -> None:
    warehouse, pages = bench.grounds.fresh("found_out"), bench.made(SHAPE)
    bench.timed(backfill(bench.home, bench.pages.base_url, warehouse, SHAPE), Serving(pages.folder))
    require_ours(bench.grounds, warehouse, pages.expected)
    assert 50 < bytes_per_row(bench.grounds, warehouse) < 1000
    with psycopg.connect(warehouse.superuser_url) as connection:
        connection.execute("UPDATE warehouse.usage_completions SET output_tokens = output_tokens + 1 WHERE group_id = 1")
    with pytest.raises(WrongRows, match="and was served"):
        require_ours(bench.grounds, warehouse, pages.expected)


def test_states_are_prepared_and_hold_what_was_served(bench: Bench) -> None:
    found = list(States(bench, SHAPE).measured(1, (RESTORED, SECOND)))
    assert [one.what for one in found] == [RESTORED, SECOND]
    assert all(one.seconds and one.fresh_seconds for one in found)
    with psycopg.connect(bench.grounds.peers_url) as connection:
        assert connection.execute("SHOW autovacuum").fetchone() == ("on",)


def test_the_changed_pages_are_what_is_served_as_changed(bench: Bench) -> None:
    plain, changed = bench.made(SHAPE), bench.made(Shape(SHAPE.first_day, SHAPE.days, SHAPE.rows, SHAPE.seed, 0.05))
    assert CHANGED == "5 % changed"
    assert plain.expected.rows == changed.expected.rows
    assert plain.expected.output_tokens < changed.expected.output_tokens
