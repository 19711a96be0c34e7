"""The size of a voxel in HDF5: by ilastik, Fiji, CREMI, EMD, Velox and BigDataViewer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import h5py
import numpy as np

from napari_scsam.io.label_files.hdf5 import RECORD_ATTRIBUTE
from napari_scsam.io.label_files.record import origin_of, parse_record
from napari_scsam.io.units import sides_nm, to_nm
from napari_scsam.io.untrusted.hdf5_heaps import read_attribute

MOST_XML = 1 << 24
"""Bytes of the largest description of BigDataViewer that is read."""

RESOLUTION = ("resolution", "voxel_size", "offset", "units")
"""Attributes of CREMI and funlib."""

Sides = tuple[float | None, ...]


@dataclass(frozen=True)
class Placed:
    """What a file says of the voxels of a data set."""

    axes: str = ""
    """One letter an axis; empty when it does not say."""
    sides: Sides = ()
    """nm along z, y, x, or y, x; empty when it does not say."""
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)


def describe_dataset(dataset: h5py.Dataset, path: Path) -> Placed:
    """Return what the attributes around a data set, or files beside it, say of its voxels."""
    axes = _axistags(dataset)
    placed = (
        _element_size(dataset)
        or _resolution(dataset)
        or _emd_vectors(dataset)
        or _velox(dataset)
        or _big_data_viewer(dataset, path)
        or _hyperspy(dataset)
        or _dimension_scales(dataset)
        or Placed()
    )
    record = parse_record(read_attribute(dataset, RECORD_ATTRIBUTE, ""))
    if record:  # labels that we wrote
        placed = replace(placed, origin=origin_of(record))
    if axes:
        letters = "".join(axes)
        sides = placed.sides or _sides_of(axes)
        return Placed(letters, sides, placed.origin)
    return placed


def _numbers(value: Any) -> list[float]:
    """Return an attribute as numbers; empty when it is anything else."""
    try:
        return [float(number) for number in np.ravel(value)]
    except (TypeError, ValueError):
        return []


def _axistags(dataset: h5py.Dataset) -> Mapping[str, Mapping[str, Any]]:
    """Read ilastik's ``axistags``, by letter in the order of the axes; empty without them."""
    tags = read_attribute(dataset, "axistags")
    if tags is None:
        return {}
    return {str(axis["key"]).lower(): axis for axis in json.loads(tags)["axes"]}


def _sides_of(axes: Mapping[str, Mapping[str, Any]]) -> Sides:
    """Return nm along z, y, x by vigra's ``resolution``, whose unit is in the description."""
    spatial = [axes[letter] for letter in "zyx" if letter in axes]
    sizes = [axis.get("resolution") or None for axis in spatial]
    return sides_nm(sizes, [axis.get("description") for axis in spatial])


def _element_size(dataset: h5py.Dataset) -> Placed | None:
    """Read ``element_size_um`` (z, y, x), which ilastik and Fiji write."""
    sizes = _numbers(read_attribute(dataset, "element_size_um", ()))
    sizes = sizes[-min(dataset.ndim, 3) :]
    if len(sizes) < 2:
        return None
    return Placed(sides=sides_nm(sizes, ["um"] * len(sizes)))


def _resolution(dataset: h5py.Dataset) -> Placed | None:
    """Read ``resolution`` and ``offset`` (z, y, x), which CREMI and funlib write, in nm."""
    stated = {name: read_attribute(dataset, name) for name in RESOLUTION}
    known = {name: value for name, value in stated.items() if value is not None}
    sides, origin = read_resolution(known, dataset.ndim)
    if not sides:
        return None
    return Placed(sides=sides, origin=origin)


def read_resolution(
    attributes: Mapping[str, Any], ndim: int
) -> tuple[Sides, tuple[float, float, float]]:
    """Return sides and origin in nm that CREMI and funlib write; no sides without them.

    Parameters
    ----------
    attributes
        ``resolution`` or ``voxel_size``, ``offset``, and perhaps ``units``.
    ndim
        Of the array. Its last axes are in space.
    """
    sizes = _numbers(attributes.get("resolution", attributes.get("voxel_size", ())))[
        -min(ndim, 3) :
    ]
    if len(sizes) < 2:
        return (), (0.0, 0.0, 0.0)
    stated = attributes.get("units")
    units = ["nm"] * len(sizes)
    if isinstance(stated, str):
        units = [stated] * len(sizes)
    elif stated is not None:
        units = [str(unit) for unit in stated if unit][-len(sizes) :]
    elif set(sizes) == {1.0}:
        return (), (0.0, 0.0, 0.0)
    if len(units) != len(sizes):
        return (), (0.0, 0.0, 0.0)
    shifts = _numbers(attributes.get("offset", ()))[-len(sizes) :]
    if len(shifts) != len(sizes):
        shifts = [0.0] * len(sizes)
    origin = [0.0] * (3 - len(shifts))
    origin += [to_nm(shift, unit) or 0.0 for shift, unit in zip(shifts, units, strict=True)]
    return sides_nm(sizes, units), (origin[0], origin[1], origin[2])


def _emd_vectors(dataset: h5py.Dataset) -> Placed | None:
    """Read the vectors ``dim1``, ``dim2`` … of the Berkeley EMD, in order of the axes."""
    group = dataset.parent
    vectors = [group.get(f"dim{number + 1}") for number in range(dataset.ndim)]
    if not all(isinstance(vector, h5py.Dataset) and vector.ndim == 1 for vector in vectors):
        return None
    letters = [_text(read_attribute(vector, "name", "")).lower() for vector in vectors]
    axes = "".join(letters) if sorted(letters) in (["x", "y"], ["x", "y", "z"]) else ""
    order: Sequence[int] = range(dataset.ndim)
    if axes:
        order = [axes.index(letter) for letter in "zyx" if letter in axes]
    steps = [_step(vectors[number]) for number in order]
    units = [_text(read_attribute(vectors[number], "units", "")) for number in order]
    cleaned = [unit.strip("[]").replace("_", "") for unit in units]
    return Placed(axes=axes, sides=sides_nm(steps, cleaned))


def _step(vector: h5py.Dataset) -> float | None:
    if vector.shape[0] < 2 or vector.dtype.kind not in "iuf":
        return None
    first, second = vector[:2]
    return float(f"{abs(float(second) - float(first)):.7g}")


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.ndarray):
        return _text(value.reshape(-1)[0]) if value.size else ""
    return str(value)


def _hyperspy(dataset: h5py.Dataset) -> Placed | None:
    """Read the groups ``axis-0``, ``axis-1`` … that HyperSpy writes beside ``data``."""
    groups = [dataset.parent.get(f"axis-{number}") for number in range(dataset.ndim)]
    if not groups or not all(isinstance(group, h5py.Group) for group in groups):
        return None
    sizes = [_numbers(read_attribute(group, "scale", ())) for group in groups]
    steps = [abs(size[0]) if len(size) == 1 else None for size in sizes]
    units = [_text(read_attribute(group, "units", "")) for group in groups]
    names = [_text(read_attribute(group, "name", "")) for group in groups]
    return _by_name(names, steps, units)


def _dimension_scales(dataset: h5py.Dataset) -> Placed | None:
    """Read coordinates with units along the axes, as NetCDF attaches them."""
    scales = [dimension[0] if len(dimension) else None for dimension in dataset.dims]
    known = [scale for scale in scales if scale is not None and scale.ndim == 1]
    if not known or len(known) < len(scales):
        return None
    units = [_text(read_attribute(scale, "units", "")) for scale in known]
    names = [str(scale.name).rpartition("/")[2] for scale in known]
    return _by_name(names, [_step(scale) for scale in known], units)


def _by_name(
    names: Sequence[str], steps: Sequence[float | None], units: Sequence[str]
) -> Placed | None:
    """Return the places of voxels by the names of axes; z, y, x where they have other names."""
    axes = "".join(name.lower() for name in names)
    order: Sequence[int] = range(len(names))
    if sorted(axes) in (["x", "y"], ["x", "y", "z"]):
        order = [axes.index(letter) for letter in "zyx" if letter in axes]
    elif len(names) in (2, 3):
        axes = ""
    else:
        return None
    return Placed(axes, sides_nm([steps[at] for at in order], [units[at] for at in order]))


def _velox(dataset: h5py.Dataset) -> Placed | None:
    """Read what Velox writes beside its images, whose last axis has the frames."""
    stored = dataset.parent.get("Metadata")
    if not isinstance(stored, h5py.Dataset) or stored.ndim != 2 or dataset.ndim != 3:
        return None
    try:
        record = json.loads(bytes(stored[:, 0]).rstrip(b"\0"))
        pixel = record["BinaryResult"]["PixelSize"]
        unit = record["BinaryResult"].get("PixelUnitX", "m")
        sizes = [float(pixel[side]) for side in ("height", "width")]
    except (ValueError, KeyError, TypeError):
        return Placed(axes="yxt")
    return Placed(axes="yxt", sides=sides_nm(sizes, [unit] * 2))


def _big_data_viewer(dataset: h5py.Dataset, path: Path) -> Placed | None:
    """Read the voxel size of BigDataViewer from the XML beside its HDF5."""
    names = dataset.name.strip("/").split("/")
    description = path.with_suffix(".xml")
    if names[-1] != "cells" or not description.is_file():
        return None
    if description.stat().st_size > MOST_XML:
        return None
    try:
        root = ET.parse(description).getroot()  # noqa: S314  # expat limits entities
    except ET.ParseError:
        return None
    setup = next((name for name in names if name.startswith("s")), "s0")
    for view in root.iter("ViewSetup"):
        if view.findtext("id", "").strip() == str(int(setup[1:] or 0)):
            sizes = _numbers(view.findtext("voxelSize/size", "").split())
            unit = view.findtext("voxelSize/unit", "")
            if len(sizes) == 3:
                return Placed(sides=sides_nm(sizes[::-1], [unit] * 3))
    return None
