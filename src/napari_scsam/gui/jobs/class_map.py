"""What the worker thread does to show a class as a map: its probability, or its similarity."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec
from napari_scsam.gui.jobs.engine import Engine, SliceRequest
from napari_scsam.steps import Steps


class MapKind(StrEnum):
    """What a map of a class shows."""

    NOTHING = "nothing"
    PROBABILITY = "probability"
    SIMILARITY = "similarity"


LIMITS = {MapKind.PROBABILITY: (0.0, 1.0), MapKind.SIMILARITY: (-1.0, 1.0)}
"""Least and largest value of a map."""


@dataclass(frozen=True, eq=False)
class ClassMap:
    """A map of a class on a plane."""

    request: SliceRequest
    spec: ClassSpec
    kind: MapKind
    values: NDArray[np.floating[Any]]
    """(rows, columns)."""


def map_steps(
    engine: Engine, request: SliceRequest, spec: ClassSpec, kind: MapKind
) -> Steps[ClassMap]:
    """Compute a map of a class on a plane."""
    predictor = yield from engine.set_slice_steps(request)
    predictor.tta = request.tta
    if kind is MapKind.PROBABILITY:
        values = yield from predictor.probability_steps(spec.name)
    else:
        maps = yield from predictor.similarity_steps([spec])
        values = maps[0]
    return ClassMap(request, spec, kind, values)
