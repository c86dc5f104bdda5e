"""Errors: the tree is named after what the caller should do, and each class says how the process ends and whether to try again."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime

import pytest

from meterhouse import errors
from meterhouse.vendors import request

EXPECTED = {
    errors.MeterhouseError: (Exception, 1, False),
    errors.FixConfiguration: (errors.MeterhouseError, 2, False),
    errors.TryAgainLater: (errors.MeterhouseError, 1, True),
    errors.RejectedAnswer: (errors.MeterhouseError, 1, True),
    errors.ConfirmToEmpty: (errors.MeterhouseError, 2, False),
    errors.Unsupported: (errors.MeterhouseError, 1, False),
    errors.BeforeHistory: (errors.Unsupported, 1, False),
    request.PageTooLarge: (errors.RejectedAnswer, 1, True),
    request.ChainBroken: (errors.TryAgainLater, 1, True),
}


@pytest.mark.parametrize("kind", EXPECTED, ids=lambda kind: kind.__name__)
def test_each_error_has_its_place_its_exit_status_and_whether_to_retry(kind):
    parent, exit_status, retryable = EXPECTED[kind]
    assert (kind.__bases__, kind.exit_status, kind.retryable) == ((parent,), exit_status, retryable)


def test_no_error_is_missing_from_the_table_above():
    found = {kind for module in (errors, request) for _, kind in inspect.getmembers(module, inspect.isclass)}
    assert {kind for kind in found if issubclass(kind, errors.MeterhouseError)} == set(EXPECTED)


def test_exit_status_two_means_that_somebody_must_do_something_so_retrying_is_never_offered():
    for kind, (_, exit_status, retryable) in EXPECTED.items():
        assert not (exit_status == 2 and retryable), kind.__name__


@pytest.mark.parametrize("kind", EXPECTED, ids=lambda kind: kind.__name__)
def test_each_error_says_in_a_sentence_what_it_means(kind):
    assert (kind.__doc__ or "").strip().endswith("."), kind.__name__


def test_what_is_not_supported_names_the_capability_and_keeps_the_vendors_words():
    error = errors.Unsupported("api_source", "Invalid group_by.")
    assert (error.capability, error.detail) == ("api_source", "Invalid group_by.")
    assert str(error) == "api_source is not offered by this organization: Invalid group_by."


def test_an_instant_before_history_is_kept_when_the_vendor_names_one():
    floor = datetime(2025, 11, 20, tzinfo=UTC)
    assert errors.BeforeHistory("too far back", floor).earliest == floor
    assert errors.BeforeHistory("too far back", None).earliest is None
    assert errors.BeforeHistory("too far back", None).capability == "history"
