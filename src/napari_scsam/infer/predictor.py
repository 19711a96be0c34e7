"""The engine for one slice: set an image, then ask for classes, clicks or boxes."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.config import ClassSpec, Progress, UserError, parse_voxel_size, select_classes
from napari_scsam.data.preprocess import Contrast, measure_contrast, normalise
from napari_scsam.data.tiling import Blend, Tile, cut, tile_grid
from napari_scsam.infer.device import choose_device, precision
from napari_scsam.infer.embeddings import EmbeddingCache
from napari_scsam.infer.postprocess import label_map
from napari_scsam.infer.prompt_answer import PromptAnswer, mask_prompt, prompt_answer
from napari_scsam.infer.prompts import prompt_tensors, tile_for
from napari_scsam.infer.teach import Example, fit_prototype
from napari_scsam.model import Embedding, ScSAM

HALO = 32
"""Pixels along a tile's border that its neighbour answers better."""

ZOOM_LIMITS = (0.125, 4.0)
"""Resampling to the checkpoint's pixel size stops here; beyond it there is nothing to see."""


class Slice(NamedTuple):
    """The image at hand, at the model's pixel size."""

    key: Hashable
    shape: tuple[int, int]
    """(Y, X) of the image as given."""
    grey: NDArray[np.float32]
    """In 0..1, resampled."""
    logits: dict[str, NDArray[np.float32]]
    """Classes asked for so far, by name: Y×X of the image as given."""

    @property
    def zoom(self) -> tuple[float, float]:
        """Model pixels to one image pixel, (y, x)."""
        return self.grey.shape[0] / self.shape[0], self.grey.shape[1] / self.shape[1]


class Predictor:
    """Segments slices with one model on one device.

    Parameters
    ----------
    model
        From `napari_scsam.load_checkpoint`.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.

    Notes
    -----
    Not thread safe: one thread owns a predictor, as it owns the device.
    """

    def __init__(self, model: ScSAM, device: str | torch.device = "auto") -> None:
        self.device = choose_device(str(device))
        self.model = model.eval().to(self.device)
        self.embeddings = EmbeddingCache()
        self._slice: Slice | None = None

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """The classes it knows."""
        return self.model.classes

    def set_image(
        self,
        image: ArrayLike,
        voxel_size: Sequence[float] | float | None = None,
        *,
        contrast: Contrast | None = None,
        key: Hashable | None = None,
    ) -> None:
        """Choose the slice that the next questions are about; nothing is computed yet.

        Parameters
        ----------
        image
            (Y, X) of any integer or float dtype.
        voxel_size
            nm along (z, y, x) or (y, x); the slice is resampled to the
            checkpoint's pixel size. None: unknown, taken as it is.
        contrast
            Of the whole volume; measured on this slice when not given.
        key
            Names the slice (say volume and index), so that its embeddings are
            found again; made from its pixels when not given.

        Raises
        ------
        UserError
            When it is not one grey slice, is empty, constant or all NaN.
        """
        pixels = check_slice(np.asarray(image))
        contrast = contrast or measure_contrast(pixels)
        zoom = self.zoom_for(voxel_size)
        name = key if key is not None else hashlib.blake2b(np.ascontiguousarray(pixels).tobytes()).hexdigest()
        full_key = (name, pixels.shape, pixels.dtype.str, contrast, zoom)
        if self._slice is not None and self._slice.key == full_key:
            return
        shape = (pixels.shape[0], pixels.shape[1])
        self._slice = Slice(full_key, shape, resample(normalise(pixels, contrast)[None], zoomed(shape, zoom))[0], {})

    def zoom_for(self, voxel_size: Sequence[float] | float | None) -> tuple[float, float]:
        """Model pixels to one image pixel, (y, x); 1 when a pixel size is unknown."""
        size, target = parse_voxel_size(voxel_size), self.model.config.nm_per_pixel
        if size is None or target is None:
            return 1.0, 1.0
        y, x = (float(np.clip(side / target, *ZOOM_LIMITS)) for side in size[1:])
        return y, x

    def current(self) -> Slice:
        """Give the slice at hand."""
        if self._slice is None:
            raise UserError("no image is set; call set_image first")
        return self._slice

    def tiles(self) -> list[Tile]:
        """Give the tiles of the slice at hand."""
        grey = self.current().grey
        return tile_grid((grey.shape[0], grey.shape[1]), self.model.config.tile, HALO)

    def is_embedded(self) -> bool:
        """Whether a class now costs only the decoder."""
        return all((self.current().key, tile) in self.embeddings for tile in self.tiles())

    @torch.inference_mode()
    def embed(self, tile: Tile, slice_: Slice | None = None) -> Embedding:
        """Embed a tile of a slice, by default the one at hand, or remember it."""
        slice_ = slice_ or self.current()

        def compute() -> Embedding:
            pixels = torch.from_numpy(np.ascontiguousarray(cut(slice_.grey, tile)))[None, None].to(self.device)
            with precision(self.device):
                return self.model.fuse(self.model.encode(pixels.contiguous(memory_format=torch.channels_last)))

        return self.embeddings.get((slice_.key, tile), compute)

    def logits_steps(self, names: Sequence[str] | None = None) -> Generator[Progress, None, NDArray[np.float32]]:
        """Like `class_logits`, as a generator that yields after each tile and can be closed between two."""
        slice_, wanted = self.current(), select_classes(self.classes, names)
        missing = [c for c in wanted if c.name not in slice_.logits]
        if missing:
            maps = yield from self._decode_steps(slice_, missing)
            slice_.logits.update({c.name: m for c, m in zip(missing, maps, strict=True)})
        return np.stack([slice_.logits[c.name] for c in wanted])

    def _decode_steps(self, slice_: Slice, missing: Sequence[ClassSpec]) -> Generator[Progress, None, NDArray[np.float32]]:
        tiles = self.tiles()
        blend = Blend(len(missing), (slice_.grey.shape[0], slice_.grey.shape[1]), HALO)
        rows = torch.tensor([self.classes.index(c) for c in missing], device=self.device)
        for done, tile in enumerate(tiles):
            yield Progress(done, len(tiles), "segmenting" if (slice_.key, tile) in self.embeddings else "embedding")
            blend.add(tile, self._decode(self.embed(tile, slice_), rows, tile))
        yield Progress(len(tiles), len(tiles), "segmenting")
        return resample(blend.result(), slice_.shape)

    @torch.inference_mode()
    def _decode(self, embedding: Embedding, rows: Tensor, tile: Tile) -> NDArray[np.float32]:
        with precision(self.device):
            logits = self.model.class_logits(embedding, self.model.class_prompt.prototypes[rows])
        return to_numpy(logits, (tile.height, tile.width))

    def class_logits(self, names: Sequence[str] | None = None) -> NDArray[np.float32]:
        """Give logits of classes on the slice at hand, K×Y×X float32.

        Parameters
        ----------
        names
            Classes in the order wanted; all when not given.
        """
        return finish(self.logits_steps(names))

    def segment_steps(self, names: Sequence[str] | None = None) -> Generator[Progress, None, NDArray[Any]]:
        """Like `segment`, as a generator that yields after each tile and can be closed between two."""
        wanted = select_classes(self.classes, names)
        logits = yield from self.logits_steps()
        return label_map(logits, self.classes, wanted)

    def segment(self, names: Sequence[str] | None = None) -> NDArray[Any]:
        """Label the slice at hand: Y×X class ids, 0 background.

        Every class is always predicted, so that overlaps are settled alike;
        `names` selects those that are written.
        """
        return finish(self.segment_steps(names))

    @torch.inference_mode()
    def predict_prompts(
        self,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        boxes: ArrayLike | None = None,
        masks: PromptAnswer | None = None,
    ) -> PromptAnswer:
        """Ask for objects by SAM's own prompts.

        Parameters
        ----------
        points
            P×2 for one object or N×P×2 for N, as (x, y) in image pixels.
        labels
            P or N×P: 1 inside, 0 outside; all inside when not given.
        boxes
            4 or N×4, as (x0, y0, x1, y1) in image pixels.
        masks
            An earlier answer about the same objects on this slice, which
            these prompts refine.

        Returns
        -------
        PromptAnswer
            Masks N×Y×X, their logits, and the predicted quality N.

        Raises
        ------
        UserError
            When there is no prompt, or shapes do not fit.
        """
        slice_ = self.current()
        prompts = prompt_tensors(points, labels, boxes, slice_.zoom)
        shape = (slice_.grey.shape[0], slice_.grey.shape[1])
        tile = masks.tile if masks is not None and prompts.fit(masks.tile) else tile_for(prompts, self.tiles(), shape)
        clicks, corners = prompts.inside(tile, self.device)
        earlier = None if masks is None else mask_prompt(masks, tile, slice_.shape, prompts.objects).to(self.device)
        with precision(self.device):
            logits, quality = self.model.prompt_logits(self.embed(tile), clicks, corners, earlier)
        return prompt_answer(logits[0], quality[0], tile, slice_.shape, slice_.zoom)

    def teach(self, name: str, foreground: ArrayLike, background: ArrayLike | None = None) -> ClassSpec:
        """Learn a new class from a few strokes on the slice at hand, in seconds.

        Parameters
        ----------
        name
            Of the new class, or of one taught before, which is taught anew.
        foreground, background
            Y×X, true where strokes say "this is it" and "this is not".

        Returns
        -------
        ClassSpec
            With the next free id; the class can be asked for at once.
        """
        marks = self.marks(foreground, background)
        shape = (marks.shape[1], marks.shape[2])
        touched = [t for t in self.tiles() if marks[(slice(None), *t.inside(shape))].any()]
        prototype = fit_prototype(self.model, [self._example(marks, t) for t in touched])
        spec = self.model.add_class(name, prototype)
        self.current().logits.pop(spec.name, None)
        return spec

    def _example(self, marks: NDArray[np.float32], tile: Tile) -> Example:
        foreground, background = (torch.from_numpy(cut(m, tile)).to(self.device) for m in marks)
        return self.embed(tile), foreground, background

    def marks(self, foreground: ArrayLike, background: ArrayLike | None) -> NDArray[np.float32]:
        """Bring strokes to model pixels, 2×Y×X of 0 and 1; the thinnest stroke stays."""
        slice_ = self.current()
        strokes = [np.asarray(s, bool) for s in (foreground, np.zeros(slice_.shape) if background is None else background)]
        for stroke in strokes:
            if stroke.shape != slice_.shape:
                raise UserError(f"the strokes have shape {stroke.shape} but the slice has {slice_.shape}; draw them on this slice")
        pixels = torch.from_numpy(np.stack(strokes).astype(np.float32))
        return F.adaptive_max_pool2d(pixels[None], slice_.grey.shape)[0].numpy()


def check_slice(pixels: NDArray[Any]) -> NDArray[Any]:
    """Let one grey slice of numbers pass."""
    if pixels.ndim == 3 and pixels.shape[-1] in (3, 4) and pixels.dtype == np.uint8:
        raise UserError(f"the image is colour (shape {pixels.shape}); convert it to grey first, EM has one channel")
    if pixels.ndim != 2:
        raise UserError(f"the image has {pixels.ndim} axes (shape {pixels.shape}); give one slice with two")
    if pixels.size == 0:
        raise UserError(f"the image is empty (shape {pixels.shape}); choose one with pixels")
    if pixels.dtype.kind not in "uif":
        raise UserError(f"the image has dtype {pixels.dtype}; give integers or floats")
    return pixels


def zoomed(shape: tuple[int, int], zoom: tuple[float, float]) -> tuple[int, int]:
    """Scale a shape (Y, X), to at least one pixel."""
    return max(1, round(shape[0] * zoom[0])), max(1, round(shape[1] * zoom[1]))


def resample(maps: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resize K×Y×X to a shape (Y, X), bilinear, antialiased when it shrinks."""
    if shape == maps.shape[1:]:
        return maps
    resized = F.interpolate(torch.from_numpy(np.ascontiguousarray(maps))[None], shape, mode="bilinear", antialias=True, align_corners=False)
    return resized[0].numpy()


def to_numpy(logits: Tensor, shape: tuple[int, int]) -> NDArray[np.float32]:
    """1×K×h×w logits to K×Y×X on the host."""
    full: NDArray[np.float32] = F.interpolate(logits.float(), shape, mode="bilinear", align_corners=False)[0].cpu().numpy()
    return full


def finish(steps: Generator[Progress, None, NDArray[Any]]) -> NDArray[Any]:
    """Run a generator to its end and give what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: NDArray[Any] = end.value
            return result
