"""HDF5 files that point at other files, or whose chunks are larger than they say."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import h5py

from napari_scsam.config import UserError
from napari_scsam.io.untrusted.sizes import memory_of_machine

MAX_LINKS = 32
"""Most links that are followed to one data set; a circle of links would never end."""


def find_node(file: h5py.File, path: Path, inner: str) -> Any:
    """Return what is at a path inside a file, without leaving the folder of the file.

    Parameters
    ----------
    file, path
        The open file, and where it is.
    inner
        Path of a data set or group.

    Returns
    -------
    h5py.Dataset, h5py.Group or None
        None when there is nothing.

    Raises
    ------
    UserError
        When a link leads to a file outside of the folder, or in circles.
    """
    _check_way(file, path, inner, MAX_LINKS)
    return file.get(inner)


def _check_way(file: h5py.File, path: Path, inner: str, left: int) -> None:
    if left == 0:
        raise UserError(f"{path} has a link at {inner!r} that never ends; name another data set")
    parts = [part for part in inner.split("/") if part not in ("", ".")]
    for number in range(1, len(parts) + 1):
        name = "/".join(parts[:number])
        rest = "/".join(parts[number:])
        link = _link_at(file, name)
        if isinstance(link, h5py.ExternalLink):
            check_beside(path, link.filename, f"the data set {inner!r}")
            return  # what is in another file of the folder is checked by HDF5 itself
        if isinstance(link, h5py.SoftLink):
            target = link.path
            if not target.startswith("/"):
                target = "/".join([*parts[: number - 1], target])
            _check_way(file, path, f"{target}/{rest}", left - 1)
            return


def _link_at(file: h5py.File, name: str) -> Any:
    try:
        return file.get(name, getlink=True)
    except (KeyError, ValueError, RuntimeError):  # there is nothing
        return None


def check_beside(path: Path, other: str, what: str) -> None:
    """Check that another file, which a file names, is in the same folder or below it.

    Raises
    ------
    UserError
        When it is not.
    """
    folder = path.resolve().parent
    if not (folder / other).resolve().is_relative_to(folder):
        raise UserError(
            f"{path} reads {what} from {other}, outside of its own folder; "
            "copy the data into one file"
        )


def check_storage(dataset: h5py.Dataset, path: Path) -> None:
    """Check where the voxels of a data set are, and how large its chunks are.

    Raises
    ------
    UserError
        When they are in a file outside of the folder.
    ValueError
        When a chunk is larger than the memory.
    """
    owner = Path(dataset.file.filename)
    check_beside(path, str(owner.absolute()), "the data set")
    for other in _other_files(dataset):
        if other != ".":  # the file itself
            check_beside(owner, other, "the voxels")
    if dataset.chunks and prod(dataset.chunks) * dataset.dtype.itemsize > memory_of_machine():
        raise ValueError(f"a chunk of {dataset.chunks} is larger than the memory of this computer")


def other_files(dataset: h5py.Dataset, path: Path) -> list[Path]:
    """Return the files beside a file that hold the voxels of its data set; those that exist."""
    owner = Path(dataset.file.filename).absolute()
    named = {owner} | {owner.parent / name for name in _other_files(dataset) if name != "."}
    return sorted(file for file in named - {path.absolute()} if file.is_file())


def _other_files(dataset: h5py.Dataset) -> Iterator[str]:
    yield from (name for name, _offset, _size in dataset.external or ())
    if dataset.is_virtual:
        yield from (source.file_name for source in dataset.virtual_sources())


def open_storage(dataset: h5py.Dataset) -> h5py.Dataset:
    """Return a data set whose external storage is looked for beside its file.

    Without this HDF5 looks for a relative name in the folder that the program was started in.
    """
    if not dataset.external:
        return dataset
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_efile_prefix(b"${ORIGIN}")
    name = dataset.name.encode()
    file = dataset.file
    dataset.id.close()  # HDF5 keeps the folder of the first opening
    return h5py.Dataset(h5py.h5d.open(file.id, name, access))
