"""Read HDF5 data sets: ``file.h5`` or ``file.h5:/path``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import numpy as np

from napari_scsam.config import UserError, VoxelSize
from napari_scsam.io.lazy import Source, explaining
from napari_scsam.io.units import voxel_size_nm
from napari_scsam.io.untrusted.hdf5_chunks import with_checked_chunks
from napari_scsam.io.untrusted.hdf5_links import check_storage, find_node, open_storage


def split_hdf5_path(path: str) -> tuple[Path, str | None] | None:
    """Split ``file.h5:/path`` at the colon; `None` when it is not the name of an HDF5 file."""
    match = re.fullmatch(r"(.+\.(?:h5|hdf5|hdf))(?::(.*))?", path, flags=re.IGNORECASE)
    if match is None:
        return None
    return Path(match[1]), match[2] or None


def read_hdf5(path: Path, inner: str | None) -> Source:
    """Open one data set of an HDF5 file.

    Parameters
    ----------
    path
        The file.
    inner
        Path of the data set; `None` takes the only one that can be an image.

    Returns
    -------
    Source
        With the voxel size of the attribute ``element_size_um`` (z, y, x), which ilastik and Fiji
        write.

    Raises
    ------
    UserError
        When there is no such data set, or several without a choice; the message lists them. Also
        when the voxels are in a file outside of the folder of this one.
    """
    with explaining(path):
        file = h5py.File(path, "r")
        dataset = _find(file, path, inner)
        check_storage(dataset, path)
        _check_filters(dataset, path)
        dataset = open_storage(dataset)
        return Source(
            array=with_checked_chunks(dataset),
            axes=_axes(dataset),
            voxel_size=_voxel_size(dataset),
        )


def _voxel_size(dataset: h5py.Dataset) -> VoxelSize | None:
    sizes = [float(size) for size in np.ravel(dataset.attrs.get("element_size_um", ()))]
    sizes = sizes[-min(dataset.ndim, 3) :]
    if len(sizes) < 2:
        return None
    return voxel_size_nm(sizes, ["um"] * len(sizes))


def _find(file: h5py.File, path: Path, inner: str | None) -> h5py.Dataset:
    if inner is not None:
        named = find_node(file, path, inner)
        if isinstance(named, h5py.Dataset):
            return named
    found = _image_data_sets(file)
    listed = ", ".join(found) or "none"
    if inner is not None:
        raise UserError(f"{path} has no data set {inner!r}; its image data sets are: {listed}")
    images = found
    if len(found) > 1:
        images = {n: d for n, d in found.items() if sum(size > 1 for size in d.shape) in (2, 3)}
    if len(images) != 1:
        raise UserError(
            f"{path} does not hold exactly one image; "
            f"name the data set as {path.name}:/path, one of: {listed}"
        )
    return next(iter(images.values()))


def _image_data_sets(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Return the numeric data sets of at least two axes, by name."""
    found: dict[str, h5py.Dataset] = {}

    def keep(name: str, node: h5py.HLObject) -> None:
        if isinstance(node, h5py.Dataset) and node.ndim >= 2 and node.dtype.kind in "biufc":
            found[f"/{name}"] = node

    file.visititems(keep)
    return found


def _check_filters(dataset: h5py.Dataset, path: Path) -> None:
    """Refuse a compression that h5py cannot read here, before the first slice is needed."""
    settings = dataset.id.get_create_plist()
    for number in range(settings.get_nfilters()):
        code, _, _, name = settings.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            raise UserError(
                f"{path} is compressed with {name.decode() or code}; "
                "save it with gzip, or install and import hdf5plugin"
            )


def _axes(dataset: h5py.Dataset) -> str:
    """Read ilastik's ``axistags``; empty when there are none."""
    tags = dataset.attrs.get("axistags")
    if tags is None:
        return ""
    return "".join(axis["key"] for axis in json.loads(tags)["axes"])
