"""What the worker thread does with strokes: teach classes, and segment what was taught."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.gui.jobs.engine import Engine
from napari_scsam.gui.jobs.one_object import embed_plane_steps
from napari_scsam.gui.jobs.slice_request import SliceRequest, SliceSegmentation
from napari_scsam.gui.jobs.where import learn_steps, restore_taught_steps, taught_names
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.own_classes import as_network, free_id, key_of
from napari_scsam.io.saved.saved_array import SavedArray
from napari_scsam.project.strokes import BESIDE, ON
from napari_scsam.steps import Progress, Steps, as_part


@dataclass(frozen=True, eq=False)
class PlaneStrokes:
    """All strokes of a class on a plane."""

    spec: ClassSpec
    plane: Plane
    array: SavedArray
    """Strokes of the whole volume; read on the worker thread."""

    def read(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Read the pixels on the class and beside it, (rows, columns)."""
        drawn = self.plane.read(self.array)
        return drawn == ON, drawn == BESIDE


@dataclass(frozen=True, eq=False)
class TeachRequest:
    """Classes to learn from strokes."""

    slice: SliceRequest
    """Its plane and classes are replaced by those of the strokes."""
    strokes: tuple[PlaneStrokes, ...]
    restarted: frozenset[ClassSpec] = frozenset()
    """Classes that are learned from these strokes alone: what was taught before is dropped."""
    known: tuple[TaughtClass, ...] = ()
    """What the network was taught before."""
    shown: bool = True
    """Whether the last class is segmented on its plane."""


@dataclass(frozen=True, eq=False)
class Lessons:
    """The answer to a `TeachRequest`."""

    taught: tuple[TaughtClass, ...]
    segmentation: SliceSegmentation | None
    """The last class on its plane."""


def prepare_to_teach_steps(engine: Engine, request: SliceRequest) -> Steps[None]:
    """Embed the plane ahead of the first stroke, and import what fitting it needs."""
    yield from embed_plane_steps(engine, request)
    if engine.line is None:
        from napari_scsam.infer.taught.classifier import preload_scikit_learn

        preload_scikit_learn()


def teach_strokes_steps(engine: Engine, request: TeachRequest) -> Steps[Lessons]:
    """Teach classes by their strokes, plane by plane, and segment the last one."""
    start = time.perf_counter()
    if request.restarted:
        yield from _restart(engine, request)
    total = len(request.strokes)
    specs: dict[ClassSpec, None] = {}
    for done, strokes in enumerate(marked_first(request.strokes)):
        steps = _teach_plane(engine, request.slice, strokes)
        spec = yield from as_part(steps, done, total)
        specs[spec] = None
    predictor = yield from engine.ready_steps(request.slice.checkpoint)
    taught = tuple(predictor.taught(spec) for spec in specs)
    segmentation = None
    if request.shown:
        last = request.strokes[-1]
        asked = replace(request.slice, plane=last.plane, classes=(last.spec,), region=None)
        answer = yield from engine.segment_steps(asked)
        segmentation = replace(answer, taught=True, seconds=time.perf_counter() - start)
    return Lessons(taught, segmentation)


def _restart(engine: Engine, request: TeachRequest) -> Steps[None]:
    """Drop what the network knows of some classes, which is taught from the beginning."""
    predictor = yield from engine.ready_steps(request.slice.checkpoint)
    names = {key_of(spec) for spec in request.restarted}
    if names.isdisjoint(taught_names(predictor)):
        return  # it is new to the network, which keeps what it has computed
    kept = [known for known in request.known if known.spec.name.casefold() not in names]
    yield from restore_taught_steps(predictor, kept)


def _teach_plane(engine: Engine, request: SliceRequest, strokes: PlaneStrokes) -> Steps[ClassSpec]:
    predictor = yield from engine.set_slice_steps(replace(request, plane=strokes.plane))
    yield from predictor.embed_steps()
    yield Progress(0, 1, f"learning {strokes.spec.name} from {strokes.plane.describe()}")
    on, beside = strokes.read()
    spec = for_network(strokes.spec, predictor.classes)
    return (yield from learn_steps(predictor, spec, on, beside))


def for_network(spec: ClassSpec, known: Sequence[ClassSpec]) -> ClassSpec:
    """Return a class to teach under the name and an id that the network can give it."""
    for other in known:
        if key_of(other) == key_of(spec):
            return other
    named = as_network(spec)
    ids = {other.id for other in known}
    if spec.id in ids:
        return replace(named, id=free_id(ids))
    return named


def marked_first(strokes: Sequence[PlaneStrokes]) -> list[PlaneStrokes]:
    """Put planes that mark a class before those with strokes beside it alone.

    What a class is not teaches nothing before something marks the class.
    """
    return sorted(strokes, key=lambda each: not each.read()[0].any())
