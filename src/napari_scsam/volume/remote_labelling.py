"""Labels of slices by a network on a server; they are read and written on this computer."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.infer.postprocess import label_dtype
from napari_scsam.infer.tiling import zoom_to
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.remote.arrays import WireArray, pack, unpack
from napari_scsam.remote.asked import LabelSlice
from napari_scsam.remote.predictor import RemotePredictor
from napari_scsam.remote.remote_slice import RemoteSlice
from napari_scsam.steps import Steps
from napari_scsam.volume.answer import Answer, Working, inside_mask
from napari_scsam.volume.labelling import Labelling
from napari_scsam.volume.three_axes import CUBE_AXES, plan_cubes
from napari_scsam.volume.writing.ledger import pixels_hash

FEW_PLANES = 3
"""More slices than these are read with a word to the user."""

Answers = Generator[Answer | Working | None, None, None]


@dataclass(frozen=True)
class RemoteLabelling(Labelling):
    """Labels slices of a volume with a network on a server.

    Each slice is sent once, also where it is averaged with its neighbours.
    """

    planes: dict[int, RemoteSlice] = field(default_factory=dict)
    """The slices that were read last."""
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    """Tells this run from others, before which the network may have known other classes."""

    @property
    def remote(self) -> RemotePredictor:
        """The predictor, whose network is on a server."""
        predictor: Any = self.predictor
        found: RemotePredictor = predictor
        return found

    def answers(self, wanted: Sequence[int]) -> Answers:
        """Compute slices in order; None for one that cannot be read."""
        mask = self.plan.mask
        for z in wanted:
            answer = yield from self._slice_steps(z)
            if answer is not None and mask is not None:
                answer = inside_mask(answer, mask.plane(z)[self.plan.window])
            yield answer

    def _slice_steps(self, z: int) -> Generator[Working, None, Answer | None]:
        wanted = None
        if self.plan.mask is not None:
            wanted = self.plan.mask.wanted(z, self.plan.reach, self.plan.window)
            if not wanted.any():
                return Answer(z, "", self._no_labels, self._no_probabilities)
        planes = yield from self._read_beside(z)
        if z not in planes:
            return None
        request = self._request(z, planes, wanted)
        steps = self.remote.session.ask_steps(lambda: request, list(planes.values()))
        labelled = yield from as_working(steps)
        return as_answer_of(labelled, z, pixels_hash(planes[z].pixels))

    def _read_beside(self, z: int) -> Generator[Working, None, dict[int, RemoteSlice]]:
        """Read a slice and those that it is averaged with; damaged ones are left out."""
        inside = self._beside(z)
        for n in [n for n in self.planes if n not in inside]:
            del self.planes[n]
        for done, n in enumerate(inside):
            if n not in self.planes and n not in self.damaged:
                if len(inside) > FEW_PLANES:
                    yield Working(done, len(inside), f"reading slice {n}")
                self._read_one(n)
        return {n: self.planes[n] for n in inside if n in self.planes}

    def _beside(self, z: int) -> range:
        """Return the slices that the logits of a slice depend on."""
        depth = self.source.depth
        if self.plan.axes == CUBE_AXES:
            zoom = min(zoom_to(self.remote.nm_per_pixel, self.source.pixel_size))
            plan = plan_cubes(depth, self.plan.window, zoom)
            return plan.seen_with(plan.layer_of(z))
        return range(max(0, z - self.plan.reach), min(depth, z + self.plan.reach + 1))

    def _read_one(self, z: int) -> None:
        try:
            plane = self.source.plane(z)[self.plan.window]
        except DamagedPartError as error:
            self.damaged[z] = error  # it costs its slice, and no other
            return
        size = self.source.pixel_size
        self.planes[z] = self.remote.prepare(plane, size, contrast=self.contrast)

    def _masks(self, planes: Iterable[int]) -> dict[int, WireArray]:
        """Return what is labelled on each slice; nothing where all of it is."""
        mask = self.plan.mask
        if mask is None:
            return {}
        wanted = {n: mask.wanted(n, self.plan.reach, self.plan.window) for n in planes}
        return {n: pack(np.ascontiguousarray(part)) for n, part in wanted.items()}

    def _request(
        self, z: int, planes: dict[int, RemoteSlice], wanted: NDArray[np.bool_] | None
    ) -> LabelSlice:
        """Return the request for a slice; of its run, it says all that the server needs."""
        masks: dict[int, WireArray] = {}
        if wanted is not None:
            masks = self._masks(planes)
        request = LabelSlice(
            id=0,
            run="0" * 32,
            z=z,
            planes={n: each.ref.pixels for n, each in planes.items()},
            wanted=masks,
            pixel_size=planes[z].ref.pixel_size,
            contrast=(float(self.contrast.low), float(self.contrast.high)),
            classes=tuple(spec.name for spec in self.requested),
            careful=self.remote.tta,
            coarse=self.remote.coarse,
            average_z=self.plan.average_z,
            probabilities=self.plan.probabilities,
            **self._of_cube(),
        )
        return request.model_copy(update={"run": run_hash(request, self.mark)})

    def _of_cube(self) -> dict[str, Any]:
        """Return what a request says of three axes."""
        if self.plan.axes != CUBE_AXES:
            return {}
        return {
            "axes": CUBE_AXES,
            "depth": self.source.depth,
            "voxel_size": self.source.voxel_size,
        }

    def network_settings(self) -> dict[str, Any]:
        """Return what tells networks apart, as plain JSON values."""
        return dict(self.remote.session.loaded.network)

    def views(self) -> list[dict[str, Any]]:
        """Return the views that are averaged, as plain JSON values."""
        views = list(self.remote.session.loaded.views)
        if not self.remote.tta:
            views = views[-1:]  # the slice as it is
        if self.remote.coarse:
            return [{**view, "coarse": True} for view in views]
        return views

    def _no_labels(self) -> NDArray[Any]:
        return np.zeros(self._shape, label_dtype(self.remote.classes))


def run_hash(request: LabelSlice, mark: str) -> str:
    """Return a hash of what the slices of one run share, and of its mark."""
    values = request.model_dump(exclude={"id", "run", "z", "planes", "wanted"})
    text = json.dumps([mark, values], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def as_working(steps: Steps[Any]) -> Generator[Working, None, Any]:
    """Pass on how far a request is, as a run shows it; return its result."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        yield Working(step.done, step.total, step.what or "waiting for the server")


def as_answer_of(labelled: Any, z: int, pixels: str) -> Answer:
    """Return a slice that the server labelled, whose pixels have a hash."""

    def labels() -> NDArray[Any]:
        return unpack(labelled.labels)

    def probabilities() -> NDArray[np.uint8]:
        return unpack(labelled.probabilities)

    return Answer(z, pixels, labels, probabilities)
