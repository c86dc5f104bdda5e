"""A question in SQL: the answer is whole and exact, whatever it is written as, and nothing but a question is ever run."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from tests.conftest import Warehouse
from tests.postgres.fingerprints import row_counts

PSQL = shutil.which("psql")
# Every kind of value that a view has, and what could be mistaken: NULL for nothing, text for numbers, separators for the end of a cell.
ODD = """
SELECT * FROM (VALUES
    (1, 0.10::numeric, 'plain', true, DATE '2026-10-01', TIMESTAMPTZ '2026-10-01 02:00+02'),
    (-22, 123456789012345678.000000001, 'a "quoted", long one', false, NULL, NULL),
    (NULL, NULL, '', NULL, DATE '2026-10-02', NULL),
    (3, -1.5, NULL, NULL, NULL, NULL)
) AS odd (n, amount, words, flag, usage_date, at)
"""


@dataclass(frozen=True)
class Asker:
    """Runs `meterhouse sql` in a process of its own."""

    url: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if name == "PATH" or name.startswith("COVERAGE_")}
        return kept | {"WAREHOUSE_URL": self.url, "METERHOUSE_HOME": str(self.home)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        # What was started in the background of a script would not hear Ctrl-C.
        listens = (
            "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from meterhouse.command_line.cli import main"
        )
        command = [sys.executable, "-c", f"{listens}; sys.exit(main(sys.argv[1:]))", "sql", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self.environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def run(self, *arguments: str, given: str = "") -> tuple[int, str, str]:
        with self.start(*arguments) as process:
            out, err = process.communicate(given, timeout=60)
        return process.returncode, out, err

    def answer(self, *arguments: str, given: str = "") -> str:
        status, out, err = self.run(*arguments, given=given)
        assert (status, err) == (0, "")
        return out

    def refused(self, *arguments: str, given: str = "") -> str:
        status, out, err = self.run(*arguments, given=given)
        assert (status, out, err.count("\n")) == (2, "", 1), err
        assert err.startswith("meterhouse: ")
        return err


@pytest.fixture
def reader(warehouse: Warehouse, tmp_path: Path) -> Asker:
    return Asker(warehouse.reader_url, tmp_path)


@pytest.fixture
def owner(warehouse: Warehouse, tmp_path: Path) -> Asker:
    return Asker(warehouse.owner_url, tmp_path)


@pytest.mark.skipif(PSQL is None, reason="needs psql")
@pytest.mark.parametrize("question", [ODD, "SELECT 1 AS a_long_name, 'x' AS b WHERE false", "SELECT 'ab' AS c, 7 AS long_enough"])
def test_the_table_is_the_one_that_psql_draws(reader: Asker, question: str) -> None:
    drawn = subprocess.run(
        [PSQL or "", "--no-psqlrc", "--dbname", reader.url, "--command", question],
        env={**os.environ, "PGOPTIONS": "-c TimeZone=UTC"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    # psql leaves blanks at the ends of lines, writes flags by one letter as we do, and ends with an empty line.
    assert reader.answer(question).splitlines() == [line.rstrip() for line in drawn.rstrip("\n").splitlines()]


def test_csv_is_what_the_server_writes_with_flags_in_words(reader: Asker) -> None:
    with psycopg.connect(reader.url, options="-c TimeZone=UTC") as connection, connection.cursor() as cursor:
        columns = "n, amount, words, flag::text, usage_date, at"
        with cursor.copy(f"COPY (SELECT {columns} FROM ({ODD}) o) TO STDOUT (FORMAT csv, HEADER)".encode()) as copy:
            written = b"".join(map(bytes, copy)).decode()
    assert reader.answer("--format", "csv", ODD) == written


def test_json_keeps_every_digit_and_knows_null_from_nothing(reader: Asker) -> None:
    rows = json.loads(reader.answer("--format", "json", ODD))
    assert rows[0] == {"n": 1, "amount": "0.10", "words": "plain", "flag": True, "usage_date": "2026-10-01", "at": "2026-10-01 00:00:00+00"}
    assert rows[1]["amount"] == "123456789012345678.000000001"
    assert rows[2] == {"n": None, "amount": None, "words": "", "flag": None, "usage_date": "2026-10-02", "at": None}
    assert json.loads(reader.answer("--format", "json", "SELECT 1 AS n WHERE false")) == []


def test_two_columns_of_one_name_are_refused_as_json_and_shown_as_a_table(reader: Asker) -> None:
    assert "two columns are called n" in reader.refused("--format", "json", "SELECT 1 AS n, 2 AS n")
    assert reader.answer("SELECT 1 AS n, 2 AS n") == " n | n\n---+---\n 1 | 2\n(1 row)\n"


def test_text_that_a_spreadsheet_would_run_stays_text_unless_raw(reader: Asker) -> None:
    question = "SELECT '=1+1' AS words, -1.5 AS n"
    assert reader.answer("--format", "csv", question) == "words,n\n'=1+1,-1.5\n"
    assert reader.answer("--format", "csv", "--raw", question) == "words,n\n=1+1,-1.5\n"


def test_a_name_steers_no_terminal(reader: Asker) -> None:
    assert "\\x1b[2J\\x0a" in reader.answer("SELECT E'\\x1b[2J\\n' AS name")


def test_the_question_may_come_from_standard_input_with_comments_percent_signs_and_a_semicolon(reader: Asker) -> None:
    given = "-- how many\nSELECT '5 %' AS share, 'a%sb' LIKE 'a%' AS alike;  -- that is all\n"
    assert reader.answer("--format", "csv", "-", given=given) == "share,alike\n5 %,true\n"


@pytest.mark.parametrize("rows", [999, 1000, 1001, 2500])
def test_answers_of_many_pieces_have_every_row_once(reader: Asker, rows: int) -> None:
    lines = list(csv.reader(io.StringIO(reader.answer("--format", "csv", f"SELECT g FROM generate_series(1, {rows}) g"))))
    assert lines == [["g"], *([str(number)] for number in range(1, rows + 1))]


WRITES = {
    "a delete": "DELETE FROM warehouse.organization",
    "a delete inside": "WITH gone AS (DELETE FROM warehouse.dim_organization RETURNING *) SELECT * FROM gone",
    "a table": "CREATE TABLE bi.mine (n integer)",
    "a second statement": "SELECT 1; CREATE TABLE public.mine (n integer)",
    "an end of the transaction": "SELECT 1; COMMIT; CREATE TABLE public.mine (n integer)",
    "a cursor that is closed": "SELECT 1; CLOSE answer",
    "a session of another kind": "SELECT 1; COMMIT; SET default_transaction_read_only = off; CREATE TABLE public.mine (n integer)",
    "a setting behind it": "SELECT 1; SET default_transaction_read_only = off",
    "into": "SELECT 1 AS n INTO public.mine",
    "a lock": "SELECT * FROM warehouse.dim_organization FOR UPDATE",
    "a sequence": "SELECT nextval(oid::regclass) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'warehouse'::regnamespace LIMIT 1",
    "a large object": "SELECT lo_create(4711)",
    "a copy": "COPY bi.costs_daily TO STDOUT",
    "a setting": "SET default_transaction_read_only = off",
    "read-write from within": "SELECT set_config('transaction_read_only', 'off', false)",
    "a procedure": "DO 'BEGIN CREATE TABLE public.mine (); END'",
    "nothing": " \n",
    "only a comment": "-- nothing",
}


@pytest.mark.parametrize("case", WRITES)
def test_nothing_is_written_even_by_the_owner(owner: Asker, warehouse: Warehouse, case: str) -> None:
    def everything() -> tuple[dict[str, int], list[object]]:
        with psycopg.connect(warehouse.superuser_url) as connection:
            return row_counts(warehouse.superuser_url), connection.execute(
                "SELECT oid::text FROM pg_class WHERE oid > 16383 UNION ALL SELECT oid::text FROM pg_largeobject_metadata ORDER BY 1"
            ).fetchall()  # fmt: skip

    before = everything()
    line = owner.refused(WRITES[case])
    assert "nothing is written" in line or case == "a delete"
    assert everything() == before


REFUSED = {
    "a view without its schema": ("SELECT *\nFROM  costs_daily", "at line 2, column 7: did you mean bi.costs_daily?"),
    "a misspelled view": (
        "SELECT * FROM bi.cost_daily",
        'relation "bi.cost_daily" does not exist at line 1, column 15: did you mean bi.costs_daily',
    ),
    "no such view": ("SELECT * FROM nothing", "at line 1, column 15: views are named with their schema, as in bi.costs_daily"),
    "no such column": ("SELECT costs FROM bi.costs_daily", "at line 1, column 8: bi.data_dictionary lists the columns"),
    "a typing error": ("SELEC 1", 'syntax error at or near "SELEC" at line 1, column 1: write one SELECT'),
    "a division by zero": ("SELECT 1 / 0", "division by zero"),
    "a wrong value": ("SELECT 'x'::date", "invalid input syntax for type date"),
    "what a reader may not see": ("SELECT * FROM warehouse.dim_organization", "permission denied"),
    "a zero byte": ("-", "zero byte"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_with_a_question_is_one_line_with_its_place_and_a_remedy(reader: Asker, case: str) -> None:
    question, words = REFUSED[case]
    assert words in reader.refused(question, given="SELECT '\0'" if question == "-" else "")


def test_a_question_that_fails_halfway_prints_nothing(reader: Asker) -> None:
    assert "division by zero" in reader.refused("SELECT 1 / (2500 - g) AS n FROM generate_series(1, 5000) g")


def running(warehouse: Warehouse) -> list[int]:
    """The backends that are fetching an answer."""
    with psycopg.connect(warehouse.superuser_url) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'meterhouse sql'"
            " AND state = 'active' AND query LIKE 'FETCH %'"
        ).fetchall()
    return [row[0] for row in rows]


@contextmanager
def sleeping(reader: Asker, warehouse: Warehouse) -> Iterator[subprocess.Popen[str]]:
    """A question that is being worked on, and takes a minute."""
    with reader.start("SELECT pg_sleep(60)") as process:
        try:
            deadline = time.monotonic() + 30
            while not running(warehouse):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_ctrl_c_ends_the_question_on_the_server_too(reader: Asker, warehouse: Warehouse, ended_by: signal.Signals) -> None:
    with sleeping(reader, warehouse) as process:
        process.send_signal(ended_by)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (130, "", "meterhouse: stopped; the server no longer works on the question\n")
        assert running(warehouse) == []


def test_a_question_that_the_server_ends_says_so(reader: Asker, warehouse: Warehouse) -> None:
    with sleeping(reader, warehouse) as process:
        with psycopg.connect(warehouse.superuser_url) as connection:
            connection.execute("SELECT pg_cancel_backend(%s)", running(warehouse))
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out) == (1, "")
        assert "the question was ended" in err


def test_what_a_question_sends_to_others_is_not_sent(reader: Asker, warehouse: Warehouse) -> None:
    with psycopg.connect(warehouse.superuser_url, autocommit=True) as listener:
        listener.execute("LISTEN gossip")
        assert "gossip" not in reader.answer("SELECT pg_notify('gossip', 'x')")
        assert list(listener.notifies(timeout=0.3)) == []


@pytest.mark.parametrize("file_format", ["table", "csv", "json"])
def test_memory_does_not_grow_with_the_answer(reader: Asker, file_format: str) -> None:
    def peak(rows: int) -> int:
        """The largest memory of a process that answers with so many rows of half a kilobyte, in bytes."""
        question = f"SELECT g AS n, repeat('x', 500) AS text FROM generate_series(1, {rows}) g"
        command = [sys.executable, "-m", "meterhouse", "sql", "--format", file_format, question]
        program = "import os, resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)"
        program += "; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        done = subprocess.run([sys.executable, "-c", program, *command], env=reader.environment, capture_output=True, text=True, check=True)
        return int(done.stdout) * 1024

    # A hundred megabytes as the answer; whole in memory they would be more.
    assert peak(200_000) - peak(2_000) < 20_000_000


def test_psql_gets_the_address_by_its_environment_and_reads_only(warehouse: Warehouse, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "psql"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\necho "arguments: $#"\nexec "$REAL" --no-psqlrc -AtX -c "SELECT current_user" -c "SHOW transaction_read_only"\n'
    )
    program.chmod(0o755)
    environment = {
        "WAREHOUSE_URL": warehouse.reader_url,
        "METERHOUSE_HOME": str(tmp_path),
        "PATH": f"{program.parent}:{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "meterhouse.command_line.psql"]
    done = subprocess.run(command, env=environment | {"REAL": PSQL or ""}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["arguments: 0", "meterhouse_reader", "on"]), done.stderr
