"""What becomes of the slices of a run, on the way to the disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Answer:
    """What the network makes of a slice; computing it further may be done on any thread."""

    z: int
    pixels: str
    """`pixels_hash` of the slice; empty for one that was not read, as the mask leaves it out."""
    labels: Callable[[], NDArray[Any]]
    """Computes its labels (Y, X)."""
    probabilities: Callable[[], NDArray[np.uint8]]
    """Computes the probabilities of the requested classes (C, Y, X)."""


@dataclass(frozen=True)
class Working:
    """A part of the work that several slices share."""

    done: int
    total: int
    """Pictures of these slices."""
    what: str = ""
    """What is done, in a few words, where it is not a picture."""

    def describe(self) -> str:
        """Return it in words, e.g. ``"3 of 40 pictures"``."""
        return self.what or f"{self.done} of {self.total} pictures"


def inside_mask(answer: Answer, mask: NDArray[np.bool_]) -> Answer:
    """Return an answer without what is outside of a mask (Y, X)."""
    outside = ~mask

    def labels() -> NDArray[Any]:
        found = answer.labels()
        found[outside] = 0
        return found

    def probabilities() -> NDArray[np.uint8]:
        found = answer.probabilities()
        found[:, outside] = 0
        return found

    return Answer(answer.z, answer.pixels, labels, probabilities)
