"""Read HDF5 data sets: ``file.h5`` or ``file.h5:/path``."""

from __future__ import annotations

import importlib
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.io.formats.hdf5_sizes import describe_dataset
from napari_scsam.io.lazy import Source
from napari_scsam.io.read_errors import explaining
from napari_scsam.io.saved.watched import watch_others
from napari_scsam.io.units import three_sides, whole_size
from napari_scsam.io.untrusted.hdf5_chunks import check_hdf5_chunks
from napari_scsam.io.untrusted.hdf5_files import open_hdf5
from napari_scsam.io.untrusted.hdf5_links import check_storage, find_node, open_storage, other_files

BIG_DATA_VIEWER = re.compile(r"/t\d+/s\d+/\d+/cells")
"""A level of BigDataViewer: time point, view, level."""

BESIDE_CELLS = re.compile(r"/(s\d+/(resolutions|subdivisions)|__DATA_TYPES__/.*)")
"""Data sets of BigDataViewer that are not images."""

MOST_LEVELS = 32

LARGEST_MATRIX = 16
"""Numbers of a matrix that tells how an image lies in space, such as ITK's ``Directions``."""


def split_hdf5_path(path: str) -> tuple[Path, str | None] | None:
    """Split ``file.h5:/path`` at the colon; `None` when it is not the name of an HDF5 file."""
    match = re.fullmatch(
        r"(.+\.(?:h5|hdf5|hdf|emd|hspy|nxs|nc))(?::(.*))?", path, flags=re.IGNORECASE
    )
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
        With the voxel size that ilastik, Fiji, CREMI, EMD, Velox or BigDataViewer wrote.

    Raises
    ------
    UserError
        When there is no such data set, or several without a choice; the message lists them. Also
        when the voxels are in a file outside of the folder of this one.
    """
    with explaining(path):
        file = open_hdf5(path)
        dataset = _find(file, path, inner)
        check_storage(dataset, path)
        _check_filters(dataset, path)
        dataset = open_storage(dataset)
        placed = describe_dataset(dataset, path)
        array = check_hdf5_chunks(dataset)
        levels = _coarser(dataset, path)
        if _is_big_data_viewer(dataset):
            array = UnsignedArray(array)
            levels = tuple(map(UnsignedArray, levels))
        others = other_files(dataset, path)
        return Source(
            array=watch_others(array, others),
            axes=placed.axes,
            voxel_size=whole_size(placed.sides) if placed.sides else None,
            origin=placed.origin,
            levels=levels,
            sides=three_sides(placed.sides),
        )


def _find(file: h5py.File, path: Path, inner: str | None) -> h5py.Dataset:
    if inner is not None:
        named = find_node(file, path, inner)
        if isinstance(named, h5py.Dataset):
            return named
    found = _image_data_sets(file)
    listed = ", ".join(found) or "none"
    if inner is not None:
        raise UserError(f"{path} has no data set {inner!r}; its image data sets are: {listed}")
    images = _first_of_big_data_viewer(found) or {
        name: node for name, node in found.items() if not BESIDE_CELLS.fullmatch(name)
    }
    if len(images) > 1:
        images = {n: d for n, d in found.items() if sum(size > 1 for size in d.shape) in (2, 3)}
    if len(images) > 1:
        images = {n: d for n, d in images.items() if "labels" not in n.split("/")[:-1]} or images
    if len(images) > 1:
        images = {n: d for n, d in images.items() if d.size > LARGEST_MATRIX} or images
    if not images:
        _check_links(file, path)
    if not found:
        raise UserError(
            f"{path} has no data set of numbers with two or three axes; choose another file"
        )
    if len(images) != 1:
        raise UserError(
            f"{path} does not hold exactly one image; "
            f"name the data set as {path.name}:/path, one of: {listed}"
        )
    return next(iter(images.values()))


def _check_links(file: h5py.File, path: Path) -> None:
    """Refuse a file that only leads to others, as BigDataViewer writes large volumes.

    Raises
    ------
    UserError
        It names the first of them.
    """
    linked: list[str] = []

    def keep(_name: str, link: Any) -> None:
        if isinstance(link, h5py.ExternalLink):
            linked.append(f"{link.filename}:{link.path}")

    file.visititems_links(keep)
    if linked:
        raise UserError(f"{path} only leads to data in other files; open {linked[0]}")


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
            _load_plugins()
        if not h5py.h5z.filter_avail(code):
            raise UserError(
                f"{path} is compressed with {name.decode() or code}; "
                "install hdf5plugin (pip install hdf5plugin), or save it with gzip"
            )


def _load_plugins() -> None:
    """Load the compressions of the package hdf5plugin, if it is installed."""
    with suppress(ImportError):
        importlib.import_module("hdf5plugin")


def _is_big_data_viewer(dataset: h5py.Dataset) -> bool:
    """Whether it is a level of BigDataViewer: ``t00000/s00/0/cells``, whose 16 bits have no sign."""
    return BIG_DATA_VIEWER.fullmatch(dataset.name) is not None and dataset.dtype.kind in "iu"


def _first_of_big_data_viewer(found: dict[str, h5py.Dataset]) -> dict[str, h5py.Dataset]:
    """Return the finest level, if the file holds the levels of one view and nothing else."""
    cells = {name: node for name, node in found.items() if BIG_DATA_VIEWER.fullmatch(name)}
    views = {name.rsplit("/", 2)[0] for name in cells}
    finest = {name: node for name, node in cells.items() if name.endswith("/0/cells")}
    others = {name for name in found if name not in cells and not BESIDE_CELLS.fullmatch(name)}
    if len(views) != 1 or others:
        return {}
    return finest


def _coarser(dataset: h5py.Dataset, path: Path) -> tuple[Any, ...]:
    """Return the coarser levels of BigDataViewer."""
    if not _is_big_data_viewer(dataset) or not dataset.name.endswith("/0/cells"):
        return ()
    levels = []
    view = dataset.parent.parent
    for number in range(1, MOST_LEVELS):
        level = view.get(f"{number}/cells")
        if not isinstance(level, h5py.Dataset) or level.dtype != dataset.dtype:
            break
        check_storage(level, path)
        levels.append(check_hdf5_chunks(level))
    return tuple(levels)


class UnsignedArray:
    """Numbers with a sign, read as those without that have the same bits.

    Parameters
    ----------
    stored
        Anything with ``shape``, ``dtype`` and numpy-style slicing.
    """

    def __init__(self, stored: Any) -> None:
        self._stored = stored
        self.shape = tuple(stored.shape)
        self.dtype = np.dtype(f"u{stored.dtype.itemsize}")
        self.chunks = getattr(stored, "chunks", None)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        return np.ascontiguousarray(self._stored[key]).astype(self.dtype, casting="unsafe")
