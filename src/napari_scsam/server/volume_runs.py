"""Runs over volumes whose slices come from clients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError, select_classes
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import Contrast
from napari_scsam.remote.answered import Labelled
from napari_scsam.remote.arrays import pack_labels, pack_plain, unpack
from napari_scsam.remote.asked import LabelSlice
from napari_scsam.remote.parts import Message
from napari_scsam.server.models import share_weights
from napari_scsam.server.no_disk import no_disk
from napari_scsam.server.session import ClientSession
from napari_scsam.steps import Steps
from napari_scsam.volume.labelling import Labelling, Seen
from napari_scsam.volume.mask import Mask
from napari_scsam.volume.run_plan import RunPlan

MOST_RUNS = 2
"""Runs of a session that go on at a time."""


@dataclass
class SentVolume:
    """The slices of a volume that a client has sent; the part of a volume that runs use."""

    pixel_size: tuple[float, float] | None
    planes: dict[int, NDArray[Any]] = field(default_factory=dict)
    """By z, (Y, X)."""

    def plane(self, z: int) -> NDArray[Any]:
        """Return a slice."""
        return self.planes[z]


@dataclass
class SentMask:
    """Where labels are needed."""

    planes: dict[int, NDArray[np.bool_]] = field(default_factory=dict)

    def wanted(self, z: int, _reach: int, _window: Any) -> NDArray[np.bool_]:
        """Return where logits are needed in a slice (Y, X)."""
        return self.planes[z]


@dataclass
class Run:
    """A run over a volume, as far as it is."""

    labelling: Labelling
    volume: SentVolume
    mask: SentMask
    seen: dict[int, Seen | None] = field(default_factory=dict)
    """Slices whose logits are known, by z."""
    hashes: dict[int, str] = field(default_factory=dict)
    """Of the pixels of these slices."""

    @property
    def nbytes(self) -> int:
        """Bytes of the logits that are remembered."""
        known = [each.logits for each in self.seen.values() if each is not None]
        return sum(logits.nbytes for logits in known if logits is not None)

    def forget_other(self, request: LabelSlice) -> None:
        """Forget slices that are not needed, or had other pixels."""
        for z in list(self.seen):
            if request.planes.get(z) != self.hashes[z]:
                del self.seen[z]


def label_slice_steps(session: ClientSession, request: LabelSlice) -> Steps[Callable[[], Message]]:
    """Label a slice of a run."""
    if request.z not in request.planes:
        raise UserError("the slice itself is not among its planes; send it, too")
    run = _run_of(session, request)
    run.forget_other(request)
    _take_planes(session, run, request)
    labelling = _at(run, request)
    yield from _see_steps(run, labelling, request)
    run.volume.planes.clear()
    run.mask.planes.clear()
    answer = labelling.answer(request.z, run.seen)
    if answer is None:
        raise UserError("the slice cannot be labelled; send it again")
    labels = answer.labels()
    values = answer.probabilities() if request.probabilities else None

    def made() -> Message:
        packed = None if values is None else pack_plain(np.ascontiguousarray(values))
        return Labelled(id=request.id, labels=pack_labels(labels), probabilities=packed)

    return made


def _see_steps(run: Run, labelling: Labelling, request: LabelSlice) -> Steps[None]:
    """Compute what the run does not know yet of a slice and its neighbours."""
    for z, name in sorted(request.planes.items()):
        if z not in run.seen:
            plane, slice_ = labelling.read(z)
            run.seen[z] = yield from labelling.seen_steps(plane, slice_)
            run.hashes[z] = name


def _take_planes(session: ClientSession, run: Run, request: LabelSlice) -> None:
    """Take the pixels of a slice and its neighbours, and where labels are needed."""
    shape = session.pixels_of(request.planes[request.z]).shape
    for z, name in sorted(request.planes.items()):
        plane = session.pixels_of(name)
        if plane.shape != shape:
            raise UserError("the slices of a run have different sizes; send equal ones")
        run.volume.planes[z] = plane
        if z in request.wanted:
            run.mask.planes[z] = _mask(request, z, plane)


def _mask(request: LabelSlice, z: int, plane: NDArray[Any]) -> NDArray[np.bool_]:
    mask = unpack(request.wanted[z], plane.size)
    if mask.shape != plane.shape or mask.dtype != bool:
        raise UserError("the mask is not of the shape of its slice; send one that is")
    return mask


def _run_of(session: ClientSession, request: LabelSlice) -> Run:
    """Return the run of a request, which begins with its first slice."""
    run: Run | None = session.runs.get(request.run)
    if run is None:
        run = _begin(session, request)
        session.runs[request.run] = run
        while len(session.runs) > MOST_RUNS:
            session.runs.popitem(last=False)
    return run


def _begin(session: ClientSession, request: LabelSlice) -> Run:
    """Return a new run, by the network as it is now; what it is taught later changes nothing."""
    now = session.ready()
    predictor = Predictor(share_weights(now.model), str(now.device), no_disk(), tta=request.careful)
    predictor.model.config.need_classes()
    volume = SentVolume(request.pixel_size)
    plan = RunPlan((request.z,), (slice(None), slice(None)), whole=True)
    labelling = Labelling(
        cast("Any", volume),
        predictor,
        select_classes(predictor.classes, request.classes),
        Contrast(*request.contrast),
        plan,
    )
    return Run(labelling, volume, SentMask())


def _at(run: Run, request: LabelSlice) -> Labelling:
    """Return the labelling for one slice."""
    rows, columns = run.volume.planes[request.z].shape
    plan = RunPlan(
        (request.z,),
        (slice(0, rows), slice(0, columns)),
        whole=True,
        average_z=request.average_z,
        probabilities=request.probabilities,
        mask=cast("Mask", run.mask) if request.wanted else None,
    )
    labelling = run.labelling
    return Labelling(
        labelling.source, labelling.predictor, labelling.requested, labelling.contrast, plan
    )
