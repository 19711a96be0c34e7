"""Segmenting many slices on the worker thread; each is handed over as soon as it is finished."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from napari_scsam.gui.jobs.engine import Engine
from napari_scsam.gui.jobs.pace import time_left
from napari_scsam.gui.jobs.slice_request import SliceRequest, SliceSegmentation
from napari_scsam.steps import Pause, Progress, Steps, mapped


@dataclass(frozen=True)
class SliceDone(Pause):
    """A step that finished one more slice; another request may run before the next slice."""

    result: SliceSegmentation | None = None


@dataclass(frozen=True)
class RunDone:
    """The outcome of a run over slices."""

    slices: int
    seconds: float


def segment_slices_steps(
    engine: Engine, request: SliceRequest, positions: Sequence[int]
) -> Steps[RunDone]:
    """Segment slices one after the other; closing the generator stops the run.

    Parameters
    ----------
    engine
        Of the worker thread.
    request
        For one slice; its plane says along which axis.
    positions
        Indices of the slices.
    """
    start = time.perf_counter()
    total = len(positions)
    for number, position in enumerate(positions):

        def as_step(step: Progress, number: int = number, position: int = position) -> Progress:
            left = time_left(number, total, time.perf_counter() - start) or f", {step.what}"
            return Progress(number, total, f"slice {position}{left}")

        steps = engine.segment_steps(replace(request, plane=request.plane.at(position)))
        result = yield from mapped(steps, as_step)
        yield SliceDone(number + 1, total, f"slice {position}", result)
    return RunDone(total, time.perf_counter() - start)
