"""Teach a network new classes by strokes."""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional as F

from napari_scsam.config import ClassSpec, TaughtClass, UserError
from napari_scsam.infer.postprocess import argmax_or_background
from napari_scsam.infer.prepared_slice import given_name, resample
from napari_scsam.infer.taught.answer import TaughtAnswer, bounded, replay
from napari_scsam.infer.taught.book import SliceStrokes, check_strokes
from napari_scsam.infer.taught.codec import decode_class, encode_class, slice_name, sorted_by_name
from napari_scsam.infer.taught.doubts import Doubts, NetworkRows, belief_in, measure_doubts
from napari_scsam.infer.taught.fits import RememberedFits, at_cells, some_cells
from napari_scsam.infer.taught.lessons import (
    Floats,
    Lesson,
    SliceFeatures,
    join_lessons,
    read_lesson,
)
from napari_scsam.infer.taught.scale_space import FINE_CELL
from napari_scsam.infer.taught.slice_features import slice_features
from napari_scsam.steps import drive

if TYPE_CHECKING:
    from napari_scsam.infer.class_decoder import ClassDecoder


@dataclass(frozen=True, eq=False)
class TaughtStrokes:
    """What strokes taught of one class."""

    answer: TaughtAnswer
    lessons: dict[str, Lesson]
    """By the name of the slice."""
    strokes: dict[str, SliceStrokes] = field(default_factory=dict)
    """By the name of the slice; not of lessons that were read from a file."""
    rounds: int = 0
    """How often it was taught."""
    doubts: dict[str, Doubts] = field(default_factory=dict)
    """By the name of the slice."""


class Taught:
    """The classes that a predictor was taught, and what taught them.

    Each is found by a per-pixel classifier (`napari_scsam.infer.taught.classifier`). Its
    prototype, the mean feature under the strokes, is what training starts from.

    `teach` and `restore` change the predictor's model in place: its class
    table, prototypes, thresholds and lessons.

    Parameters
    ----------
    predictor
        Its model's present classes count as the checkpoint's own.
    """

    def __init__(self, predictor: ClassDecoder) -> None:
        model = predictor.model
        self.own_classes = model.classes
        """Classes of the checkpoint, without those taught since."""
        self._own_prototypes = model.class_prompt.prototypes.detach().clone()
        self._own_biases = model.class_biases
        self._own_thresholds = model.thresholds
        self._own_lessons = dict(model.lessons)
        # The predictor owns this object. A circle would keep a network in memory for long.
        self._predictor: ClassDecoder = weakref.proxy(predictor)
        self._known: dict[str, TaughtStrokes] = {}
        """By the name of the class in lower case."""
        self._fits = RememberedFits()
        self._features: tuple[str, SliceFeatures] | None = None
        """Of the slice seen last, by its name."""
        self._network: tuple[tuple[str, str, int], Floats] | None = None
        """The network's own answer, by slice, class and number of views."""
        self._states: dict[tuple[str, Hashable], str] = {}
        """By class and given name of a slice: the name of its pixels when it was last taught."""
        self._read_lessons(model.lessons)

    def _read_lessons(self, lessons: dict[str, str]) -> None:
        self._known = {}
        for name, text in lessons.items():
            answer, by_slice, doubts = decode_class(text)
            rounds = len(answer.fits)
            self._known[name] = TaughtStrokes(answer, by_slice, rounds=rounds, doubts=doubts)

    def has(self, spec: ClassSpec) -> bool:
        """Whether strokes taught a class, so that a classifier finds it."""
        return spec.name.casefold() in self._known

    def overlays(self, spec: ClassSpec) -> bool:
        """Whether a class is written over the network's, as it is not an answer of its own."""
        return self.has(spec) and not self._known[spec.name.casefold()].answer.sharpens

    def belief(self, taught: ClassSpec, other: ClassSpec) -> float:
        """Return how much a taught class believes the network's probability of another, 0 to 1."""
        return belief_in(other.name, self._known[taught.name.casefold()].doubts.values())

    def teach(
        self,
        name: str | ClassSpec,
        foreground: ArrayLike,
        background: ArrayLike | None,
        *,
        replace_earlier: bool = False,
    ) -> ClassSpec:
        """Learn a class from strokes on the current slice; see `Predictor.teach`."""
        predictor = self._predictor
        model = predictor.model
        model.config.need_classes()
        model.config.need_prompts()
        key = (name if isinstance(name, str) else name.name).casefold()
        shape = predictor.slice.shape
        on = check_strokes(shape, foreground)
        beside = check_strokes(shape, background)
        known = self._add_strokes(key, on, beside, replace_earlier)
        features = self.features(key)
        known = self._fit(known, features, reads_network=self.knows(key))
        here = slice_name(predictor.slice)
        known = replace(known, doubts={**known.doubts, here: self._doubts(key, known, features)})
        prototype = mean_feature(known.lessons.values())
        if self.knows(key):
            prototype = self._own_prototype(key)
        spec = model.add_class(name, prototype, overrides=())
        self._known[key] = known
        model.lessons[key] = encode_class(known.answer, known.lessons, known.doubts)
        return spec

    def _add_strokes(
        self, key: str, on: NDArray[np.bool_], beside: NDArray[np.bool_], replace_earlier: bool
    ) -> TaughtStrokes:
        """Return what is known of a class, with new strokes on the current slice.

        Where strokes come one by one, the first ones on a slice are one round.
        """
        known = self._known.get(key, TaughtStrokes(TaughtAnswer(), {}))
        here = slice_name(self._predictor.slice)
        if replace_earlier:
            known = self._without_other_pixels(key, known)
        earlier = known.strokes.get(here) or SliceStrokes.empty(on.shape)
        number = known.rounds + 1
        if replace_earlier:
            earlier = earlier.only(on, beside)
            if earlier.rounds and earlier.has_few():
                number = earlier.rounds[0]
        added = earlier.add(on, beside, number)
        rounds = max(known.rounds, number)
        return replace(known, strokes={**known.strokes, here: added}, rounds=rounds)

    def _without_other_pixels(self, key: str, known: TaughtStrokes) -> TaughtStrokes:
        """Drop what was learned from this slice when it had other pixels or another contrast."""
        place = given_name(self._predictor.slice.key)
        if place is None:
            return known
        here = slice_name(self._predictor.slice)
        before = self._states.get((key, place), here)
        self._states[key, place] = here
        if before == here:
            return known
        return replace(
            known,
            strokes={name: each for name, each in known.strokes.items() if name != before},
            lessons={name: each for name, each in known.lessons.items() if name != before},
            doubts={name: each for name, each in known.doubts.items() if name != before},
        )

    def _fit(
        self, known: TaughtStrokes, features: SliceFeatures, *, reads_network: bool
    ) -> TaughtStrokes:
        """Fit the classifier to all strokes of a class.

        Raises
        ------
        UserError
            When no stroke marks it.
        """
        slice_ = self._predictor.slice
        here = slice_name(slice_)
        strokes = list(known.strokes[here].strokes())
        lessons = {name: lesson for name, lesson in known.lessons.items() if name != here}
        if strokes:
            lessons[here] = read_lesson(
                features, strokes, slice_.shape, reads_network=reads_network
            )
        if not any(lesson.positive.any() for lesson in lessons.values()):
            raise UserError("no stroke marks the new class; paint a few on it first")
        if all(each.positive.all() and not len(each.context) for each in lessons.values()):
            raise UserError("the strokes cover the whole slice; mark only a part of it")
        joined = join_lessons(sorted_by_name(lessons))
        answer = replay(joined, features, reads_network=reads_network, fit=self._fits)
        return replace(known, answer=answer, lessons=lessons)

    def _doubts(self, key: str, known: TaughtStrokes, features: SliceFeatures) -> Doubts:
        """Return how much of the network's other classes on the current slice is this class.

        The first strokes here are a fair sample of the class. Later ones lie where the answer
        was wrong.
        """
        rounds = known.strokes[slice_name(self._predictor.slice)].on
        others = [c for c in self.own_classes if c.name.casefold() != key and not self.has(c)]
        if not others or not rounds.any():
            return {}
        first = rounds == rounds[rounds > 0].min()
        rows = self._network_rows(others)
        cells = some_cells(features)
        found = known.answer.found_on(features, cells)
        return measure_doubts(rows[first], at_cells(rows, cells, features.grid), found, others)

    def _network_rows(self, classes: Sequence[ClassSpec]) -> NetworkRows:
        """Return the rows of the network's best classes on the current slice."""
        model = self._predictor.model
        levels = [float(model.thresholds[model.classes.index(c)]) for c in classes]
        logits = np.stack(self._network_logits(classes))
        return argmax_or_background(logits - np.array(levels, np.float32)[:, None, None])

    def _network_logits(self, classes: Sequence[ClassSpec]) -> list[Floats]:
        """Return the network's logits of its classes on the current slice, Y×X each."""
        predictor = self._predictor
        known = predictor.slice.logits
        views = len(predictor.views)
        missing = [c for c in classes if (c.name, views) not in known]
        if missing:
            maps = drive(predictor.network_logits_steps(missing))
            known.update({(c.name, views): each for c, each in zip(missing, maps, strict=True)})
        return [known[c.name, views] for c in classes]

    def logits(self, spec: ClassSpec) -> Floats:
        """Compute the logits of a taught class on the current slice: Y×X.

        They are above its threshold where it is; that of a new class is 0.
        """
        key = spec.name.casefold()
        slice_ = self._predictor.slice
        answer = self._known[key].answer
        features = self.features(key)
        cells = answer.logits(features)
        if answer.sharpens:
            cells = cells - bounded(features.fine[-1])
        height, width = slice_.model_shape
        size = (cells.shape[0] * FINE_CELL, cells.shape[1] * FINE_CELL)
        fine = resample(cells[None], size)[:, :height, :width]
        logits: Floats = resample(fine, slice_.shape)[0]
        if answer.sharpens:
            # Where strokes change nothing, the answer keeps the resolution of the network's own.
            logits += bounded(self._network_answer(key))
        return logits + np.float32(self._threshold(key))

    def features(self, key: str) -> SliceFeatures:
        """Compute the features of the current slice for a class.

        For a class that the network knows, its own logit above the threshold is one more.
        """
        features = self._slice_features()
        if not self.knows(key):
            return features
        logits = self._network_answer(key)[None]
        cells = resample(resample(logits, self._predictor.slice.model_shape), features.grid)
        return replace(features, fine=np.concatenate([features.fine, cells]))

    def _slice_features(self) -> SliceFeatures:
        """Compute the features of the current slice that all classes share."""
        predictor = self._predictor
        here = slice_name(predictor.slice)
        if self._features is None or self._features[0] != here:
            self._features = (here, slice_features(predictor))
        return self._features[1]

    def _network_answer(self, key: str) -> Floats:
        """Compute the network's own logit of a class above its threshold, Y×X."""
        predictor = self._predictor
        place = (slice_name(predictor.slice), key, len(predictor.views))
        if self._network is None or self._network[0] != place:
            own = next(c for c in predictor.model.classes if c.name.casefold() == key)
            logits = drive(predictor.network_logits_steps([own]))[0]
            self._network = (place, logits - np.float32(self._threshold(key)))
        return self._network[1]

    def knows(self, key: str) -> bool:
        """Whether the network itself finds a class, so that its logit is one more feature."""
        known = self._known.get(key)
        if known is not None and known.lessons:
            read = next(iter(known.lessons.values())).fine
            return read > len(self._slice_features().fine)
        names = [c.name.casefold() for c in self.own_classes]
        return key in names and key not in self._own_lessons

    def _own_prototype(self, key: str) -> torch.Tensor:
        names = [c.name.casefold() for c in self.own_classes]
        return self._own_prototypes[names.index(key)]

    def _threshold(self, key: str) -> float:
        """Return the threshold of a class, which is subtracted from its logits in the end."""
        names = [c.name.casefold() for c in self._predictor.model.classes]
        return float(self._predictor.model.thresholds[names.index(key)])

    def stored(self, spec: ClassSpec) -> TaughtClass:
        """Return what `restore` needs to know a class again."""
        model = self._predictor.model
        prototype = model.class_prompt.prototypes[model.classes.index(spec)]
        lessons = model.lessons.get(spec.name.casefold(), "")
        return TaughtClass(spec, tuple(prototype.tolist()), lessons)

    def restore(self, taught: Sequence[TaughtClass]) -> None:
        """Know the checkpoint's own classes and these, and no others.

        Strokes are kept only of those that are known already, just as given.
        """
        model = self._predictor.model
        same = {known.spec.name.casefold() for known in taught if self._is_known(known)}
        kept = {key: known for key, known in self._known.items() if key in same}
        model.classes = self.own_classes
        model.class_prompt.prototypes = torch.nn.Parameter(self._own_prototypes.clone())
        model.class_biases = self._own_biases
        model.thresholds = self._own_thresholds
        model.lessons = dict(self._own_lessons)
        for known in taught:
            model.add_class(known.spec, torch.tensor(known.prototype))
            if known.lessons:
                model.lessons[known.spec.name.casefold()] = known.lessons
        self._read_lessons(model.lessons)
        self._known.update(kept)

    def _is_known(self, taught: TaughtClass) -> bool:
        model = self._predictor.model
        return taught.spec in model.classes and self.stored(taught.spec) == taught


def mean_feature(lessons: Iterable[Lesson]) -> torch.Tensor:
    """Compute the mean of the unit fused features under the strokes on a class: 256.

    A prototype in the sense of prototypical networks (Snell et al. 2017).
    """
    fused = np.concatenate([each.values[each.positive][:, each.fine :] for each in lessons])
    unit = F.normalize(torch.from_numpy(fused.astype(np.float32)), dim=1)
    return F.normalize(unit.mean(0), dim=0)
