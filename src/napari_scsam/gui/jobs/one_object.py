"""What the worker thread does with prompts: one object, that object on other slices, a new class."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.gui.jobs.engine import Engine, SliceRequest
from napari_scsam.gui.layers.marks import Marks
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.infer.patch import Patch, crop, remove_small_components
from napari_scsam.steps import Progress, as_part

if TYPE_CHECKING:
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.infer.prepared_slice import Slice
    from napari_scsam.infer.prompt_answer import PromptAnswer
    from napari_scsam.infer.propagate import Propagation


@dataclass(frozen=True)
class PromptRequest:
    """One object to be found on a plane."""

    slice: SliceRequest
    marks: Marks
    earlier: Found | None = None
    """An answer that these marks refine."""


@dataclass(frozen=True, eq=False)
class Found:
    """The answer to a `PromptRequest`."""

    request: PromptRequest
    patch: Patch
    """The object's mask; empty when nothing was found."""
    quality: float
    """IoU that the network expects."""
    answer: PromptAnswer

    @property
    def plane(self) -> Plane:
        """Where it is."""
        return self.request.slice.plane


@dataclass(frozen=True, eq=False)
class PropagateRequest:
    """An object to be followed through the slices on both sides."""

    found: Found
    reach: int
    """Slices on each side at most."""


@dataclass(frozen=True, eq=False)
class PropagationBothWays:
    """The answer to a `PropagateRequest`."""

    request: PropagateRequest
    ways: tuple[Propagation, ...]
    """Towards higher and towards lower indices."""

    @property
    def patches(self) -> list[tuple[Plane, Patch]]:
        """Return the object on every slice, the first included."""
        found = self.request.found
        sections = [section for way in self.ways for section in way.sections]
        return [
            (found.plane, found.patch),
            *((Plane(found.plane.axis, s.position), s.patch) for s in sections),
        ]

    def describe(self) -> str:
        """Say how far it was carried, and why no farther."""
        positions = [plane.position for plane, _ in self.patches]
        where = (
            f"slices {min(positions)}–{max(positions)}"
            if len(positions) > 1
            else f"slice {positions[0]} only"
        )
        stops = [
            f"at {way.stopped_at} because {way.reason}"
            for way in self.ways
            if way.stopped_at is not None
        ]
        ends = [*([f"stopped {' and '.join(stops)}"] if stops else []), *self._borders(positions)]
        return f"on {where}; {', '.join(ends)}."

    def _borders(self, positions: Sequence[int]) -> list[str]:
        """Say what ended a way on which the object never did."""
        found = self.request.found
        reach = self.request.reach
        here = found.plane.position
        count = found.request.slice.data.shape[found.plane.axis or 0]
        up, down = (way.stopped_at is None for way in self.ways)
        said = ["reached the first slice"] if down and min(positions) == 0 else []
        said += ["reached the last slice"] if up and max(positions) == count - 1 else []
        asked = (down and 0 < min(positions) == here - reach) or (
            up and count - 1 > max(positions) == here + reach
        )
        return [*said, f"went as far as asked (± {reach} slices)"] if asked else said


@dataclass(frozen=True, eq=False)
class TeachRequest:
    """A new class to be learned from strokes."""

    slice: SliceRequest
    spec: ClassSpec
    foreground: NDArray[np.bool_]
    background: NDArray[np.bool_]
    """(rows, columns) of the plane."""


def ready_steps(engine: Engine, request: SliceRequest) -> Generator[Progress, None, None]:
    """Embed a plane, so that a click on it is answered at once."""
    predictor = yield from engine.look_steps(request)
    yield from predictor.embed_steps()


def prompt_steps(engine: Engine, request: PromptRequest) -> Generator[Progress, None, Found]:
    """Find an object by points and a box."""
    predictor = yield from engine.look_steps(request.slice)
    marks = request.marks
    earlier = request.earlier
    answer = predictor.predict_prompts(
        list(marks.points) or None,
        [int(inside) for inside in marks.inside] or None,
        marks.box,
        earlier.answer if earlier is not None else None,
    )
    mask = Patch(answer.window[0] > 0, answer.part[0].start, answer.part[1].start)
    meant = [point for point, inside in zip(marks.points, marks.inside, strict=True) if inside]
    return Found(
        request, crop(remove_small_components(mask, meant)), float(answer.quality[0]), answer
    )


def propagate_both_ways(
    engine: Engine, request: PropagateRequest
) -> Generator[Progress, None, PropagationBothWays]:
    """Follow an object through the slices on both sides."""
    found = request.found
    predictor = yield from engine.look_steps(found.request.slice)
    from napari_scsam.infer.propagate import Limits, carry_steps

    first = predictor.current()
    ways = []
    limits = Limits().at(found.plane.voxel_size(found.request.slice.voxel_size))
    ahead = [*slices_beside(found, request.reach, 1)], [*slices_beside(found, request.reach, -1)]
    total = sum(map(len, ahead))
    before = 0
    for positions in ahead:
        steps = carry_steps(
            predictor,
            first,
            found.patch,
            _slices(engine, predictor, found, positions),
            len(positions),
            limits,
        )
        ways.append((yield from as_part(steps, before, total)))
        before += len(positions)
    return PropagationBothWays(request, tuple(ways))


def slices_beside(found: Found, reach: int, step: int) -> Sequence[int]:
    """Return the indices of the slices on one side, nearest first."""
    plane = found.plane
    shape = found.request.slice.data.shape
    if plane.axis is None:
        return range(0)
    last = (
        min(plane.position + reach, shape[plane.axis] - 1)
        if step > 0
        else max(plane.position - reach, 0)
    )
    return range(plane.position + step, last + step, step)


def _slices(
    engine: Engine, predictor: Predictor, found: Found, positions: Sequence[int]
) -> Iterator[tuple[int, Slice]]:
    for position in positions:
        plane = Plane(found.plane.axis, position)
        yield position, engine.prepare(predictor, replace(found.request.slice, plane=plane))


def teach_steps(engine: Engine, request: TeachRequest) -> Generator[Progress, None, TaughtClass]:
    """Learn a new class from strokes on a plane."""
    predictor = yield from engine.look_steps(request.slice)
    yield from predictor.embed_steps()
    yield Progress(0, 1, f"learning {request.spec.name}")
    background: Any = request.background if request.background.any() else None
    return predictor.taught(predictor.teach(request.spec, request.foreground, background))
