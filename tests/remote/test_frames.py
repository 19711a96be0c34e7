"""Messages in frames."""

from __future__ import annotations

import pytest

from napari_scsam.remote.frames import FRAME_BYTES, LAST, MORE, FrameError, Joiner, split_frames


@pytest.mark.parametrize(
    "size", [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES + 5]
)
def test_a_message_comes_out_of_its_frames(size):
    message = bytes(i % 251 for i in range(size))
    joiner = Joiner(10 * FRAME_BYTES)
    frames = list(split_frames(message))
    assert all(len(frame) <= FRAME_BYTES + 1 for frame in frames)
    assert [joiner.add(frame) for frame in frames] == [*[None] * (len(frames) - 1), message]
    assert joiner.size == 0


def test_a_message_that_never_ends_is_refused_at_the_limit():
    joiner = Joiner(2 * FRAME_BYTES)
    full = MORE + bytes(FRAME_BYTES)
    assert joiner.add(full) is None
    assert joiner.add(full) is None
    with pytest.raises(FrameError, match="more than"):
        joiner.add(full)


@pytest.mark.parametrize(
    "frame", ["text", b"", b"\x02abc", MORE + b"short", MORE, LAST + bytes(FRAME_BYTES + 1)]
)
def test_what_is_no_frame_is_refused(frame):
    with pytest.raises(FrameError):
        Joiner(10 * FRAME_BYTES).add(frame)
