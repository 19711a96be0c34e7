"""Segmenting many slices on the worker thread, each handed over as soon as it is done."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from napari_scsam.gui.jobs.engine import Engine, Segmentation, SliceRequest
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.steps import Progress


@dataclass(frozen=True)
class SliceDone(Progress):
    """A step at which one more slice is there."""

    result: Segmentation | None = None


@dataclass(frozen=True)
class RunDone:
    """What a run over slices came to."""

    slices: int
    seconds: float


def run_steps(
    engine: Engine, request: SliceRequest, positions: Sequence[int]
) -> Generator[Progress, None, RunDone]:
    """Segment slices one after the other, with a word on the time that is left; closing it stops.

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
    for number, position in enumerate(positions):
        steps = engine.segment_steps(replace(request, plane=Plane(request.plane.axis, position)))
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                yield SliceDone(number + 1, len(positions), f"slice {position}", end.value)
                break
            left = time_left(number, len(positions), time.perf_counter() - start)
            yield Progress(number, len(positions), f"slice {position}{left or f', {step.what}'}")
    return RunDone(len(positions), time.perf_counter() - start)


def time_left(done: int, total: int, seconds: float) -> str:
    """Say how long it will still take, e.g. ``", 3 min left"``; nothing while nobody knows."""
    if not done:
        return ""
    left = seconds / done * (total - done)
    if left < 90:
        return f", {left:.0f} s left"
    return f", {left / 60:.0f} min left" if left < 5400 else f", {left / 3600:.1f} h left"
