"""The OME-Zarr metadata of a label image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_scsam.config import ClassSpec, UserError, VoxelSize, parse_classes
from napari_scsam.io.ngff import NEW, as_attributes


@dataclass(frozen=True)
class LabelHeader:
    """What the metadata of a label image say."""

    name: str
    ndim: int
    voxel_size: VoxelSize | None
    origin: tuple[float, float, float]
    classes: tuple[ClassSpec, ...]

    def attributes(self, factors: Sequence[Sequence[int]], version: str = NEW) -> dict[str, Any]:
        """Return the attributes of a label group.

        Parameters
        ----------
        factors
            For each level and axis, how much coarser it is than the labels.
        version
            Of NGFF.
        """
        unit = {}
        if self.voxel_size:
            unit = {"unit": "nanometer"}
        multiscale = {
            "name": self.name,
            "axes": [{"name": a, "type": "space", **unit} for a in "zyx"[-self.ndim :]],
            "datasets": [
                {"path": str(i), "coordinateTransformations": self._transforms(f)}
                for i, f in enumerate(factors)
            ],
            "type": "nearest",
        }
        values = {"multiscales": [multiscale], "image-label": image_label(self.classes, version)}
        record = {"classes": [c.to_dict() for c in self.classes]}
        return {**as_attributes(values, version), "scsam": record}

    def _transforms(self, factors: Sequence[int]) -> list[dict[str, Any]]:
        size = (self.voxel_size or (1.0, 1.0, 1.0))[-self.ndim :]
        scale = {"type": "scale", "scale": [s * f for s, f in zip(size, factors, strict=True)]}
        if self.voxel_size is None:
            return [scale]
        # Coarser levels keep every second voxel, so their first one stays where it was.
        return [
            scale,
            {"type": "translation", "translation": [float(o) for o in self.origin[-self.ndim :]]},
        ]


def image_label(classes: Sequence[ClassSpec], version: str = NEW) -> dict[str, Any]:
    """Return NGFF's ``image-label``: names and colours of the classes."""
    if not classes:
        return {"version": version}
    return {
        "version": version,
        "colors": [
            {"label-value": c.id, "rgba": [*bytes.fromhex(c.colour[1:]), 255]} for c in classes
        ],
        "properties": [{"label-value": c.id, "class": c.name} for c in classes],
    }


def label_header(
    name: str,
    shape: tuple[int, ...],
    voxel_size: VoxelSize | None,
    classes: Sequence[ClassSpec],
    origin: tuple[float, float, float],
    dtype: np.dtype[Any],
) -> LabelHeader:
    """Check labels that are to be written, and return their header.

    Raises
    ------
    UserError
        When the shape, the type or a class id cannot be stored.
    """
    if dtype.kind not in "iu" or len(shape) not in (2, 3) or 0 in shape:
        raise UserError(
            f"labels of shape {shape} and type {dtype} cannot be written; "
            "they must be (y, x) or (z, y, x) integers"
        )
    table: tuple[ClassSpec, ...] = ()
    if classes:
        table = parse_classes(classes)
        last = table[-1]
        if last.id > np.iinfo(dtype).max:
            raise UserError(
                f"class {last.name!r} has id {last.id}, which does not fit into {dtype} labels; "
                "use a wider type"
            )
    return LabelHeader(name, len(shape), voxel_size, origin, table)
