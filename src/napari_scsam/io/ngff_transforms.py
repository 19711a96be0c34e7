"""What the metadata of OME-Zarr say of axes and of coordinates, in versions 0.4 to 0.6.

See https://ngff.openmicroscopy.org/specifications
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SYSTEMS = "coordinateSystems"
"""Where version 0.6 keeps axes."""

STEPS = "coordinateTransformations"


def stated_axes(multiscale: Mapping[str, Any], dataset: Mapping[str, Any]) -> Sequence[Any]:
    """Return the axes of a level, as the metadata state them; none before version 0.3."""
    systems = multiscale.get(SYSTEMS)
    if not systems:
        return multiscale.get("axes") or ()
    outputs = [_name_of(step.get("output")) for step in dataset.get(STEPS, ())]
    chosen = next((each for each in systems if each.get("name") in outputs), systems[0])
    axes: Sequence[Any] = chosen.get("axes", ())
    return axes


def _name_of(system: Any) -> Any:
    """Return the name of a coordinate system, which may stand in an object."""
    if isinstance(system, dict):
        return system.get("name")
    return system


def combined_transform(
    dataset: Mapping[str, Any], multiscale: Mapping[str, Any], ndim: int
) -> tuple[Sequence[float | None], Sequence[float]]:
    """Combine a level's transformations with those of the whole image, which follow.

    Those of the whole image lead to other coordinate systems since version 0.6.

    Returns
    -------
    tuple
        Scale and translation of each axis. No scale where none is stated, or an axis is turned.
    """
    scale = np.ones(ndim)
    shift = np.zeros(ndim)
    steps = list(_plain_steps(dataset.get(STEPS, ())))
    if not multiscale.get(SYSTEMS):
        steps += _plain_steps(multiscale.get(STEPS, ()))
    kinds = {step["type"] for step in steps}
    if "scale" not in kinds or not kinds <= {"scale", "translation", "identity"}:
        return [None] * ndim, shift.tolist()  # a size that nobody stated is not 1
    for step in steps:
        if step["type"] == "scale":
            factor = _per_axis(step["scale"], ndim)
            scale = scale * factor
            shift = shift * factor
        elif step["type"] == "translation":
            shift = shift + _per_axis(step["translation"], ndim)
    return scale.tolist(), shift.tolist()


def _plain_steps(steps: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield transformations, and those of a sequence one by one."""
    for step in steps:
        if step["type"] == "sequence":
            yield from step["transformations"]
        else:
            yield step


def _per_axis(values: Any, ndim: int) -> NDArray[np.float64]:
    """Return one number for each axis.

    Raises
    ------
    ValueError
        When there are more or fewer; numpy would repeat a single one.
    """
    numbers = np.asarray(values, dtype=float)
    if numbers.shape != (ndim,):
        raise ValueError(f"a coordinate transformation has not one number for each of {ndim} axes")
    return numbers
