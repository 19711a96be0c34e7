"""What runs on the worker thread: it owns the model, the device and the embeddings."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_scsam.config import TaughtClass
from napari_scsam.gui.jobs.pace import TilePace, with_time_left
from napari_scsam.gui.jobs.pixels import PixelMemory
from napari_scsam.gui.jobs.slice_request import SliceRequest, SliceSegmentation
from napari_scsam.gui.jobs.where import (
    AnyPredictor,
    ModelInfo,
    describe_device,
    describe_model,
    embed_ahead_steps,
    is_remote,
    list_there_steps,
    load_here_steps,
    load_there_steps,
    restore_taught_steps,
    save_here,
    start_torch,
    taught_names,
    taught_summary,
)
from napari_scsam.gui.layers.files import read_layers
from napari_scsam.gui.own_classes import as_asked
from napari_scsam.gui.settings import Settings
from napari_scsam.io.contrast import Contrast, measure_contrast
from napari_scsam.io.lazy import LazyArray
from napari_scsam.steps import Progress, Steps

if TYPE_CHECKING:
    from pathlib import Path

    from napari.types import LayerData

    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.remote.connection import Connection


class Engine:
    """Loads checkpoints and segments planes; used from one thread only."""

    settings = Settings()
    """Of the next network that is loaded; may be set from any thread."""

    def __init__(self) -> None:
        self.line: Connection | None = None
        """To the server that runs networks; None: this computer does. Any thread may set it."""
        self._loaded: tuple[str, Connection | str] | None = None
        """Which checkpoint the predictor is of, and where it runs."""
        self._predictor: AnyPredictor | None = None
        self._contrasts: dict[Hashable, Contrast] = {}
        self.pace = TilePace()
        """Seconds a tile, as measured; may be read from any thread."""
        self._prepared: tuple[Hashable, Any] | None = None
        """What was segmented last: the next click there does not prepare it again."""
        self._pixels = PixelMemory()

    def is_loaded(self, checkpoint: str) -> bool:
        """Whether this checkpoint is loaded; may be asked from any thread."""
        wanted = (checkpoint, self.line or self.settings.device)
        return self._predictor is not None and self._loaded == wanted

    def load_steps(self, checkpoint: str, taught: Sequence[TaughtClass] = ()) -> Steps[ModelInfo]:
        """Load a checkpoint, unless it is loaded, and add the classes that it was taught before."""
        predictor = yield from self.ready_steps(checkpoint)
        yield from restore_taught_steps(predictor, taught)
        return describe_model(checkpoint, predictor)

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
            request, labels, describe_device(predictor), time.perf_counter() - start
        )

    def set_slice_steps(self, request: SliceRequest) -> Steps[AnyPredictor]:
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
        """Embed neighbours of a segmented plane."""
        predictor = yield from self.ready_steps(request.checkpoint)
        predictor.tta = request.tta
        planes = request.plane.neighbours(request.data.shape)
        makers = [
            partial(self.prepare, predictor, replace(request, plane=plane)) for plane in planes
        ]
        yield from embed_ahead_steps(predictor, makers)

    def open_steps(self, path: str) -> Steps[list[LayerData]]:
        """Read a file's header and return the file as napari layers."""
        yield Progress(0, 1, f"opening {path}")
        return read_layers(path)

    def list_steps(self) -> Steps[tuple[CheckpointInfo, ...]]:
        """Return the checkpoints of the server; none without one."""
        if self.line is None:
            return ()
        return (yield from list_there_steps(self.line))

    def save_steps(self, info: CheckpointInfo, path: Path) -> Steps[CheckpointInfo]:
        """Write the loaded network, with what it was taught, as a new checkpoint here."""
        predictor = yield from self.ready_steps(info.reference)
        yield Progress(0, 1, f"writing {path.name}")
        from napari_scsam.checkpoints.find import checkpoint_info

        own = info.alone
        if is_remote(predictor):
            taught = sorted(taught_names(predictor))
            yield from predictor.save_steps(path, taught_summary(own.summary, taught))
        else:
            save_here(predictor.model, own, path)
        return checkpoint_info(path)

    def make_steps(self, name: str, file: Path) -> Steps[CheckpointInfo]:
        """Create a checkpoint of published weights."""
        yield Progress(0, 1, f"creating the network of {name}")
        start_torch()
        from napari_scsam.checkpoints.published import make_checkpoint

        return (yield from make_checkpoint(name, file))

    def prepare(self, predictor: AnyPredictor, request: SliceRequest) -> Any:
        """Read a plane of a volume whose contrast is known; return a slice of the predictor."""
        size = request.plane.voxel_size(request.voxel_size)
        contrast = request.contrast or self._contrasts[request.stack]
        pixels = request.read()
        if not isinstance(request.data, LazyArray):
            self._pixels.remember(request.key, pixels)
        predictor.coarse = request.coarse
        return predictor.prepare(pixels, size, contrast=contrast, key=request.key)

    def ready_steps(self, checkpoint: str) -> Steps[AnyPredictor]:
        """Return the predictor of a checkpoint, which is loaded first if needed."""
        line = self.line
        wanted = (checkpoint, line or self.settings.device)
        if self._predictor is None or self._loaded != wanted:
            if line is None:
                self._predictor = yield from load_here_steps(checkpoint, self.settings)
            else:
                self._predictor = yield from load_there_steps(checkpoint, line)
            self._loaded = wanted
            self._prepared = None
        return self._predictor
