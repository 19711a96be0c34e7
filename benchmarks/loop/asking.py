"""Clicks and boxes: what may be asked, who answers, and how far the answers are trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from benchmarks.loop.regions import Mask, Place, Region

from napari_scsam.infer.patch import Patch, deepest
from napari_scsam.infer.predictor import Predictor

FIRST_TRUST = 0.6
"""Share of the missing pixels that an answer is expected to mend, before any was seen."""

FIRST_WEIGHT = 3.0
"""Answers that this expectation counts for."""


@dataclass(frozen=True)
class Ask:
    """A click on an object, or a box around it."""

    kind: str
    """``"click"`` or ``"box"``."""
    number: int
    """Of the object."""
    seconds: float
    """Of the prompt alone."""
    place: Place
    rate: float
    """Pixels a second that it promises to mend."""


@dataclass
class Trust:
    """How good the answers were, by kind."""

    seen: dict[str, list[float]] = field(default_factory=dict)

    def of(self, kind: str) -> float:
        """Return the share of the missing pixels that the next answer is expected to mend."""
        shares = self.seen.get(kind, [])
        return (FIRST_TRUST * FIRST_WEIGHT + sum(shares)) / (FIRST_WEIGHT + len(shares))

    def learn(self, kind: str, share: float) -> None:
        """Remember the share of the missing pixels that an answer mended; a refused one did 0."""
        self.seen.setdefault(kind, []).append(float(np.clip(share, 0, 1)))


class Answers(Protocol):
    """Answers clicks and boxes on one slice."""

    kinds: Sequence[str]
    """The kinds of prompts that it answers."""

    def answer(self, kind: str, target: Region) -> Mask:
        """Return the Y×X mask of an object."""
        ...


class NetworkAnswers:
    """Answers by the network's prompts, on the predictor's current slice."""

    kinds: Sequence[str] = ("click", "box")

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def answer(self, kind: str, target: Region) -> Mask:
        """Return the answer to a click on the deepest point of an object, or to a box around it."""
        rows, columns = target.place
        if kind == "box":
            box = (columns.start, rows.start, columns.stop, rows.stop)
            answer = self._predictor.predict_prompts(boxes=box)
        else:
            y, x = deepest(Patch(target.mask, rows.start, columns.start))
            answer = self._predictor.predict_prompts(points=[(x, y)], labels=[1])
        mask: Mask = answer.masks[0]
        return mask
