"""The engine for one slice: set an image, then ask for classes, clicks or boxes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_scsam.config import ClassSpec, TaughtClass, UserError, select_classes
from napari_scsam.infer.box_prior import predicted_quality, with_box_prior
from napari_scsam.infer.class_decoder import ClassDecoder
from napari_scsam.infer.device import precision
from napari_scsam.infer.disk_cache import DiskCache
from napari_scsam.infer.memory import retry_smaller_on_oom
from napari_scsam.infer.postprocess import (
    competing_classes,
    keep_only,
    labels_from_logits,
)
from napari_scsam.infer.prepared_slice import Slice
from napari_scsam.infer.prompt_answer import PromptAnswer, mask_prompt, prompt_answer
from napari_scsam.infer.prompts import Prompts, prompt_tensors, tile_for
from napari_scsam.infer.taught.teach import Taught
from napari_scsam.infer.tiling import Tile
from napari_scsam.model import ScSAM
from napari_scsam.steps import Steps, drive

MAX_ANSWERS = 8
"""Slices whose labels of all classes are remembered, with one or two bytes per pixel."""


class Predictor(ClassDecoder):
    """Segments slices with one model on one device.

    Parameters
    ----------
    model
        From `napari_scsam.load_checkpoint`. It is used in place: moved to the
        device, and changed by `teach` and `restore_taught`.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    disk
        Where embeddings are read before they are computed, from
        `default_cache`; None keeps them in memory only.
    fill
        Whether new embeddings are also written there.
    tta
        Whether the logits of classes are averaged over four views of a slice
        (unchanged, turned, smaller, larger): test-time augmentation, as in
        Wang et al. 2019, "Aleatoric uncertainty estimation with test-time
        augmentation". Better on average, at four times the work. May be
        changed between two calls.

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
        super().__init__(model, device, disk, fill=fill, tta=tta)
        self._taught = Taught(self)
        self._answers: dict[Hashable, NDArray[Any]] = {}
        """Labels of all classes on the last slices, so that another class is a look-up."""

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """The classes that it knows."""
        return self.model.classes

    @property
    def own_classes(self) -> tuple[ClassSpec, ...]:
        """The classes of the checkpoint, without those taught since."""
        return self._taught.own_classes

    def logits_steps(self, names: Sequence[str] | None = None) -> Steps[NDArray[np.float32]]:
        """Compute `class_logits` in steps; can be closed between two tiles.

        The result must not be changed.
        """
        self.model.config.need_classes()
        slice_ = self.slice
        requested = select_classes(self.classes, names)
        views = len(self.views)
        missing = [c for c in requested if (c.name, views) not in slice_.logits]
        if missing:
            maps = yield from self._missing_steps(slice_, missing)
            slice_.logits.update({(c.name, views): m for c, m in zip(missing, maps, strict=True)})
            if len(missing) == len(requested):
                return maps
        return np.stack([slice_.logits[c.name, views] for c in requested])

    def _missing_steps(
        self, slice_: Slice, classes: Sequence[ClassSpec]
    ) -> Steps[NDArray[np.float32]]:
        """Compute logits of classes, each by the network or by what strokes taught, K×Y×X."""
        own = [c for c in classes if not self._taught.has(c)]
        maps = np.empty((len(classes), *slice_.shape), np.float32)
        if own:
            decoded = yield from self._average_steps(slice_, own)
            _check_answer(decoded)
            if len(own) == len(classes):
                return decoded
            maps[[classes.index(c) for c in own]] = decoded
        yield from self.embed_steps(slice_)
        for row, spec in enumerate(classes):
            if self._taught.has(spec):
                maps[row] = self._taught.logits(spec)
        return maps

    def class_logits(self, names: Sequence[str] | None = None) -> NDArray[np.float32]:
        """Return logits of classes on the current slice, K×Y×X float32.

        They are divided by the checkpoint's temperature, so that a softmax over
        ``[0, logits]`` gives calibrated probabilities (Guo et al. 2017).

        Parameters
        ----------
        names
            Classes in the order of the result; all when not given.

        Raises
        ------
        UserError
            When a name is not known, or the network has learned no classes.
        """
        return drive(self.logits_steps(names)).copy()

    def probability_steps(self, name: str) -> Steps[NDArray[np.float32]]:
        """Compute the probability of a class on the current slice, Y×X in 0..1.

        It is the share of the class in a softmax over background and all classes.
        """
        (spec,) = select_classes(self.classes, [name])
        logits = yield from self.logits_steps()
        highest = np.maximum(logits.max(axis=0), 0)
        total = np.exp(-highest) + np.exp(logits - highest).sum(axis=0)
        shares: NDArray[np.float32] = np.exp(logits[self.classes.index(spec)] - highest) / total
        return shares

    def segment_steps(
        self,
        names: Sequence[str] | None = None,
        threshold_offsets: Mapping[str, float] | None = None,
    ) -> Steps[NDArray[Any]]:
        """Compute `segment` in steps; can be closed between two tiles.

        `threshold_offsets` are as `labels_from_logits` takes them.
        """
        offsets = {name: by for name, by in (threshold_offsets or {}).items() if by}
        requested = select_classes(self.classes, names)
        slice_ = self.slice
        competing = self.competing(requested)
        key = (slice_.key, slice_.pixel_size, competing, frozenset(offsets.items()), self.views)
        if key not in self._answers:
            logits = yield from self.logits_steps([c.name for c in competing])
            self._answers[key] = self.labels_from_logits(
                logits, competing, threshold_offsets=offsets, pixel_size=slice_.pixel_size
            )
            while len(self._answers) > MAX_ANSWERS:
                self._answers.pop(next(iter(self._answers)))
        return keep_only(self._answers[key], competing, requested)

    def competing(self, requested: Sequence[ClassSpec]) -> tuple[ClassSpec, ...]:
        """Return the classes that compete for pixels; see `competing_classes`."""
        return competing_classes(self.classes, self.own_classes, requested)

    def labels_from_logits(
        self,
        logits: NDArray[np.float32],
        competing: Sequence[ClassSpec],
        requested: Sequence[ClassSpec] | None = None,
        threshold_offsets: Mapping[str, float] | None = None,
        pixel_size: tuple[float, float] | None = None,
    ) -> NDArray[Any]:
        """Turn logits into label values, by the checkpoint's thresholds; may run on any thread.

        `threshold_offsets` are added to the thresholds, by class name: above 0 finds
        less of it. The others are as in `napari_scsam.infer.postprocess.label_map`;
        all competing classes are requested when not given.
        """
        thresholds = self._thresholds(threshold_offsets or {})
        taught = [c for c in competing if self._taught.overlays(c)]
        shown = requested or competing
        belief = self._taught.belief
        return labels_from_logits(logits, competing, thresholds, shown, pixel_size, taught, belief)

    def _thresholds(self, offsets: Mapping[str, float]) -> dict[str, float]:
        """Return the threshold of each class with its offset added, by name."""
        known = zip(self.classes, self.model.thresholds.tolist(), strict=True)
        return {spec.name: value + offsets.get(spec.name, 0.0) for spec, value in known}

    def segment(self, names: Sequence[str] | None = None) -> NDArray[Any]:
        """Label the current slice: Y×X class ids, 0 background.

        Every class of the checkpoint is always predicted, so that overlaps are
        resolved alike; `names` selects those that are written.
        """
        return drive(self.segment_steps(names))

    @retry_smaller_on_oom
    @torch.inference_mode()
    def predict_prompts(
        self,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        boxes: ArrayLike | None = None,
        masks: PromptAnswer | None = None,
    ) -> PromptAnswer:
        """Segment objects by SAM's own prompts.

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
            are answered in two steps, as the network was trained: the boxes,
            and then those points that correct this answer.

        Returns
        -------
        PromptAnswer
            Masks N×Y×X, their logits, and the predicted quality N.

        Raises
        ------
        UserError
            When there is no prompt, shapes do not match, or the network was imported.
        """
        self.model.config.need_prompts()
        slice_ = self.slice
        prompts = prompt_tensors(points, labels, boxes, slice_.zoom)
        if masks is None and prompts.points is not None and prompts.boxes is not None:
            masks = self.predict_prompts(boxes=boxes)
            prompts = prompts.corrections(masks.holds(np.asarray(points, float)))
        tile = self._prompt_tile(prompts, masks)
        clicks, corners = prompts.inside(tile, self.device)
        earlier = None
        if masks is not None:
            earlier = mask_prompt(masks, tile, slice_.shape, prompts.objects).to(self.device)
        with precision(self.device):
            answers, qualities = self.model.prompt_logits(
                self.embed(tile), clicks, corners, earlier
            )
        logits = answers[0].float()
        quality = qualities[0]
        if self.model.config.detail:
            if corners is not None and earlier is None:
                logits = with_box_prior(logits, corners, tile.height / logits.shape[1])
            count = 0 if clicks is None else int((clicks[1] >= 0).sum(1).max())
            quality = predicted_quality(logits, count)
        return prompt_answer(logits, quality, tile, slice_.shape, slice_.zoom)

    def _prompt_tile(self, prompts: Prompts, earlier: PromptAnswer | None) -> Tile:
        """Return the tile of an earlier answer if the prompts fit into it, else the best one."""
        if earlier is not None and prompts.fit(earlier.tile):
            return earlier.tile
        return tile_for(prompts, self.tiles(), self.slice.model_shape)

    @retry_smaller_on_oom
    def teach(
        self,
        name: str | ClassSpec,
        foreground: ArrayLike,
        background: ArrayLike | None = None,
        *,
        replace_earlier: bool = False,
    ) -> ClassSpec:
        """Learn a class from a few strokes on the current slice, within a second.

        A per-pixel classifier is fitted to the strokes. The model given to the predictor is
        changed in place: the class is added to it. A class that the network knows already is
        found by the classifier from now on, which has the network's logit as one of its features.

        Parameters
        ----------
        name
            Of the class. A whole `ClassSpec` keeps its own id.
        foreground, background
            Y×X, true where strokes mark the class, and what is not the class. They
            add to earlier strokes of the class, on this slice or another, until it
            is forgotten (`restore_taught`).
        replace_earlier
            Whether these are all strokes of the class on this slice, so that earlier ones
            that are missing here are dropped.

        Returns
        -------
        ClassSpec
            With the next free id, if only a name was given; the class can be
            segmented at once.

        Raises
        ------
        UserError
            When the strokes do not match the slice or none marks the class, or the network
            has learned no classes.
        """
        spec = self._taught.teach(name, foreground, background, replace_earlier=replace_earlier)
        self.slice.drop_logits(spec.name)
        self._answers.clear()
        return spec

    def taught(self, spec: ClassSpec) -> TaughtClass:
        """Return what `restore_taught` needs to know a class again."""
        return self._taught.stored(spec)

    def restore_taught(self, taught: Sequence[TaughtClass]) -> None:
        """Know the checkpoint's own classes and those given, and no others.

        The model given to the predictor is changed in place. Strokes of other
        classes are forgotten.
        """
        self._taught.restore(taught)
        self._answers.clear()
        if self._slice is not None:
            self._slice.logits.clear()


def _check_answer(logits: NDArray[np.float32]) -> None:
    """Raise a `UserError` when an answer holds NaN, which no threshold would ever show."""
    if np.isnan(logits.max(initial=0)):
        raise UserError(
            "the network answers with values that are no numbers; "
            "its checkpoint is damaged, so fetch it again"
        )
