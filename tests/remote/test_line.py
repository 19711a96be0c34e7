"""The state of a line, and its errors."""

from __future__ import annotations

import pytest

from napari_scsam.errors import UserError
from napari_scsam.remote.line import (
    Line,
    LineLostError,
    LineState,
    NeedPixelsError,
    ServerFaultError,
    StateLostError,
)


def test_a_state_says_nothing_that_is_not_known():
    state = LineState(Line.CONNECTING)
    assert (state.sentence, state.device, state.server) == ("", "", "")


def test_missing_pixels_are_named_by_their_hashes():
    error = NeedPixelsError(("a" * 32, "b" * 32))
    assert error.hashes == ("a" * 32, "b" * 32)
    assert str(error) == f"{'a' * 32}, {'b' * 32}"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ServerFaultError, True),
        (LineLostError, False),
        (NeedPixelsError, False),
        (StateLostError, False),
    ],
)
def test_only_a_fault_of_the_server_is_for_the_user(error, shown):
    """The others are mended by asking again."""
    assert issubclass(error, UserError) is shown


def test_the_words_of_a_state_are_those_that_a_window_shows():
    assert [str(line) for line in Line] == ["connecting", "connected", "lost", "refused", "closed"]
