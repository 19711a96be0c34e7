"""The engine for one slice: set an image, then ask for classes, clicks or boxes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.config import ClassSpec, TaughtClass, UserError, parse_voxel_size, select_classes
from napari_scsam.infer.device import choose_device, precision
from napari_scsam.infer.disk_cache import DiskCache
from napari_scsam.infer.embeddings import EmbeddingCache, join
from napari_scsam.infer.lanes import side_by_side
from napari_scsam.infer.memory import Load, hold_memory, retry_smaller_on_oom
from napari_scsam.infer.postprocess import argmax_or_background, keep_only, label_map
from napari_scsam.infer.prepared_slice import (
    AS_IT_IS,
    HALO,
    VIEWS,
    ZOOM_LIMITS,
    Slice,
    View,
    check_slice,
    resample,
    zoomed,
)
from napari_scsam.infer.prompt_answer import PromptAnswer, mask_prompt, prompt_answer
from napari_scsam.infer.prompts import prompt_tensors, tile_for
from napari_scsam.infer.teach import HELD, Example, fit_prototype, latest
from napari_scsam.infer.tile_encoder import TileEncoder
from napari_scsam.infer.tiling import Blend, Tile, cut
from napari_scsam.io.contrast import Contrast, measure_contrast, normalise
from napari_scsam.model import Embedding, ScSAM
from napari_scsam.steps import Progress, as_part

T = TypeVar("T")

ANSWERS = 8
"""Slices whose labels of all classes are remembered, a byte or two for each pixel."""


class Predictor:
    """Segments slices with one model on one device.

    Parameters
    ----------
    model
        From `napari_scsam.load_checkpoint`.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    disk
        Where embeddings are looked for before they are computed, from
        `default_cache`; None: they are remembered in memory alone.
    fill
        Whether new ones are also kept there.
    tta
        Whether classes are looked for in four views of a slice (as it is,
        turned, smaller, larger) and their logits averaged: test-time
        augmentation, as in Wang et al. 2019, "Aleatoric uncertainty estimation
        with test-time augmentation". Better on average, and four times the
        work. May be changed between two questions.

    Notes
    -----
    Not thread safe: one thread owns a predictor, as it owns the device.
    """

    def __init__(
        self,
        model: ScSAM,
        device: str | torch.device = "auto",
        disk: DiskCache | None = None,
        *,
        fill: bool = True,
        tta: bool = False,
    ) -> None:
        self.device = choose_device(str(device))
        self.tta = tta
        # Convolutions work in this order of memory; weights in another would be turned round for each tile.
        self.model = model.eval().to(self.device).to(memory_format=torch.channels_last)
        hold_memory()
        self.embeddings = EmbeddingCache()
        self.encoder = TileEncoder(self.model, self.device, disk, fill=fill)
        self.load = Load(self.device, self.model.config.tile)
        self._own = model.classes, model.class_prompt.prototypes.detach().clone(), model.thresholds
        self._slice: Slice | None = None
        self._lessons: dict[str, list[Example]] = {}
        """What classes were taught by, by name; more strokes add to it."""
        self._answers: dict[Hashable, NDArray[Any]] = {}
        """Labels of all classes on the slices segmented last, by the slice's key: another class is a look-up."""

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
        self.set_slice(self.prepare(image, voxel_size, contrast=contrast, key=key))

    def prepare(
        self,
        image: ArrayLike,
        voxel_size: Sequence[float] | float | None = None,
        *,
        contrast: Contrast | None = None,
        key: Hashable | None = None,
    ) -> Slice:
        """Check a slice and bring it to the model's pixel size, for `set_slice`, or for `embed_steps` to embed it ahead.

        Parameters and errors are those of `set_image`.
        """
        pixels = check_slice(np.asarray(image))
        contrast = contrast or measure_contrast(pixels)
        zoom = self.zoom_for(voxel_size)
        size = parse_voxel_size(voxel_size)
        pixel = None if size is None else (size[1], size[2])
        name = (
            key
            if key is not None
            else hashlib.blake2b(np.ascontiguousarray(pixels).tobytes()).hexdigest()
        )
        full_key = (name, pixels.shape, pixels.dtype.str, contrast, zoom)
        if self._slice is not None and (self._slice.key, self._slice.pixel) == (full_key, pixel):
            return self._slice
        shape = (pixels.shape[0], pixels.shape[1])
        return Slice(
            full_key,
            shape,
            resample(normalise(pixels, contrast)[None], zoomed(shape, zoom))[0],
            pixel,
        )

    def set_slice(self, slice_: Slice) -> None:
        """Choose a prepared slice, as `set_image` does."""
        self._slice = slice_

    def zoom_for(self, voxel_size: Sequence[float] | float | None) -> tuple[float, float]:
        """Model pixels to one image pixel, (y, x); 1 when a pixel size is unknown."""
        size = parse_voxel_size(voxel_size)
        target = self.model.config.nm_per_pixel
        if size is None or target is None:
            return 1.0, 1.0
        y, x = (float(np.clip(side / target, *ZOOM_LIMITS)) for side in size[1:])
        return y, x

    def current(self) -> Slice:
        """Return the slice at hand."""
        if self._slice is None:
            raise UserError("no image is set; call set_image first")
        return self._slice

    def tiles(self, slice_: Slice | None = None) -> Sequence[Tile]:
        """Return the tiles of a slice, by default the one at hand."""
        return (slice_ or self.current()).grid(self.load.tile).tiles

    @property
    def views(self) -> Sequence[View]:
        """The views in which classes are looked for."""
        return VIEWS if self.tta else (AS_IT_IS,)

    def seen(self, slice_: Slice) -> list[Slice]:
        """Return the views of a slice, to embed them ahead."""
        return [slice_.seen(view) for view in self.views]

    def is_embedded(self, slice_: Slice | None = None) -> bool:
        """Whether a class on a slice, by default the one at hand, now costs only the decoder."""
        seen = self.seen(slice_ or self.current())
        return all(
            (view.key, tile) in self.embeddings for view in seen for tile in self.tiles(view)
        )

    def embed(self, tile: Tile, slice_: Slice | None = None) -> Embedding:
        """Embed a tile of a slice, by default the one at hand, or remember it."""
        return self._embed(slice_ or self.current(), [tile])

    def _embed(self, slice_: Slice, tiles: Sequence[Tile]) -> Embedding:
        """Embed B tiles of one size, or remember them."""
        grid = slice_.grid(self.load.tile)
        keys = [(slice_.key, tile) for tile in tiles]
        return join(
            self.embeddings.get(
                keys, lambda missing: self.encoder.embed(grid, [tiles[i] for i in missing])
            )
        )

    def embed_steps(self, slice_: Slice | None = None) -> Generator[Progress, None, None]:
        """Embed a slice, by default the one at hand; yields after each tile, and can be closed between two."""
        chosen = slice_ or self.current()
        return self.load.steps(lambda: self._each(chosen, lambda tiles: self._embed(chosen, tiles)))

    def cache_steps(self, slice_: Slice | None = None) -> Generator[Progress, None, None]:
        """Make sure that the embeddings of a slice are on disk; those that are there are not computed."""
        chosen = slice_ or self.current()
        return self.load.steps(
            lambda: self._each(
                chosen, lambda tiles: self.encoder.keep(chosen.grid(self.load.tile), tiles)
            )
        )

    def _each(
        self,
        slice_: Slice,
        work: Callable[[Sequence[Tile]], T],
        take: Callable[[T], object] = lambda _: None,
    ) -> Generator[Progress, None, None]:
        """Work through the tiles of a slice, as many in a batch and as many batches side by side as the device is given."""
        tiles = self.tiles(slice_)
        batch = self.load.batch
        at_once = self.load.batch * self.load.lanes
        with side_by_side(self.load.lanes) as run:
            for done in range(0, len(tiles), at_once):
                chunk = tiles[done : done + at_once]
                known = all((slice_.key, tile) in self.embeddings for tile in chunk)
                yield Progress(done, len(tiles), "segmenting" if known else "embedding")
                for found in run(work, [chunk[i : i + batch] for i in range(0, len(chunk), batch)]):
                    take(found)

    def logits_steps(
        self, names: Sequence[str] | None = None
    ) -> Generator[Progress, None, NDArray[np.float32]]:
        """Like `class_logits`, as a generator that yields after each tile and can be closed between two; its answer is only to be read."""
        self.model.config.need_classes()
        slice_ = self.current()
        wanted = select_classes(self.classes, names)
        views = len(self.views)
        missing = [c for c in wanted if (c.name, views) not in slice_.logits]
        if missing:
            once = partial(self._decode_steps, slice_, missing)
            maps = yield from (
                self._average_steps(slice_, missing) if self.tta else self.load.steps(once)
            )
            slice_.logits.update({(c.name, views): m for c, m in zip(missing, maps, strict=True)})
            if len(missing) == len(wanted):
                return maps
        return np.stack([slice_.logits[c.name, views] for c in wanted])

    def _average_steps(
        self, slice_: Slice, missing: Sequence[ClassSpec]
    ) -> Generator[Progress, None, NDArray[np.float32]]:
        """Decode K classes in each view, and give their average, K×Y×X."""
        average = np.zeros((len(missing), *slice_.shape), np.float32)
        seen = self.seen(slice_)
        for number, view in enumerate(self.views):
            counts = [
                len(self.tiles(each)) for each in seen
            ]  # more when tiles were halved for want of memory
            steps = self.load.steps(partial(self._decode_steps, seen[number], missing))
            maps = yield from as_part(steps, sum(counts[:number]), sum(counts))
            maps /= len(seen)
            average += view.back(maps)
        return average

    def _decode_steps(
        self, slice_: Slice, missing: Sequence[ClassSpec]
    ) -> Generator[Progress, None, NDArray[np.float32]]:
        blend = Blend(len(missing), (slice_.grey.shape[0], slice_.grey.shape[1]), HALO)
        rows = torch.tensor([self.classes.index(c) for c in missing], device=self.device)

        def work(tiles: Sequence[Tile]) -> list[tuple[Tile, NDArray[np.float32]]]:
            shape = tiles[0].height, tiles[0].width
            return list(
                zip(tiles, self._decode(self._embed(slice_, tiles), rows, shape), strict=True)
            )

        def take(found: Sequence[tuple[Tile, NDArray[np.float32]]]) -> None:
            for tile, maps in found:
                blend.add(tile, maps)

        yield from self._each(slice_, work, take)
        yield Progress(count := len(self.tiles(slice_)), count, "segmenting")
        return resample(blend.result(), slice_.shape)

    @torch.inference_mode()
    def _decode(
        self, embedding: Embedding, rows: Tensor, shape: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Decode K classes on B tiles of one shape: B×K×Y×X."""
        with precision(self.device):
            logits = self.model.class_logits(embedding, self.model.class_prompt.prototypes[rows])
        return to_numpy(logits.float() / self.model.temperature, shape)

    def class_logits(self, names: Sequence[str] | None = None) -> NDArray[np.float32]:
        """Return logits of classes on the slice at hand, K×Y×X float32.

        They are divided by the checkpoint's temperature, so that a softmax over
        ``[0, logits]`` gives calibrated probabilities (Guo et al. 2017).

        Parameters
        ----------
        names
            Classes in the order wanted; all when not given.

        Raises
        ------
        UserError
            When a name is not known, or the network has learned no classes.
        """
        return finish(self.logits_steps(names)).copy()

    def segment_steps(
        self,
        names: Sequence[str] | None = None,
        threshold_offsets: Mapping[str, float] | None = None,
    ) -> Generator[Progress, None, NDArray[Any]]:
        """Like `segment`, as a generator that yields after each tile and can be closed between two.

        `threshold_offsets` are as `labels_from_logits` takes them.
        """
        moved = {name: by for name, by in (threshold_offsets or {}).items() if by}
        wanted = select_classes(self.classes, names)
        slice_ = self.current()
        competing = self.competing(wanted)
        key = (slice_.key, slice_.pixel, competing, frozenset(moved.items()), self.views)
        if key not in self._answers:
            logits = yield from self.logits_steps([c.name for c in competing])
            self._answers[key] = self.labels_from_logits(
                logits, competing, threshold_offsets=moved, pixel=slice_.pixel
            )
            while len(self._answers) > ANSWERS:
                self._answers.pop(next(iter(self._answers)))
        return keep_only(self._answers[key], competing, wanted)

    def competing(self, wanted: Sequence[ClassSpec]) -> tuple[ClassSpec, ...]:
        """Return the classes that compete for pixels: the checkpoint's own, and of those taught since the ones that are asked for.

        What a few strokes taught may be found in too many places; that costs nobody pixels who does not ask for it.
        """
        own = {c.name for c in self._own[0]}
        return tuple(c for c in self.classes if c.name in own or c in wanted)

    def labels_from_logits(
        self,
        logits: NDArray[np.float32],
        competing: Sequence[ClassSpec],
        wanted: Sequence[ClassSpec] | None = None,
        threshold_offsets: Mapping[str, float] | None = None,
        pixel: tuple[float, float] | None = None,
    ) -> NDArray[Any]:
        """Turn logits into label values, by the checkpoint's thresholds; may run on any thread.

        Parameters
        ----------
        logits
            K×Y×X, from `class_logits`.
        competing
            Their K classes.
        wanted
            Classes to write; all when not given.
        threshold_offsets
            Added to the thresholds, by the name of the class: above 0 finds less of it.
        pixel
            (y, x) of a pixel in nm, for the rules that are about sizes; they rest when it is not given.
        """
        bars = dict(
            zip((c.name for c in self.classes), self.model.thresholds.tolist(), strict=True)
        )
        thresholds = np.array(
            [bars[c.name] + (threshold_offsets or {}).get(c.name, 0.0) for c in competing],
            np.float32,
        )[:, None, None]
        return label_map(
            logits - thresholds if thresholds.any() else logits,
            competing,
            wanted or competing,
            pixel,
        )

    def segment(self, names: Sequence[str] | None = None) -> NDArray[Any]:
        """Label the slice at hand: Y×X class ids, 0 background.

        Every class of the checkpoint is always predicted, so that overlaps are
        settled alike; `names` selects those that are written.
        """
        return finish(self.segment_steps(names))

    @retry_smaller_on_oom
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
            these prompts refine. Without one, boxes together with points
            are answered in two steps, as the network learned it: the boxes,
            and then those points that correct this answer.

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
        if masks is None and prompts.points is not None and prompts.boxes is not None:
            masks = self.predict_prompts(boxes=boxes)
            prompts = prompts.corrections(masks.holds(np.asarray(points, float)))
        shape = (slice_.grey.shape[0], slice_.grey.shape[1])
        tile = (
            masks.tile
            if masks is not None and prompts.fit(masks.tile)
            else tile_for(prompts, self.tiles(), shape)
        )
        clicks, corners = prompts.inside(tile, self.device)
        earlier = (
            None
            if masks is None
            else mask_prompt(masks, tile, slice_.shape, prompts.objects).to(self.device)
        )
        with precision(self.device):
            logits, quality = self.model.prompt_logits(self.embed(tile), clicks, corners, earlier)
        return prompt_answer(logits[0], quality[0], tile, slice_.shape, slice_.zoom)

    @retry_smaller_on_oom
    def teach(
        self, name: str | ClassSpec, foreground: ArrayLike, background: ArrayLike | None = None
    ) -> ClassSpec:
        """Learn a new class from a few strokes on the slice at hand, in seconds.

        Classes of the checkpoint that are found under the strokes give way to
        it from then on (`ClassSpec.over`), wherever it is asked for.

        Parameters
        ----------
        name
            Of the new class, or of one taught before. A whole `ClassSpec` keeps its own id.
        foreground, background
            Y×X, true where strokes say "this is it" and "this is not". They add to earlier
            ones of the class, on this slice or another, until it is forgotten (`restore_taught`).

        Returns
        -------
        ClassSpec
            With the next free id, if a name alone was given; the class can be asked for at once.

        Raises
        ------
        UserError
            When strokes do not fit, or the network has learned no classes: a
            prototype speaks through the class prompt encoder, which then says nothing yet.
        """
        self.model.config.need_classes()
        marks = self.marks(foreground, background)
        shape = (marks.shape[1], marks.shape[2])
        touched = [t for t in self.tiles() if marks[(slice(None), *t.inside(shape))].any()]
        key = (name if isinstance(name, str) else name.name).casefold()
        examples = latest(
            [*self._lessons.get(key, []), *(self._example(marks, t) for t in touched)]
        )
        prototype = fit_prototype(self.model, examples)
        spec = self.model.add_class(name, prototype, over=self._held(key, examples))
        self._lessons[key] = examples
        self.current().forget(spec.name)
        self._answers.clear()
        return spec

    def _held(self, name: str, examples: Sequence[Example]) -> list[str]:
        """Name the checkpoint's own classes that are found where strokes say that here is the class of that (casefolded) name."""
        own = [c for c in self._own[0] if c.name.casefold() != name]
        if not own:
            return []
        rows = torch.tensor([self.classes.index(c) for c in own], device=self.device)
        thresholds = self.model.thresholds[rows].cpu().numpy()[:, None, None]
        found = np.zeros(len(own) + 1)
        for embedding, foreground, _ in examples:
            height, width = foreground.shape
            best = argmax_or_background(
                self._decode(embedding, rows, (height, width))[0] - thresholds
            )
            found += np.bincount(best[foreground.cpu().numpy() > 0], minlength=len(found))
        return [
            c.name for c, count in zip(own, found[1:], strict=True) if count >= HELD * found.sum()
        ]

    def taught(self, spec: ClassSpec) -> TaughtClass:
        """Return what `restore_taught` needs to know a class again."""
        prototype = self.model.class_prompt.prototypes[self.classes.index(spec)]
        return TaughtClass(spec, tuple(prototype.tolist()))

    def restore_taught(self, taught: Sequence[TaughtClass]) -> None:
        """Know the checkpoint's own classes and those taught before, and no others; strokes of others are forgotten."""
        same = {
            known.spec.name.casefold()
            for known in map(self.taught, self.classes)
            if known in taught
        }
        self._lessons = {name: examples for name, examples in self._lessons.items() if name in same}
        self.model.classes, prototypes, self.model.thresholds = self._own
        self.model.class_prompt.prototypes = torch.nn.Parameter(prototypes.clone())
        for known in taught:
            self.model.add_class(known.spec, torch.tensor(known.prototype))
        self._answers.clear()
        if self._slice is not None:
            self._slice.logits.clear()

    def _example(self, marks: NDArray[np.float32], tile: Tile) -> Example:
        foreground, background = (torch.from_numpy(cut(m, tile)).to(self.device) for m in marks)
        return self.embed(tile), foreground, background

    def marks(self, foreground: ArrayLike, background: ArrayLike | None) -> NDArray[np.float32]:
        """Bring strokes to model pixels, 2×Y×X of 0 and 1; the thinnest stroke stays."""
        slice_ = self.current()
        strokes = [
            np.asarray(s, bool)
            for s in (foreground, np.zeros(slice_.shape) if background is None else background)
        ]
        for stroke in strokes:
            if stroke.shape != slice_.shape:
                raise UserError(
                    f"the strokes have shape {stroke.shape} but the slice has {slice_.shape}; draw them on this slice"
                )
        pixels = torch.from_numpy(np.stack(strokes).astype(np.float32))
        return F.adaptive_max_pool2d(pixels[None], slice_.grey.shape)[0].numpy()


def to_numpy(logits: Tensor, shape: tuple[int, int]) -> NDArray[np.float32]:
    """B×K×h×w logits to B×K×Y×X on the host."""
    if logits.shape[2:] != shape:
        logits = F.interpolate(logits, shape, mode="bilinear", align_corners=False)
    full: NDArray[np.float32] = logits.float().cpu().numpy()
    return full


def finish(steps: Generator[Any, None, T]) -> T:
    """Run a generator to its end and give what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
