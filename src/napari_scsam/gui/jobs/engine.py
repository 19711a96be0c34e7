"""What runs on the worker thread: it owns the model, the device and the embeddings."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, TaughtClass, VoxelSize
from napari_scsam.errors import NoTorchError, torch_is_installed
from napari_scsam.gui.jobs.pace import TilePace, with_time_left
from napari_scsam.gui.jobs.pixels import PixelMemory
from napari_scsam.gui.layers.class_table import preload_labels
from napari_scsam.gui.layers.files import read_layers
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.own_classes import as_asked
from napari_scsam.gui.settings import Settings
from napari_scsam.gui.words import count_of, group_digits
from napari_scsam.gui.workarounds.torch_guard import collection_paused, import_torch_stack
from napari_scsam.io.contrast import Contrast, measure_contrast
from napari_scsam.io.lazy import LazyArray
from napari_scsam.steps import Progress, Steps

if TYPE_CHECKING:
    from pathlib import Path

    from napari.types import LayerData

    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.infer.prepared_slice import Slice
    from napari_scsam.infer.suggest import Region

BY_SERVER = "choose Server … under Model > Device"
"""How networks run in a window where torch is not installed."""

LEAST_SHARE = 0.0005
"""Smallest share of the pixels that is reported; less would read as 0.0 %."""


@dataclass(frozen=True)
class ModelInfo:
    """What the panels show of a loaded model."""

    name: str
    device: str


@dataclass(frozen=True)
class SliceRequest:
    """One plane to segment: everything that the worker thread needs, and no layer."""

    checkpoint: str
    volume: Hashable
    """Identity of the volume's pixels: contrast and embeddings are remembered under it."""
    data: Any
    """(Y, X), (Z, Y, X) or several volumes (…, Z, Y, X), read lazily."""
    plane: Plane
    voxel_size: VoxelSize | None
    """nm along z, y, x; None when unknown."""
    classes: tuple[ClassSpec, ...]
    """The classes to write."""
    threshold_offsets: tuple[tuple[str, float], ...] = ()
    """What is added to the thresholds of classes, by name."""
    contrast: Contrast | None = None
    """The grey values that become black and white; None: as measured on the whole volume."""
    region: Region | None = None
    """The part of the plane to segment; None: all of it."""
    tta: bool = False
    """Whether several views of the plane are averaged."""

    @property
    def key(self) -> Hashable:
        """Identity of the pixels to segment."""
        if self.region is None:
            return (self.volume, self.plane)
        return (self.volume, self.plane, self.region)

    @property
    def stack(self) -> Hashable:
        """Identity of the volume that the plane belongs to, which has one contrast."""
        return (self.volume, self.plane.lead) if self.plane.lead else self.volume

    def follows(self, other: SliceRequest | None) -> bool:
        """Whether it differs from another request by its threshold offsets alone."""
        if other is None or self.threshold_offsets == other.threshold_offsets:
            return False
        return (self.key, self.classes, self.tta) == (other.key, other.classes, other.tta)

    def read(self) -> NDArray[Any]:
        """Read the pixels to segment, (rows, columns)."""
        if self.region is None:
            return self.plane.read(self.data)
        top, left, bottom, right = self.region
        return self.plane.read(self.data, slice(top, bottom))[:, left:right]

    @property
    def embedding(self) -> Hashable:
        """Identity of the embedding of these pixels."""
        return (self.checkpoint, self.key, self.voxel_size, self.contrast, self.tta)

    def describe(self) -> str:
        """Return a phrase for the user, e.g. ``"mitochondrion on slice 12"``."""
        what = count_of(len(self.classes), "class", "classes")
        if len(self.classes) == 1:
            what = self.classes[0].name
        where = "in a region of" if self.region else "on"
        return f"{what} {where} {self.plane.describe()}"


@dataclass(frozen=True)
class SliceSegmentation:
    """The answer to a `SliceRequest`."""

    request: SliceRequest
    labels: NDArray[np.integer[Any]]
    """(rows, columns) class ids."""
    device: str
    seconds: float
    taught: bool = False
    """Whether strokes have just taught the class."""

    def with_classes(self, kept: Sequence[ClassSpec]) -> SliceSegmentation:
        """Keep some of the classes, as they are called now."""
        ids = [spec.id for spec in kept]
        labels = np.where(np.isin(self.labels, ids), self.labels, 0).astype(self.labels.dtype)
        return replace(self, request=replace(self.request, classes=tuple(kept)), labels=labels)

    def on_plane(self) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Return the labels of the whole plane, and its pixels outside the region, if any."""
        plane = self.request.plane
        region = self.request.region
        if region is None:
            return self.labels, None
        shape = plane.shape(self.request.data.shape)
        labels = np.zeros(shape, self.labels.dtype)
        outside = np.ones(shape, bool)
        part = slice(region[0], region[2]), slice(region[1], region[3])
        labels[part] = self.labels
        outside[part] = False
        return labels, outside

    def describe(
        self, refused: Mapping[str, int] | None = None, taken: Mapping[str, int] | None = None
    ) -> str:
        """Return a sentence on the result.

        For example ``"mitochondrion on slice 12: 4.9 % of the pixels, 1.3 s on cpu."``.

        Parameters
        ----------
        refused
            Pixels found that were left alone, by the word for what protects them, such as
            ``"reviewed"``; under `UNNAMED` those of other classes and those that the user painted.
        taken
            Pixels that another class had before, by its name.
        """
        what = self.describe_found()
        parts = [what]
        if self.device:
            parts = [f"{what}, {self.seconds:.1f} s on {self.device}"]
        parts += [
            f"{group_digits(count)} taken from {name}" for name, count in (taken or {}).items()
        ]
        for word, count in (refused or {}).items():
            if count / self.labels.size >= LEAST_SHARE:
                parts.append(f"{self._share(count)} {_why_left(word)}")
        return "; ".join(parts) + "."

    def describe_found(self) -> str:
        """Return a phrase on how much was found of what."""
        return f"{self.request.describe()}: {self._found()}"

    def _found(self) -> str:
        found = int(np.count_nonzero(self.labels))
        if not found:
            return "nothing found"
        if self.taught:
            return count_of(found, "pixel")
        return f"{self._share(found)} of the pixels"

    def _share(self, count: int) -> str:
        return f"{count / self.labels.size:.1%}".replace("%", " %")


def _why_left(word: str) -> str:
    if word:
        return f"are {word} and stay"
    return "left unchanged (other classes or your edits)"


class Engine:
    """Loads checkpoints and segments planes; used from one thread only."""

    settings = Settings()
    """Of the next network that is loaded; may be set from any thread."""

    def __init__(self) -> None:
        self._checkpoint: str | None = None
        self._predictor: Predictor | None = None
        self._contrasts: dict[Hashable, Contrast] = {}
        self.pace = TilePace()
        """Seconds a tile, as measured; may be read from any thread."""
        self._prepared: tuple[Hashable, Slice] | None = None
        """What was segmented last: the next click there does not prepare it again."""
        self._pixels = PixelMemory()

    def is_loaded(self, checkpoint: str) -> bool:
        """Whether this checkpoint is loaded; may be asked from any thread."""
        return self._predictor is not None and self._checkpoint == checkpoint

    def load_steps(self, checkpoint: str, taught: Sequence[TaughtClass] = ()) -> Steps[ModelInfo]:
        """Load a checkpoint, unless it is loaded, and add the classes that it was taught before."""
        predictor = yield from self.ready_steps(checkpoint)
        predictor.restore_taught(taught)
        return ModelInfo(checkpoint, str(predictor.device))

    def segment_steps(self, request: SliceRequest) -> Steps[SliceSegmentation]:
        """Segment a plane; load the checkpoint and measure the contrast first if needed."""
        yield from self.ready_steps(request.checkpoint)
        start = time.perf_counter()
        predictor = yield from self.set_slice_steps(request)
        predictor.tta = request.tta
        steps = predictor.segment_steps(
            [spec.known_as for spec in request.classes], dict(request.threshold_offsets)
        )
        labels = yield from with_time_left(steps, self.pace)
        labels = as_asked(labels, predictor.classes, request.classes)
        return SliceSegmentation(
            request, labels, str(predictor.device), time.perf_counter() - start
        )

    def set_slice_steps(self, request: SliceRequest) -> Steps[Predictor]:
        """Return the predictor, set to the plane.

        The checkpoint is loaded and the contrast is measured first if needed.
        """
        predictor = yield from self.ready_steps(request.checkpoint)
        self._forget_changed(request)
        if request.contrast is None and request.stack not in self._contrasts:
            yield Progress(0, 1, "measuring the contrast of the volume")
            self._contrasts[request.stack] = measure_contrast(request.plane.volume(request.data))
        if self._prepared is None or self._prepared[0] != request.embedding:
            yield Progress(0, 1, f"reading {request.plane.describe()}")
            self._prepared = (request.embedding, self.prepare(predictor, request))
        predictor.set_slice(self._prepared[1])
        return predictor

    def _forget_changed(self, request: SliceRequest) -> None:
        """Forget the contrast and the last slice if their pixels were changed in place.

        A file that is read lazily does not change, but it may be gone.

        Raises
        ------
        UserError
            When it is.
        """
        if isinstance(request.data, LazyArray):
            request.data.check()
            return
        volume = request.plane.volume(request.data)
        elsewhere = self._pixels.volume_has_changed(request.stack, volume)
        pixels = request.read()
        if elsewhere or not self._pixels.is_current(request.key, pixels):
            self._pixels.remember(request.key, pixels)
            self._contrasts.pop(request.stack, None)
            self._prepared = None

    def prefetch_steps(self, request: SliceRequest) -> Steps[None]:
        """Embed neighbours of a segmented plane, as many as fit into memory together with it."""
        predictor = yield from self.ready_steps(request.checkpoint)
        predictor.tta = request.tta
        for number, plane in enumerate(request.plane.neighbours(request.data.shape)):
            neighbour = replace(request, plane=plane)
            views = predictor.augmented(self.prepare(predictor, neighbour))
            tiles = sum(len(predictor.tiles(view)) for view in views)
            # The slice shown, the neighbours so far and this one must fit.
            if not predictor.embeddings.has_room((number + 2) * tiles):
                return
            for view in views:
                yield from predictor.embed_steps(view)

    def open_steps(self, path: str) -> Steps[list[LayerData]]:
        """Read a file's header and return the file as napari layers."""
        yield Progress(0, 1, f"opening {path}")
        return read_layers(path)

    def save_steps(self, checkpoint: str, path: Path) -> Steps[CheckpointInfo]:
        """Write the loaded network, with what it was taught, as a new checkpoint."""
        predictor = yield from self.ready_steps(checkpoint)
        yield Progress(0, 1, f"writing {path.name}")
        from napari_scsam.checkpoints.checkpoint import save_checkpoint
        from napari_scsam.checkpoints.find import checkpoint_info

        info = checkpoint_info(checkpoint).alone
        taught = [spec.name for spec in predictor.model.classes if spec not in info.classes]
        summary = info.summary
        if taught:
            summary = f"{summary}; taught {', '.join(taught)}"
        training = {
            **info.training,
            "taught": {"classes": [*info.taught, *taught], "from": info.name},
        }
        save_checkpoint(
            path, predictor.model, summary=summary, licence=info.licence, training=training
        )
        return checkpoint_info(path)

    def make_steps(self, name: str, file: Path) -> Steps[CheckpointInfo]:
        """Create a checkpoint of published weights."""
        yield Progress(0, 1, f"creating the network of {name}")
        start_torch()
        from napari_scsam.checkpoints.published import make_checkpoint

        return (yield from make_checkpoint(name, file))

    def prepare(self, predictor: Predictor, request: SliceRequest) -> Slice:
        """Read a plane of a volume whose contrast is known, for the predictor."""
        size = request.plane.voxel_size(request.voxel_size)
        contrast = request.contrast or self._contrasts[request.stack]
        pixels = request.read()
        if not isinstance(request.data, LazyArray):
            self._pixels.remember(request.key, pixels)
        return predictor.prepare(pixels, size, contrast=contrast, key=request.key)

    def ready_steps(self, checkpoint: str) -> Steps[Predictor]:
        """Return the predictor of a checkpoint, which is loaded first if needed."""
        if self._predictor is None or self._checkpoint != checkpoint:
            yield Progress(0, 2, "starting the network")
            with collection_paused():
                start_torch()
                from napari_scsam.checkpoints.checkpoint import load_checkpoint
                from napari_scsam.infer.disk_cache import default_cache
                from napari_scsam.infer.predictor import Predictor

                yield Progress(1, 2, f"loading {checkpoint}")
                disk = default_cache(self.settings.cache_gigabytes)
                model = load_checkpoint(checkpoint)
                self._predictor = Predictor(model, self.settings.device, disk)
            self._checkpoint = checkpoint
        return self._predictor


def start_torch() -> None:
    """Import what networks need while a window is open; a second call does nothing.

    Raises
    ------
    NoTorchError
        When torch is not installed.
    """
    if not torch_is_installed():
        raise NoTorchError(BY_SERVER)
    with collection_paused():
        preload_labels()
        import_torch_stack()
