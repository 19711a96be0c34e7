"""Answers to clicks and boxes that a server found."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_scsam.config import UserError
from napari_scsam.remote.arrays import unpack
from napari_scsam.remote.asked import Prompt
from napari_scsam.remote.remote_slice import RemoteSlice


@dataclass(eq=False)
class RemoteAnswer:
    """Answer to N prompts on a slice of Y×X, as `PromptAnswer`."""

    asked_on: RemoteSlice
    """The slice of its prompts."""
    inside: NDArray[np.bool_]
    """N×y×x of the part that the network looked at, true inside."""
    part: tuple[slice, slice]
    """The pixels of the slice that this is."""
    quality: NDArray[np.float32]
    """N predicted IoUs."""
    request: Prompt = field(repr=False)
    """What it answers; asked again when the server has dropped it."""
    earlier: RemoteAnswer | None = field(default=None, repr=False)
    """The answer that it refines."""
    number: int = 0
    """In the session of the server."""
    session: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        return self.asked_on.shape

    @cached_property
    def masks(self) -> NDArray[np.bool_]:
        """N×Y×X, true inside."""
        canvas = np.zeros((len(self.inside), *self.shape), bool)
        canvas[(slice(None), *self.part)] = self.inside
        return canvas


def as_answer(
    found: Any, slice_: RemoteSlice, request: Prompt, earlier: RemoteAnswer | None, session: int
) -> RemoteAnswer:
    """Return the answer in a `Found`."""
    inside = unpack(found.inside)
    rows, columns = (
        slice(first, first + size)
        for first, size in zip(found.corner, inside.shape[1:], strict=True)
    )
    quality = np.array(found.quality, np.float32)
    return RemoteAnswer(
        slice_, inside, (rows, columns), quality, request, earlier, found.answer, session
    )


def prompt_request(
    slice_: RemoteSlice,
    points: ArrayLike | None,
    labels: ArrayLike | None,
    boxes: ArrayLike | None,
    *,
    careful: bool,
) -> Prompt:
    """Return the request for prompts; parameters are those of `Predictor.predict_prompts`.

    Raises
    ------
    UserError
        When their shapes make no sense.
    """
    return Prompt(
        id=0,
        slice=slice_.ref,
        careful=careful,
        points=None if points is None else _points(points),
        labels=None if labels is None else _rows(labels, "labels"),
        boxes=None if boxes is None else _boxes(boxes),
    )


def _points(points: ArrayLike) -> Any:
    values = np.asarray(points, np.float64)
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3 or values.shape[2] != 2 or not values.size:
        raise UserError(f"points have shape {np.shape(points)}; give P×2 or N×P×2, each (x, y)")
    return _as_tuples(values)


def _rows(labels: ArrayLike, what: str) -> Any:
    values = np.asarray(labels, np.float64)
    if values.ndim == 1:
        values = values[None]
    if values.ndim != 2:
        raise UserError(f"{what} have shape {np.shape(labels)}; give one per point")
    return _as_tuples(values)


def _boxes(boxes: ArrayLike) -> Any:
    values = np.asarray(boxes, np.float64)
    if values.shape[-1:] != (4,) or values.ndim > 2 or not values.size:
        raise UserError(f"boxes have shape {np.shape(boxes)}; give 4 or N×4, as (x0, y0, x1, y1)")
    return _as_tuples(values.reshape(-1, 4))


def _as_tuples(values: NDArray[Any]) -> Any:
    """Return an array as nested tuples of numbers."""
    if values.ndim == 1:
        return tuple(values.tolist())
    return tuple(_as_tuples(each) for each in values)
