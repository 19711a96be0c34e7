"""Following an object from slice to slice on a server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from napari_scsam.infer.patch import Patch
from napari_scsam.infer.propagation import Propagation, PropagationLimits, Section, follow_sections
from napari_scsam.remote.arrays import pack, unpack
from napari_scsam.remote.asked import Follow, FollowNext
from napari_scsam.remote.line import StateLostError
from napari_scsam.remote.remote_slice import RemoteSlice
from napari_scsam.remote.session import RemoteSession
from napari_scsam.steps import Steps


def sent_propagation_steps(
    session: RemoteSession,
    first: RemoteSlice,
    start: Patch,
    beyond: Iterable[tuple[int, RemoteSlice]],
    count: int,
    limits: PropagationLimits | None = None,
) -> Steps[Propagation]:
    """Propagate an object through neighbouring slices, each sent when it is its turn.

    Parameters
    ----------
    session
        Of the client.
    first, start
        The slice on which the object was accepted, and its mask there.
    beyond
        The next slices and their indices, nearest first; read one by one.
    count
        Most slices in `beyond`, for the progress bar.
    limits
        When propagation stops.
    """
    limits = limits or PropagationLimits()
    follower = _RemoteFollower(session, first, start, limits)
    return (yield from follow_sections(follower.section_steps, beyond, count, limits))


class _RemoteFollower:
    """An object that a server follows; slices are kept, as a server may lose its place.

    Parameters are those of `sent_propagation_steps`.
    """

    def __init__(
        self, session: RemoteSession, first: RemoteSlice, start: Patch, limits: PropagationLimits
    ) -> None:
        self.session = session
        self.first = first
        self.seen: list[RemoteSlice] = []
        self.number = 0
        self.request = Follow(
            id=0,
            slice=first.ref,
            mask=pack(start.mask),
            corner=(start.y, start.x),
            overlap=limits.overlap,
            similarity=limits.similarity,
            certainty=limits.certainty,
            smallest=limits.smallest,
            max_shift=limits.max_shift,
        )

    def section_steps(self, position: int, slice_: RemoteSlice) -> Steps[Section]:
        """Find the object on the next slice."""
        while True:
            try:
                if not self.number:
                    yield from self._begin()
                found = yield from self._ask(slice_, len(self.seen))
            except StateLostError:
                self.number = 0
                continue
            self.seen.append(slice_)
            patch = Patch(unpack(found.mask), *found.corner)
            return Section(position, patch, found.overlap, found.similarity, found.certainty)

    def _begin(self) -> Steps[None]:
        """Follow the object as far as it was followed."""
        begun = yield from self.session.ask_steps(lambda: self.request, [self.first])
        self.number = begun.following
        for turn, slice_ in enumerate(self.seen):
            yield from self._ask(slice_, turn)

    def _ask(self, slice_: RemoteSlice, turn: int) -> Steps[Any]:
        request = FollowNext(id=0, slice=slice_.ref, following=self.number, turn=turn)
        return (yield from self.session.ask_steps(lambda: request, [slice_]))
