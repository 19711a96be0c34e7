"""Following an object on a server: what is asked, and what happens when the server lost its place."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_scsam.infer.patch import Patch
from napari_scsam.infer.propagation import PropagationLimits
from napari_scsam.remote.answered import Following, FoundNext
from napari_scsam.remote.arrays import pack, unpack
from napari_scsam.remote.asked import Follow
from napari_scsam.remote.following import sent_propagation_steps
from napari_scsam.remote.line import StateLostError
from napari_scsam.remote.remote_slice import remote_slice
from napari_scsam.steps import drive

SLICES = [
    remote_slice(np.full((9, 9), n, np.uint8), None, None, None, f"slice {n}") for n in range(4)
]
MASK = np.ones((4, 5), bool)
START = Patch(MASK, 2, 3)


class Server:
    """Follows objects, until it is told to lose its place."""

    def __init__(self, loses_at: tuple[int, ...] = (), ends_at: int = 9) -> None:
        self.asked: list = []
        self.loses_at = list(loses_at)
        self.ends_at = ends_at
        self.begun = 0

    def ask_steps(self, make, slices=()):
        yield from ()
        request = make()
        assert [each.ref for each in slices] == [request.slice]
        self.asked.append(request)
        if self.loses_at and len(self.asked) == self.loses_at[0]:
            self.loses_at.pop(0)
            raise StateLostError
        if isinstance(request, Follow):
            self.begun += 1
            return Following(id=1, following=10 + self.begun)
        overlap = 0.1 if request.turn == self.ends_at else 0.9
        return FoundNext(
            id=1,
            mask=pack(MASK),
            corner=(request.turn, 3),
            overlap=overlap,
            similarity=0.95,
            certainty=0.85,
        )

    @property
    def turns(self) -> list:
        """What was asked: the turns, and None for each beginning."""
        return [getattr(each, "turn", None) for each in self.asked]


def propagated(server: Server, count: int = 3, **limits):
    beyond = list(enumerate(SLICES[1 : 1 + count], 5))
    steps = sent_propagation_steps(
        SimpleNamespace(ask_steps=server.ask_steps),
        SLICES[0],
        START,
        beyond,
        count,
        PropagationLimits(**limits) if limits else None,
    )
    return drive(steps)


def test_the_object_is_sent_once_and_then_each_slice_in_turn():
    server = Server()
    found = propagated(server)
    assert server.turns == [None, 0, 1, 2]
    assert [each.following for each in server.asked[1:]] == [11, 11, 11]
    assert [section.position for section in found.sections] == [5, 6, 7]
    first = found.sections[0]
    np.testing.assert_array_equal(first.patch.mask, MASK)
    assert (first.patch.y, first.patch.x) == (0, 3)
    assert (first.overlap, first.similarity, first.certainty) == (0.9, 0.95, 0.85)
    assert (found.stopped_at, found.reason) == (None, "no more slices")


def test_the_mask_and_all_limits_are_sent():
    server = Server()
    propagated(server, 1, overlap=0.1, similarity=0.2, certainty=0.3, smallest=4, max_shift=5)
    begun = server.asked[0]
    np.testing.assert_array_equal(unpack(begun.mask), MASK)
    assert begun.corner == (2, 3)
    assert (begun.overlap, begun.similarity, begun.certainty) == (0.1, 0.2, 0.3)
    assert (begun.smallest, begun.max_shift) == (4, 5)


@pytest.mark.parametrize(
    ("loses_at", "turns"),
    [
        ((2,), [None, 0, None, 0, 1, 2]),
        ((4,), [None, 0, 1, 2, None, 0, 1, 2]),
        ((4, 6), [None, 0, 1, 2, None, 0, None, 0, 1, 2]),
    ],
)
def test_a_server_that_lost_its_place_follows_the_object_again_from_the_first_slice(
    loses_at, turns
):
    server = Server(loses_at)
    found = propagated(server)
    assert server.turns == turns
    assert server.asked[-1].following == 10 + server.begun
    assert [section.position for section in found.sections] == [5, 6, 7]


def test_nothing_is_asked_behind_the_slice_on_which_the_object_ends():
    server = Server(ends_at=1)
    found = propagated(server)
    assert server.turns == [None, 0, 1]
    assert found.stopped_at == 6
    assert [section.position for section in found.sections] == [5]


def test_without_slices_nothing_is_asked():
    server = Server()
    assert propagated(server, 0).sections == ()
    assert server.asked == []
