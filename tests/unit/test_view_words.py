"""What stands for the words in braces: lists of names."""

from __future__ import annotations

import pytest

from meterhouse.warehouse.view_words import in_list


def test_names_are_quoted_and_a_list_of_none_is_refused() -> None:
    assert in_list(["a", "o'clock"]) == "'a', 'o''clock'"
    with pytest.raises(ValueError, match="no name"):
        in_list([])
