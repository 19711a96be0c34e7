"""Runs over volumes: of slices that clients send, or of volumes that the server opens."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError, VoxelSize, select_classes
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import Contrast
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.io.slabs import SLAB_BYTES
from napari_scsam.io.volumes import Volume
from napari_scsam.remote.answered import Labelled
from napari_scsam.remote.arrays import pack_labels, pack_plain, unpack
from napari_scsam.remote.asked import LabelSlice
from napari_scsam.remote.line import NeedPixelsError
from napari_scsam.remote.parts import Message
from napari_scsam.server.loaded_model import share_weights
from napari_scsam.server.no_disk import no_disk
from napari_scsam.server.served_volumes import window_inside
from napari_scsam.server.session import ClientSession
from napari_scsam.steps import Progress, Steps
from napari_scsam.volume.answer import Answer
from napari_scsam.volume.labelling import Labelling, Seen
from napari_scsam.volume.mask import Mask
from napari_scsam.volume.run_plan import RunPlan
from napari_scsam.volume.three_axes import (
    CUBE_AXES,
    LayerLogits,
    answer_of_layer,
    bytes_of_layer,
    compute_layer,
    plan_of_setup,
)

MOST_LAYER_BYTES = 2**35
"""Temporary files of a run along three axes."""

MOST_RUNS = 2
"""Runs of a session that go on at a time."""


@dataclass
class SentVolume:
    """The slices of a volume that a client has sent; the part of a volume that runs use."""

    voxel_size: VoxelSize | None
    pixel_size: tuple[float, float] | None
    depth: int
    planes: dict[int, NDArray[Any]] = field(default_factory=dict)
    """By z, (Y, X)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel."""
        dtype: np.dtype[Any] = next(iter(self.planes.values())).dtype
        return dtype

    def plane(self, z: int) -> NDArray[Any]:
        """Return a slice.

        Raises
        ------
        DamagedPartError
            When it was not sent, as its client could not read it.
        """
        if z not in self.planes:
            raise DamagedPartError(f"slice {z} was not sent")
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
    source: SentVolume | Volume
    mask: SentMask
    seen: dict[int, Seen | None] = field(default_factory=dict)
    """Slices whose logits are known, by z."""
    hashes: dict[int, str] = field(default_factory=dict)
    """Of the pixels of these slices, where a client sent them."""
    layer: LayerLogits | None = None
    """With three axes, the slices whose logits are known."""
    damaged: dict[int, DamagedPartError] = field(default_factory=dict)
    """What was wrong with slices of the layer that could not be read."""
    layer_planes: dict[int, str] = field(default_factory=dict)
    """Hashes of the pixels that it was computed from."""

    @property
    def nbytes(self) -> int:
        """Bytes of the logits and pixels that are remembered."""
        known = [each.logits for each in self.seen.values() if each is not None]
        size = sum(logits.nbytes for logits in known if logits is not None)
        if isinstance(self.source, Volume):
            size += min(self.source.data.nbytes, SLAB_BYTES)
        return size

    def forget_other(self, request: LabelSlice, needed: Collection[int]) -> None:
        """Forget slices that are not needed, or had other pixels."""
        for z in list(self.seen):
            if z not in needed or request.planes.get(z, "") != self.hashes[z]:
                del self.seen[z]


def label_slice_steps(session: ClientSession, request: LabelSlice) -> Steps[Callable[[], Message]]:
    """Label a slice of a run."""
    run = _run_of(session, request)
    sent = run.source if isinstance(run.source, SentVolume) else None
    if sent is not None:
        if request.z not in request.planes:
            raise UserError("the slice itself is not among its planes; send it, too")
        if request.axes == 1 or not _knows_layer(run, request):
            _take_planes(session, run, sent, request)
    labelling = _at(session, run, request)
    if request.axes == CUBE_AXES:
        answer = yield from _layer_steps(run, labelling, request)
    else:
        answer = yield from _plane_steps(run, labelling, request)
    if sent is not None:
        sent.planes.clear()
    run.mask.planes.clear()
    if answer is None:
        unread = DamagedPartError(f"slice {request.z} cannot be read; replace what is damaged")
        raise labelling.damaged.get(request.z) or run.damaged.get(request.z) or unread
    return _packer(answer, request)


def _packer(answer: Answer, request: LabelSlice) -> Callable[[], Message]:
    """Return what makes the message; its labels are computed on the thread of the device."""
    labels = answer.labels()
    values = answer.probabilities() if request.probabilities else None

    def made() -> Message:
        packed = None if values is None else pack_plain(np.ascontiguousarray(values))
        return Labelled(
            id=request.id, labels=pack_labels(labels), probabilities=packed, pixels=answer.pixels
        )

    return made


def _plane_steps(run: Run, labelling: Labelling, request: LabelSlice) -> Steps[Answer | None]:
    """Compute a slice, and its neighbours that it is averaged with."""
    needed = sorted(request.planes)
    if request.volume is not None:
        reach = labelling.plan.reach
        inside = range(labelling.source.depth)
        needed = [n for n in range(request.z - reach, request.z + reach + 1) if n in inside]
    run.forget_other(request, needed)
    for z in needed:
        if z not in run.seen:
            run.seen[z] = yield from _seen_steps(labelling, z)
            run.hashes[z] = request.planes.get(z, "")
    return labelling.answer(request.z, run.seen)


def _seen_steps(labelling: Labelling, z: int) -> Steps[Seen | None]:
    """Compute the logits of a slice; None for one that cannot be read."""
    try:
        plane, slice_ = labelling.read(z)
    except DamagedPartError as error:
        labelling.damaged[z] = error
        return None
    return (yield from labelling.seen_steps(plane, slice_))


def _knows_layer(run: Run, request: LabelSlice) -> bool:
    """Whether the logits of a slice along three axes are there, of these pixels."""
    return (
        run.layer is not None
        and request.z in run.layer.slices
        and run.layer_planes == request.planes
    )


def _layer_steps(run: Run, labelling: Labelling, request: LabelSlice) -> Steps[Answer | None]:
    """Compute the layer of a slice along three axes, unless it is known."""
    if not _knows_layer(run, request):
        run.layer = None
        plan = plan_of_setup(labelling)
        layer = plan.layer_of(request.z)
        size = bytes_of_layer(labelling, plan, layer)
        if size > MOST_LAYER_BYTES:
            raise UserError(
                f"three axes of slices this large need {size / 2**30:.0f} GB on the disk of the "
                f"server, which allows {MOST_LAYER_BYTES >> 30}; label a smaller region"
            )
        steps = compute_layer(labelling, plan, layer)
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                run.layer = end.value
                break
            yield Progress(step.done, step.total, step.describe())
        run.layer_planes = dict(request.planes)
        run.damaged = dict(labelling.damaged)
    return answer_of_layer(labelling, cast("LayerLogits", run.layer), request.z)


def _take_planes(session: ClientSession, run: Run, sent: SentVolume, request: LabelSlice) -> None:
    """Take the pixels of a slice and those beside it, and where labels are needed."""
    missing = tuple({name for name in request.planes.values() if name not in session.pixels})
    if missing:
        raise NeedPixelsError(missing)
    shape = session.pixels_of(request.planes[request.z]).shape
    for z, name in sorted(request.planes.items()):
        plane = session.pixels_of(name)
        if plane.shape != shape:
            raise UserError("the slices of a run have different sizes; send equal ones")
        sent.planes[z] = plane
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
    looks = {"tta": request.careful, "coarse": request.coarse}
    predictor = Predictor(share_weights(now.model), str(now.device), no_disk(), **looks)
    predictor.model.config.need_classes()
    source: SentVolume | Volume = SentVolume(request.voxel_size, request.pixel_size, request.depth)
    if request.volume is not None:
        source = session.volumes.find(request.volume).volume
    plan = RunPlan((request.z,), (slice(None), slice(None)), whole=True)
    labelling = Labelling(
        cast("Any", source),
        predictor,
        select_classes(predictor.classes, request.classes),
        Contrast(*request.contrast),
        plan,
    )
    return Run(labelling, source, SentMask())


def _at(session: ClientSession, run: Run, request: LabelSlice) -> Labelling:
    """Return the labelling for one slice."""
    plan = RunPlan(
        (request.z,),
        _window_of(session, request),
        whole=True,
        average_z=request.average_z,
        probabilities=request.probabilities,
        mask=cast("Mask", run.mask) if run.mask.planes and request.axes == 1 else None,
        axes=request.axes,
    )
    labelling = run.labelling
    return Labelling(
        labelling.source, labelling.predictor, labelling.requested, labelling.contrast, plan
    )


def _window_of(session: ClientSession, request: LabelSlice) -> tuple[slice, slice]:
    """Return the rows and columns that are labelled; all of a slice that was sent."""
    if request.volume is None:
        rows, columns = session.pixels_of(request.planes[request.z]).shape
        return slice(0, rows), slice(0, columns)
    volume = session.volumes.find(request.volume).volume
    if not 0 <= request.z < volume.depth:
        raise UserError(f"the volume has no slice {request.z}; its slices are counted from 0")
    return window_inside(request.window, volume.shape)
