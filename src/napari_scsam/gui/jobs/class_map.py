"""What the worker thread does to show a class as a map: its probability, or its similarity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec
from napari_scsam.gui.jobs.engine import Engine
from napari_scsam.gui.jobs.slice_request import SliceRequest
from napari_scsam.gui.own_classes import key_of
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


def _known(classes: Sequence[ClassSpec], spec: ClassSpec) -> list[ClassSpec]:
    """Return a class as the network has it."""
    return [known for known in classes if key_of(known) == key_of(spec)]


def class_map_steps(
    engine: Engine, request: SliceRequest, spec: ClassSpec, kind: MapKind
) -> Steps[ClassMap]:
    """Compute a map of a class on a plane."""
    predictor = yield from engine.set_slice_steps(request)
    predictor.tta = request.tta
    if kind is MapKind.PROBABILITY:
        values = yield from predictor.probability_steps(spec.known_as)
    else:
        maps = yield from predictor.similarity_steps(_known(predictor.classes, spec))
        values = maps[0]
    return ClassMap(request, spec, kind, values)
