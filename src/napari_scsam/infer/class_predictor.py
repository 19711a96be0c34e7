"""Classes on a slice, from the network, from strokes, and from networks beside it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_scsam.config import ClassSpec, TaughtClass, UserError, select_classes
from napari_scsam.infer.beside import BesideNetworks, PartialAnswer, merge_answers
from napari_scsam.infer.class_decoder import ClassDecoder
from napari_scsam.infer.disk_cache import DiskCache
from napari_scsam.infer.memory import retry_smaller_on_oom
from napari_scsam.infer.own_outline import outlined_parts
from napari_scsam.infer.postprocess import (
    competing_classes,
    keep_only,
    labels_from_logits,
)
from napari_scsam.infer.prepared_slice import Slice
from napari_scsam.infer.taught.teach import Taught
from napari_scsam.io.contrast import Contrast
from napari_scsam.model import ScSAM
from napari_scsam.steps import Steps, drive

MAX_ANSWERS = 8
"""Slices whose labels of all classes are remembered, with one or two bytes per pixel."""


class ClassPredictor(ClassDecoder):
    """Finds classes on slices.

    Parameters are those of `napari_scsam.infer.predictor.Predictor`.
    """

    def __init__(
        self,
        model: ScSAM,
        device: str | torch.device = "auto",
        disk: DiskCache | None = None,
        *,
        fill: bool = True,
        tta: bool = False,
        coarse: bool = False,
    ) -> None:
        super().__init__(model, device, disk, fill=fill, tta=tta, coarse=coarse)
        self._beside = BesideNetworks(model, lambda network: ClassDecoder(network, device))
        self._taught = Taught(self)
        self._answers: dict[Hashable, NDArray[Any]] = {}
        """Labels of all classes on the last slices, so that another class is a look-up."""

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """The classes that it knows; those of networks beside the model follow."""
        return (*self.model.classes, *self._beside.classes)

    @property
    def own_classes(self) -> tuple[ClassSpec, ...]:
        """The classes of the checkpoint, without those taught since and those of other networks."""
        return self._taught.own_classes

    def prepare(
        self,
        image: ArrayLike,
        voxel_size: Sequence[float] | float | None = None,
        *,
        contrast: Contrast | None = None,
        key: Hashable | None = None,
    ) -> Slice:
        """Check a slice and resample it, for each network; see `SliceEncoder.prepare`."""
        slice_ = super().prepare(image, voxel_size, contrast=contrast, key=key)
        if slice_ is self._slice:
            return slice_
        return self._beside.prepare(slice_, np.asarray(image), voxel_size, contrast, key)

    def forget_embeddings(self) -> None:
        """Forget the embeddings in memory, of all networks."""
        self.embeddings.clear()
        self._beside.forget_embeddings()

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
        """Compute logits of classes, each by its network or by what strokes taught, K×Y×X."""
        taught = [c for c in classes if self._taught.has(c)]
        own = [c for c in classes if c in self.model.classes and c not in taught]
        maps = np.empty((len(classes), *slice_.shape), np.float32)
        if own:
            decoded = yield from self._average_steps(slice_, own)
            _check_answer(decoded)
            if len(own) == len(classes):
                return decoded
            maps[[classes.index(c) for c in own]] = decoded
        others = yield from self._beside.logits_steps(slice_, classes, tta=self.tta)
        for row, spec in enumerate(classes):
            if spec.name in others:
                _check_answer(others[spec.name])
                maps[row] = others[spec.name]
        if taught:
            yield from self.embed_steps(slice_)
        for spec in taught:
            maps[classes.index(spec)] = self._taught.logits(spec)
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

        It is the share of the class in a softmax over background and all classes of its network.
        """
        (spec,) = select_classes(self.classes, [name])
        classes = self._beside.competing([spec]) or self.model.classes
        logits = yield from self.logits_steps([c.name for c in classes])
        highest = np.maximum(logits.max(axis=0), 0)
        total = np.exp(-highest) + np.exp(logits - highest).sum(axis=0)
        shares: NDArray[np.float32] = np.exp(logits[classes.index(spec)] - highest) / total
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
        shown = competing
        outlined = outlined_parts(competing, requested)
        if outlined or len(self.rows_by_network(competing)) > 1:
            shown = requested
        where = (slice_.key, slice_.pixel_size, self.views)
        key = (where, competing, shown, frozenset(offsets.items()))
        if key not in self._answers:
            logits = yield from self.logits_steps([c.name for c in competing])
            self._answers[key] = self.labels_from_logits(
                logits, competing, shown, threshold_offsets=offsets, pixel_size=slice_.pixel_size
            )
            while len(self._answers) > MAX_ANSWERS:
                self._answers.pop(next(iter(self._answers)))
        return keep_only(self._answers[key], competing, requested)

    def competing(self, requested: Sequence[ClassSpec]) -> tuple[ClassSpec, ...]:
        """Return the classes that compete for pixels; see `competing_classes`.

        Those of a network take part where one of them is requested.
        """
        others = self._beside.competing(requested)
        if others and not any(c in self.model.classes for c in requested):
            return tuple(others)
        own = competing_classes(self.model.classes, self.own_classes, requested)
        return (*own, *others)

    def rows_by_network(self, classes: Sequence[ClassSpec]) -> list[list[int]]:
        """Return the rows of classes that each network finds."""
        return self._beside.rows_by_network(classes)

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
        shown = requested or competing
        groups = self.rows_by_network(competing)
        if len(groups) == 1:
            return self._labels(logits, competing, thresholds, shown, pixel_size)
        answers = []
        for rows in groups:
            classes = [competing[row] for row in rows]
            levels = np.array([thresholds[c.name] for c in classes], np.float32)
            labels = self._labels(logits[rows], classes, thresholds, shown, pixel_size)
            certainty = (logits[rows] - levels[:, None, None]).max(0)
            answers.append(PartialAnswer(labels, certainty))
        return merge_answers(answers, competing)

    def _labels(
        self,
        logits: NDArray[np.float32],
        classes: Sequence[ClassSpec],
        thresholds: Mapping[str, float],
        shown: Sequence[ClassSpec],
        pixel_size: tuple[float, float] | None,
    ) -> NDArray[Any]:
        """Turn the logits of one network into label values of the classes that are shown."""
        taught = [c for c in classes if self._taught.overlays(c)]
        belief = self._taught.belief
        return labels_from_logits(logits, classes, thresholds, shown, pixel_size, taught, belief)

    def _thresholds(self, offsets: Mapping[str, float]) -> dict[str, float]:
        """Return the threshold of each class with its offset added, by name."""
        levels = {spec.name: 0.0 for spec in self._beside.classes}
        own = zip(self.model.classes, self.model.thresholds.tolist(), strict=True)
        levels.update({spec.name: value for spec, value in own})
        return {name: value + offsets.get(name, 0.0) for name, value in levels.items()}

    def segment(self, names: Sequence[str] | None = None) -> NDArray[Any]:
        """Label the current slice: Y×X class ids, 0 background.

        Every class of the checkpoint is always predicted, so that overlaps are
        resolved alike; `names` selects those that are written.
        """
        return drive(self.segment_steps(names))

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

        A per-pixel classifier is fitted to the strokes. The model given to the predictor is changed
        in place: the class is added to it. From now on, the classifier also finds a class that the
        network knows already. The network's logit is one of its features.

        Parameters
        ----------
        name
            Of the class. A whole `ClassSpec` keeps its own id.
        foreground, background
            Y×X, true where strokes mark the class, and what is not the class. They
            add to earlier strokes of the class, on this slice or another, until it
            is forgotten (`restore_taught`).
        replace_earlier
            Whether these are all strokes of the class on this slice. Then earlier ones that are
            missing here are dropped.

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
        self._beside.check_teachable(name if isinstance(name, str) else name.name)
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
            "the network answers with values that are not numbers; "
            "its checkpoint is damaged, so fetch it again"
        )
