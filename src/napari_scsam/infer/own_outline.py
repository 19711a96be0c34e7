"""Classes whose outline runs through one of their parts (`ClassSpec.own_outline`)."""

from __future__ import annotations

from collections.abc import Sequence

from napari_scsam.config import ClassSpec


def outlined_parts(
    classes: Sequence[ClassSpec], requested: Sequence[ClassSpec]
) -> list[tuple[int, int]]:
    """Return the rows (part, whole) of parts that count as their whole within its outline only.

    The whole is requested and has an outline of its own; the part is not requested.
    """
    names = {spec.name for spec in requested}
    wholes = {spec.name: row for row, spec in enumerate(classes) if spec.own_outline}
    return [
        (row, wholes[spec.part_of])
        for row, spec in enumerate(classes)
        if spec.part_of in wholes and spec.part_of in names and spec.name not in names
    ]
