"""What the worker thread does with prompts: find and propagate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_scsam.gui.jobs.engine import Engine
from napari_scsam.gui.jobs.slice_request import SliceRequest
from napari_scsam.gui.jobs.where import AnyPredictor, find_object_steps, follow_object_steps
from napari_scsam.gui.prompts.marks import Marks
from napari_scsam.gui.words import count_of
from napari_scsam.infer.patch import Patch, crop, remove_small_components
from napari_scsam.steps import Steps, as_part

if TYPE_CHECKING:
    from napari_scsam.gui.layers.plane import Plane
    from napari_scsam.infer.prompt_answer import PromptAnswer
    from napari_scsam.infer.propagation import Propagation
    from napari_scsam.remote.remote_answer import RemoteAnswer


@dataclass(frozen=True)
class PromptRequest:
    """One object to find on a plane."""

    slice: SliceRequest
    marks: Marks
    earlier: PromptResult | None = None
    """A result that these marks refine."""


@dataclass(frozen=True, eq=False)
class PromptResult:
    """The answer to a `PromptRequest`."""

    request: PromptRequest
    patch: Patch
    """The object's mask; empty when nothing was found."""
    quality: float
    """IoU that the network expects."""
    answer: PromptAnswer | RemoteAnswer

    @property
    def plane(self) -> Plane:
        """The plane of the object."""
        return self.request.slice.plane

    def describe(self) -> str:
        """Return how large the object is, and what the user can do.

        The network's own estimate of its quality is not shown: on tissue that is new to it, it
        doubts masks that are nearly perfect.
        """
        if not self.patch.mask.any():
            return "Nothing is found there; add a point or a box."
        pixels = count_of(int(self.patch.mask.sum()), "pixel")
        return f"Object: {pixels}. Enter accepts it, Esc discards it."


@dataclass(frozen=True, eq=False)
class PropagateRequest:
    """An object to follow through the slices on both sides."""

    start: PromptResult
    max_slices: int
    """On each side."""


@dataclass(frozen=True, eq=False)
class PropagationBothWays:
    """The answer to a `PropagateRequest`."""

    request: PropagateRequest
    ways: tuple[Propagation, Propagation]
    """Towards higher and towards lower indices."""

    @property
    def patches(self) -> list[tuple[Plane, Patch]]:
        """The object on every slice, the first included."""
        start = self.request.start
        sections = [section for way in self.ways for section in way.sections]
        further = [(start.plane.at(s.position), s.patch) for s in sections]
        return [(start.plane, start.patch), *further]

    @property
    def ends(self) -> tuple[int, ...]:
        """Slices at which the object stopped."""
        return tuple(way.stopped_at for way in self.ways if way.stopped_at is not None)

    def describe(self) -> str:
        """Return how far the object was propagated, and why no further."""
        positions = [plane.position for plane, _ in self.patches]
        first = min(positions)
        last = max(positions)
        where = f"slices {first}–{last}"
        if first == last:
            where = f"slice {first} only"
        reasons = [*self._stops(), *self._borders(first, last)]
        return f"on {where}; {', '.join(reasons)}."

    def _stops(self) -> list[str]:
        stops = [
            f"at {way.stopped_at} because {way.reason}"
            for way in self.ways
            if way.stopped_at is not None
        ]
        if not stops:
            return []
        return [f"stopped {' and '.join(stops)}"]

    def _borders(self, first: int, last: int) -> list[str]:
        """Return what ended a way on which the object did not stop."""
        start = self.request.start
        max_slices = self.request.max_slices
        here = start.plane.position
        last_of_all = start.request.slice.data.shape[start.plane.axis or 0] - 1
        up, down = (way.stopped_at is None for way in self.ways)
        reasons = []
        if down and first == 0:
            reasons.append("reached the first slice")
        if up and last == last_of_all:
            reasons.append("reached the last slice")
        down_to_limit = down and first > 0 and first == here - max_slices
        up_to_limit = up and last < last_of_all and last == here + max_slices
        if down_to_limit or up_to_limit:
            reasons.append(f"reached the limit (± {count_of(max_slices, 'slice')})")
        return reasons


def embed_plane_steps(engine: Engine, request: SliceRequest) -> Steps[None]:
    """Embed a plane, so that a click on it is answered at once."""
    predictor = yield from engine.set_slice_steps(request)
    yield from predictor.embed_steps()


def find_marked_steps(engine: Engine, request: PromptRequest) -> Steps[PromptResult]:
    """Find an object by points and a box."""
    predictor = yield from engine.set_slice_steps(request.slice)
    marks = request.marks
    earlier = None if request.earlier is None else request.earlier.answer
    answer = yield from find_object_steps(predictor, marks, earlier)
    mask = Patch(answer.inside[0], answer.part[0].start, answer.part[1].start)
    seeds = [point for point, inside in zip(marks.points, marks.inside, strict=True) if inside]
    patch = crop(remove_small_components(mask, seeds))
    return PromptResult(request, patch, float(answer.quality[0]), answer)


def propagate_both_ways(engine: Engine, request: PropagateRequest) -> Steps[PropagationBothWays]:
    """Follow an object through the slices on both sides."""
    start = request.start
    predictor = yield from engine.set_slice_steps(start.request.slice)
    from napari_scsam.infer.propagation import PropagationLimits

    first = predictor.slice
    limits = PropagationLimits().at(start.plane.voxel_size(start.request.slice.voxel_size))
    up = neighbouring_slices(start, request.max_slices, 1)
    down = neighbouring_slices(start, request.max_slices, -1)
    total = len(up) + len(down)

    def follow(positions: Sequence[int], before: int) -> Steps[Propagation]:
        slices = _slices(engine, predictor, start, positions)
        steps = follow_object_steps(predictor, start.patch, slices, len(positions), limits, first)
        return as_part(steps, before, total)

    upwards = yield from follow(up, 0)
    downwards = yield from follow(down, len(up))
    return PropagationBothWays(request, (upwards, downwards))


def neighbouring_slices(start: PromptResult, max_slices: int, step: int) -> Sequence[int]:
    """Return the indices of the slices on one side, nearest first."""
    plane = start.plane
    if plane.axis is None:
        return range(0)
    if step > 0:
        last = min(plane.position + max_slices, start.request.slice.data.shape[plane.axis] - 1)
    else:
        last = max(plane.position - max_slices, 0)
    return range(plane.position + step, last + step, step)


def _slices(
    engine: Engine, predictor: AnyPredictor, start: PromptResult, positions: Sequence[int]
) -> Iterator[tuple[int, Any]]:
    for position in positions:
        asked = replace(start.request.slice, plane=start.plane.at(position))
        yield position, engine.prepare(predictor, asked)
