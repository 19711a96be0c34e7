"""Read N5, on disk or behind an address; https://github.com/saalfeldlab/n5.

Its axes are stored as x, y, z, and so are its sizes. What is read here is in the order of numpy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zarr.abc.store import Store
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from napari_scsam.config import UserError
from napari_scsam.io.formats.hdf5_sizes import read_resolution
from napari_scsam.io.formats.n5_array import N5Array
from napari_scsam.io.lazy import Source
from napari_scsam.io.read_errors import explaining
from napari_scsam.io.saved.anchored_store import AnchoredStore
from napari_scsam.io.saved.watched import Stamp, WatchedArray
from napari_scsam.io.units import three_sides, whole_size

ATTRIBUTES = "attributes.json"

SEARCH_DEPTH = 5


def is_n5(folder: Path) -> bool:
    """Whether a folder is an N5 group or data set."""
    return (folder / ATTRIBUTES).is_file() or folder.suffix.lower() == ".n5"


def _not_one(folder: Path, found: Sequence[str]) -> UserError:
    names = ", ".join(f"{folder}/{name}" for name in found[:10]) or "none"
    return UserError(f"{folder} does not hold exactly one image; open one of: {names}")


def read_n5(folder: Path) -> Source:
    """Open the image in an N5 folder: a data set, or a group with one image in it.

    Returns
    -------
    Source
        Finest level first; with the voxel size of ``pixelResolution``, ``resolution`` or
        ``transform``.

    Raises
    ------
    UserError
        When there is none, or several; the message lists them.
    """
    with explaining(folder):
        store = AnchoredStore(folder, read_only=True)
        levels = _find(store, str(folder), "", SEARCH_DEPTH)
        if len(levels) != 1:
            raise _not_one(folder, [found[0] for found in levels])
        return n5_source(store, levels[0], lambda array, name: _watch(folder / name, array))


def _watch(folder: Path, array: N5Array) -> WatchedArray:
    return WatchedArray(array, Stamp.of(folder / ATTRIBUTES, folder))


def n5_source(store: Store, levels: Sequence[str], watch: Any) -> Source:
    """Open data sets of a store as one image.

    Parameters
    ----------
    store
        With the files of the N5.
    levels
        Paths of data sets, finest first.
    watch
        Called with an array and its path, returns what is read.
    """
    attributes = attributes_of(store, levels[0])
    arrays = [N5Array(store, name, attributes_of(store, name)) for name in levels]
    sides, origin = _place(attributes, arrays[0].ndim)
    return Source(
        array=watch(arrays[0], levels[0]),
        voxel_size=whole_size(sides) if sides else None,
        origin=origin,
        levels=tuple(
            watch(array, name) for array, name in zip(arrays[1:], levels[1:], strict=True)
        ),
        sides=three_sides(sides),
    )


def attributes_of(store: Store, name: str) -> Mapping[str, Any]:
    """Return the attributes of a group or data set; empty without any."""
    data = _get(store, f"{name}/{ATTRIBUTES}".lstrip("/"))
    if data is None:
        return {}
    found = json.loads(data)
    return found if isinstance(found, dict) else {}


def _get(store: Store, key: str) -> bytes | None:
    found = sync(store.get(key, default_buffer_prototype()))
    return None if found is None else found.to_bytes()


def _find(store: Store, name: str, inner: str, depth: int) -> list[list[str]]:
    """Return the images below a group, each as the paths of its levels."""
    levels = n5_levels(store, inner)
    if levels:
        return [levels]
    found = []
    if depth > 0:
        for member in sorted(sync(_names(store, inner))):
            found += _find(store, name, f"{inner}/{member}".lstrip("/"), depth - 1)
    return found


def n5_levels(store: Store, inner: str) -> list[str]:
    """Return a data set, or the levels ``s0``, ``s1`` … of a group, finest first; or nothing."""
    if "dimensions" in attributes_of(store, inner):
        return [inner]
    levels: list[str] = []
    while "dimensions" in attributes_of(store, f"{inner}/s{len(levels)}".lstrip("/")):
        levels.append(f"{inner}/s{len(levels)}".lstrip("/"))
    return levels


async def _names(store: Store, inner: str) -> list[str]:
    return [name async for name in store.list_dir(inner) if "." not in name]


def _place(
    attributes: Mapping[str, Any], ndim: int
) -> tuple[tuple[float | None, ...], tuple[float, float, float]]:
    """Return nm along z, y, x and the origin, of attributes in one of four fashions."""
    transform = attributes.get("transform")
    if isinstance(transform, dict) and sorted(transform.get("axes") or ()) == ["x", "y", "z"]:
        return _of_cosem(transform, ndim)
    if attributes.get("axes", attributes.get("axis_names")) == ["z", "y", "x"]:
        return read_resolution(attributes, ndim)  # of funlib, in the order of numpy
    pixel = attributes.get("pixelResolution")
    if isinstance(pixel, dict):
        stated = {"resolution": _reversed(pixel.get("dimensions")), "units": str(pixel.get("unit"))}
        return read_resolution(stated, ndim)
    stated = {name: _reversed(attributes.get(name)) for name in ("resolution", "offset")}
    if isinstance(pixel, list):
        stated["resolution"] = _reversed(pixel)
    return read_resolution({name: value for name, value in stated.items() if value}, ndim)


def _of_cosem(
    transform: Mapping[str, Any], ndim: int
) -> tuple[tuple[float | None, ...], tuple[float, float, float]]:
    """Return nm along z, y, x and the origin, of what COSEM states for named axes."""
    order = [transform["axes"].index(letter) for letter in "zyx"]
    named = {"resolution": "scale", "offset": "translate", "units": "units"}
    stated = {}
    for name, key in named.items():
        values = transform.get(key)
        if isinstance(values, list) and len(values) == len(order):
            stated[name] = [values[at] for at in order]
    return read_resolution(stated, ndim)


def _reversed(values: Any) -> list[Any]:
    return values[::-1] if isinstance(values, list) else []
