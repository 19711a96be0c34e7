"""How many sessions there are, and whose memory goes first."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.server.sessions import Sessions, TooManyClientsError
from napari_scsam.server.settings import Limits

PIXELS = np.zeros(100, np.uint8).reshape(10, 10)


def test_who_left_first_makes_room_and_who_is_connected_never_does():
    sessions = Sessions(Limits(sessions=2))
    first, second = sessions.begin("")[0], sessions.begin("")[0]
    with pytest.raises(TooManyClientsError):
        sessions.begin("")
    sessions.leave(second)
    sessions.leave(first)
    third, _ = sessions.begin("")
    assert list(sessions) == [first, third]
    assert second.closed
    assert sessions.begin(second.key)[1] is False  # nobody goes on with it


def test_an_empty_key_resumes_nobody():
    sessions = Sessions(Limits())
    sessions.leave(sessions.begin("")[0])
    assert sessions.begin("")[1] is False


def test_keys_are_long_and_each_is_used_once():
    sessions = Sessions(Limits())
    session, _ = sessions.begin("")
    keys = set()
    for _ in range(5):
        keys.add(session.key)
        sessions.leave(session)
        session, resumed = sessions.begin(session.key)
        assert resumed
    assert len(keys) == 5
    assert min(map(len, keys)) >= 40
    sessions.leave(session)
    assert not any(sessions.begin(key)[1] for key in keys)


def test_a_session_that_was_closed_takes_no_pixels_and_leaves_no_file():
    sessions = Sessions(Limits())
    session, _ = sessions.begin("")
    (session.folder / "slice.npy").write_bytes(b"x")
    folder = session.folder
    sessions.close()
    session.put("0" * 32, PIXELS)
    assert not session.pixels
    assert not folder.exists()
    assert len(sessions) == 0


def test_others_lose_theirs_first_and_the_present_one_keeps_its_last_slice():
    sessions = Sessions(Limits(memory_bytes=150))
    other, present = sessions.begin("")[0], sessions.begin("")[0]
    other.used, present.used = 2.0, 1.0  # the present one is used now, whenever it was before
    other.put("0" * 32, PIXELS)
    for number in range(3):
        present.put(f"{number:032d}", PIXELS)
    sessions.trim(present)
    assert not other.pixels
    assert list(present.pixels) == [f"{2:032d}"]


def test_memory_that_suffices_costs_nobody_anything():
    sessions = Sessions(Limits(memory_bytes=10_000))
    both = [sessions.begin("")[0] for _ in range(2)]
    for session in both:
        session.put("0" * 32, PIXELS)
    sessions.trim(both[0])
    assert all(session.pixels for session in both)


def test_answers_and_objects_of_a_session_are_bounded_and_the_oldest_go():
    from napari_scsam.remote.line import StateLostError
    from napari_scsam.server.session import MOST_ANSWERS, MOST_FOLLOWED

    session, _ = Sessions(Limits()).begin("")
    numbers = [session.remember(object()) for _ in range(MOST_ANSWERS + 3)]
    assert len(session.answers) == MOST_ANSWERS
    with pytest.raises(StateLostError):
        session.answer(numbers[2])
    assert session.answer(numbers[3]) is not None
    followed = [session.follow(object()) for _ in range(MOST_FOLLOWED + 1)]
    assert followed[0] not in session.followed
    assert not set(followed) & set(numbers)  # no number means two things
