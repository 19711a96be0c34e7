"""Teach a network new classes by strokes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional as F

from napari_scsam.config import ClassSpec, TaughtClass, UserError
from napari_scsam.infer.postprocess import argmax_or_background
from napari_scsam.infer.prototype import Example, fit_prototype
from napari_scsam.infer.tiling import Tile, cut_tile

if TYPE_CHECKING:
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.infer.prepared_slice import Slice

MAX_TILES = 12
"""Most tiles with the class, and most with strokes beside it only; time and memory grow with it."""

MIN_SHARE_TO_OVERRIDE = 0.2
"""Share of the stroked pixels held by another class, from which the new class overrides it."""


class Taught:
    """The classes that a predictor was taught, and the strokes that taught them.

    `teach` and `restore` change the predictor's model in place: its class
    table, prototypes and thresholds.

    Parameters
    ----------
    predictor
        Its model's present classes count as the checkpoint's own.
    """

    def __init__(self, predictor: Predictor) -> None:
        model = predictor.model
        self.own_classes = model.classes
        """Classes of the checkpoint, without those taught since."""
        self._own_prototypes = model.class_prompt.prototypes.detach().clone()
        self._own_thresholds = model.thresholds
        self._predictor = predictor
        self._examples: dict[str, list[Example]] = {}
        """Strokes of each class, by its name in lower case."""

    def teach(
        self, name: str | ClassSpec, foreground: ArrayLike, background: ArrayLike | None
    ) -> ClassSpec:
        """Learn a class from strokes on the current slice; see `Predictor.teach`."""
        model = self._predictor.model
        model.config.need_classes()
        key = (name if isinstance(name, str) else name.name).casefold()
        new = self._new_examples(foreground, background)
        examples = latest([*self._examples.get(key, []), *new])
        prototype = fit_prototype(model, examples)
        spec = model.add_class(name, prototype, overrides=self._overridden(key, examples))
        self._examples[key] = examples
        return spec

    def stored(self, spec: ClassSpec) -> TaughtClass:
        """Return what `restore` needs to know a class again."""
        model = self._predictor.model
        prototype = model.class_prompt.prototypes[model.classes.index(spec)]
        return TaughtClass(spec, tuple(prototype.tolist()))

    def restore(self, taught: Sequence[TaughtClass]) -> None:
        """Know the checkpoint's own classes and these, and no others.

        Strokes are kept only of those that are known already, just as given.
        """
        model = self._predictor.model
        same = {
            known.spec.name.casefold()
            for known in map(self.stored, model.classes)
            if known in taught
        }
        self._examples = {name: kept for name, kept in self._examples.items() if name in same}
        model.classes = self.own_classes
        model.class_prompt.prototypes = torch.nn.Parameter(self._own_prototypes.clone())
        model.thresholds = self._own_thresholds
        for known in taught:
            model.add_class(known.spec, torch.tensor(known.prototype))

    def _new_examples(self, foreground: ArrayLike, background: ArrayLike | None) -> list[Example]:
        """Return an example for each tile of the current slice that has strokes."""
        marks = stroke_marks(self._predictor.slice, foreground, background)
        shape = (marks.shape[1], marks.shape[2])
        tiles = self._predictor.tiles()
        return [
            self._example(marks, tile)
            for tile in tiles
            if marks[(slice(None), *tile.inside(shape))].any()
        ]

    def _example(self, marks: NDArray[np.float32], tile: Tile) -> Example:
        device = self._predictor.device
        foreground, background = (torch.from_numpy(cut_tile(m, tile)).to(device) for m in marks)
        return Example(self._predictor.embed(tile), foreground, background)

    def _overridden(self, name: str, examples: Sequence[Example]) -> list[str]:
        """Return the names of the checkpoint's classes that are found under the strokes.

        Parameters
        ----------
        name
            In lower case, of the class that the strokes show.
        """
        others = [c for c in self.own_classes if c.name.casefold() != name]
        if not others:
            return []
        counts = self._counts_under_strokes(others, examples)
        needed = MIN_SHARE_TO_OVERRIDE * counts.sum()
        return [c.name for c, count in zip(others, counts[1:], strict=True) if count >= needed]

    def _counts_under_strokes(
        self, classes: Sequence[ClassSpec], examples: Sequence[Example]
    ) -> NDArray[np.float64]:
        """Count the stroked pixels of background and of K classes: 1+K numbers."""
        predictor = self._predictor
        model = predictor.model
        rows = torch.tensor([model.classes.index(c) for c in classes], device=predictor.device)
        thresholds = model.thresholds[rows].cpu().numpy()[:, None, None]
        counts = np.zeros(len(classes) + 1)
        for embedding, foreground, _ in examples:
            height, width = foreground.shape
            logits = predictor.decode(embedding, rows, (height, width))[0]
            best = argmax_or_background(logits - thresholds)
            counts += np.bincount(best[foreground.cpu().numpy() > 0], minlength=len(counts))
        return counts


def latest(examples: Sequence[Example]) -> list[Example]:
    """Return the last `MAX_TILES` examples with the class, then as many without it."""
    shown = [e for e in examples if e.foreground.any()]
    beside = [e for e in examples if not e.foreground.any()]
    return [*shown[-MAX_TILES:], *beside[-MAX_TILES:]]


def stroke_marks(
    slice_: Slice, foreground: ArrayLike, background: ArrayLike | None
) -> NDArray[np.float32]:
    """Resample strokes on a slice to model pixels: 2×Y×X of 0 and 1.

    The thinnest stroke survives.

    Raises
    ------
    UserError
        When the strokes have another shape than the slice.
    """
    if background is None:
        background = np.zeros(slice_.shape)
    strokes = [np.asarray(s, bool) for s in (foreground, background)]
    for stroke in strokes:
        if stroke.shape != slice_.shape:
            raise UserError(
                f"the strokes have shape {stroke.shape} but the slice has {slice_.shape}; "
                f"draw them on this slice"
            )
    pixels = torch.from_numpy(np.stack(strokes).astype(np.float32))
    return F.adaptive_max_pool2d(pixels[None], slice_.model_shape)[0].numpy()
