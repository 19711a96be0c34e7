"""What is to be found, in which labels, checked before anything is written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import ArrayLike

from napari_scsam.atomic import finish_replacing
from napari_scsam.config import ClassSpec, UserError, parse_classes
from napari_scsam.io.contents import check_outside
from napari_scsam.io.find_labels import find_labels
from napari_scsam.io.formats.slices import TIFF_SUFFIXES
from napari_scsam.io.labels import read_class_table
from napari_scsam.io.volumes import Volume, as_volume, open_labels
from napari_scsam.volume.instances.kinds import ObjectKind, kinds_of
from napari_scsam.volume.instances.run_folder import finished_settings
from napari_scsam.volume.instances.source import labels_fingerprint, looks_grey

MIN_VOXELS = 10
"""Objects of fewer voxels are specks, and left out unless asked for."""

NM3_PER_UM3 = 1e9

MOST_UM3 = 1e9
"""Largest volume of a smallest object: a cubic millimetre."""

LabelsLike: TypeAlias = "Volume | ArrayLike | str | os.PathLike[str]"
Classes: TypeAlias = "Sequence[str] | Sequence[ClassSpec] | Mapping[int, str]"


@dataclass(frozen=True)
class InstanceRequest:
    """What is to be found."""

    volume: Volume
    kinds: tuple[ObjectKind, ...]
    smallest: int
    """Objects of fewer voxels are left out."""
    watershed: bool
    fill_holes: bool

    def settings(self) -> dict[str, Any]:
        """Return what two runs must share, so that one may continue the other, as JSON values."""
        volume = self.volume
        return {
            "labels": labels_fingerprint(volume),
            "name": volume.name,
            "shape": list(volume.shape),
            "voxel_size_nm": list(volume.voxel_size) if volume.voxel_size else None,
            "origin_nm": list(volume.origin),
            "classes": {kind.name: list(kind.values) for kind in self.kinds},
            "smallest_voxels": self.smallest,
            "watershed": self.watershed,
            "fill_holes": self.fill_holes,
        }


def open_classes(
    labels: LabelsLike, classes: Classes | None
) -> tuple[Volume, tuple[ClassSpec, ...] | None, list[str] | None]:
    """Open labels, and return them with their class table and the names of requested classes.

    Raises
    ------
    UserError
        When the labels cannot be opened, or are instances already.
    """
    volume, table = _open(labels)
    if classes is None:
        return volume, table, None
    if isinstance(classes, Mapping):
        table = parse_classes([ClassSpec(number, name) for number, name in classes.items()])
        return volume, table, [spec.name for spec in table]
    specs = [spec for spec in classes if isinstance(spec, ClassSpec)]
    if specs and table is None:
        table = parse_classes(specs)
    return volume, table, [c.name if isinstance(c, ClassSpec) else c for c in classes]


def _open(labels: LabelsLike) -> tuple[Volume, tuple[ClassSpec, ...] | None]:
    if isinstance(labels, Volume):
        table = None
        if labels.path is not None and labels.path.exists():
            table = read_class_table(labels.path)
        return _integers(labels), table
    if not isinstance(labels, (str, os.PathLike)):
        return _integers(as_volume(labels)), None
    path = Path(labels)
    finish_replacing(path)
    if finished_settings(path) is not None:
        raise UserError(f"{path} holds instances already; give the labels that they were made of")
    path = find_labels(path)
    return open_labels(path), read_class_table(path)


def _integers(volume: Volume) -> Volume:
    if volume.dtype.kind not in "iu":
        raise UserError(
            f"{volume.name} holds {volume.dtype} values, but labels are integers; "
            "choose the label image, or convert it"
        )
    return volume


def read_request(
    labels: LabelsLike,
    classes: Classes | None,
    *,
    smallest: int | None,
    smallest_um3: float | None,
    watershed: bool,
    fill_holes: bool,
) -> InstanceRequest:
    """Check what was asked for, as in `find_instances`.

    Raises
    ------
    UserError
        When the labels cannot be opened or have no such class, or a size is not usable.
    """
    volume, table, names = open_classes(labels, classes)
    kinds = kinds_of(table, names)
    if table is None and looks_grey(volume):
        raise UserError(
            f"{volume.name} looks like an image, not like labels: neighbouring voxels differ; "
            "give the labels"
        )
    size = smallest_voxels(volume, smallest, smallest_um3)
    return InstanceRequest(volume, kinds, size, watershed, fill_holes)


def smallest_voxels(volume: Volume, voxels: int | None, um3: float | None) -> int:
    """Return the voxels of the smallest object.

    Raises
    ------
    UserError
        When a size is not above 0, or µm³ are given and the voxel size is unknown.
    """
    if um3 is None:
        smallest = MIN_VOXELS if voxels is None else voxels
        if smallest < 1:
            raise UserError(f"the smallest object has {smallest} voxels; give 1 to keep all")
        return smallest
    if not 0 <= um3 <= MOST_UM3:
        raise UserError(f"the smallest volume is {um3} µm³; give a number from 0 to {MOST_UM3:g}")
    return max(1, _voxels_in(um3, volume), voxels or 1)


def _voxels_in(um3: float, volume: Volume) -> int:
    if volume.voxel_size is None:
        raise UserError(
            f"the voxel size of {volume.name} is unknown, so µm³ mean nothing; "
            "give the smallest size in voxels"
        )
    return ceil(um3 * NM3_PER_UM3 / prod(volume.voxel_size) - 1e-9)


def check_target(out: Path, request: InstanceRequest) -> None:
    """Check that instances can be written to a path of this name.

    Raises
    ------
    UserError
        When they cannot, or the labels are there.
    """
    source = request.volume.path
    real = Path(os.path.realpath(out))  # resolve() fails where links lead in circles
    if source is not None and _is_inside(source.resolve(), real):
        raise UserError(f"{out} holds the labels themselves; give the instances another name")
    check_outside(out)
    suffix = out.suffix.lower()
    if suffix in TIFF_SUFFIXES and len(request.kinds) > 1:
        names = ", ".join(kind.name for kind in request.kinds)
        raise UserError(
            f"{out.name} can hold objects of one class; choose one with --classes ({names}), "
            "or end the name in .zarr"
        )
    if suffix not in (".zarr", *TIFF_SUFFIXES):
        raise UserError(
            f"instances cannot be written to {out.name!r}; end its name in .zarr or .tif"
        )


def _is_inside(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents
