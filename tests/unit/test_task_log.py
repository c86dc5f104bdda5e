"""The words of a task that fails as expected."""

from __future__ import annotations

import pytest

from meterhouse.orchestration.task_log import tried_again_in_words


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "HTTP 503; gave up after 5 attempts; nothing was written, run again later",
            "HTTP 503; gave up after 5 attempts; nothing was written",
        ),
        ("a: HTTP 503; the vendor asks to wait 300 s, so run again later", "a: HTTP 503; the vendor asks to wait 300 s"),
        ("costs was there and is not found now (no): run again later", "costs was there and is not found now (no)"),
        ("the organization was purged meanwhile (x); run again", "the organization was purged meanwhile (x)"),
        ("the warehouse went away (x); run again, nothing is half-written", "the warehouse went away (x), nothing is half-written"),
        ("it could not run now; nothing was changed, run it again", "it could not run now; nothing was changed"),
        ("the answer is not a page of buckets", "the answer is not a page of buckets"),
    ],
)
def test_nobody_is_asked_to_run_again_what_airflow_runs_again(text: str, what: str):
    assert tried_again_in_words(text, is_last=False) == f"{what}; Airflow will try again automatically"
    assert tried_again_in_words(text, is_last=True).startswith(f"{what}; no try is left: ")
