"""How fast clients may send."""

from __future__ import annotations

import pytest

from napari_scsam.remote.frames import FrameError
from napari_scsam.server.pacing import Incoming, Pacer


@pytest.fixture
def pacer():
    """Ten messages a second, and five at once."""
    pacer = Pacer(10.0, 5)
    pacer._then = 100.0
    return pacer


def test_a_burst_is_free_and_what_follows_waits_longer_and_longer(pacer):
    assert [pacer.delay(100.0) for _ in range(5)] == [0.0] * 5
    assert [pacer.delay(100.0) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])


def test_silence_gives_no_more_than_one_burst_back(pacer):
    for _ in range(5):
        pacer.delay(100.0)
    delays = [pacer.delay(100_000.0) for _ in range(6)]
    assert delays == pytest.approx([0, 0, 0, 0, 0, 0.1])


def test_a_client_that_keeps_the_pace_never_waits(pacer):
    assert not any(pacer.delay(100.0 + n / 10) for n in range(1000))


def test_messages_on_their_way_are_bounded_over_all_clients():
    incoming = Incoming(100)
    incoming.set("anna", 60)
    incoming.set("ben", 40)
    with pytest.raises(FrameError, match="too much at once"):
        incoming.set("ben", 41)
    incoming.set("ben", 0)  # its message is whole
    incoming.set("carla", 40)
    incoming.remove("anna")
    incoming.set("carla", 100)
    incoming.remove("nobody")


def test_a_client_whose_message_is_whole_is_never_refused_for_others():
    incoming = Incoming(100)
    incoming.set("anna", 100)
    incoming.set("ben", 0)
