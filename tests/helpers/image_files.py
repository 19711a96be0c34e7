"""One stack in every format that is read, and what may happen to its file while it is open."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image


def write_zarr(path: Path, stack: NDArray[np.uint8], version: int = 3) -> Path:
    """Write a plain zarr array, one chunk for each slice."""
    chunks = (1, *stack.shape[1:])
    array = zarr.create_array(
        path, shape=stack.shape, dtype=stack.dtype, chunks=chunks, zarr_format=version
    )
    array[...] = stack
    return path


def write_zarr2(path: Path, stack: NDArray[np.uint8]) -> Path:
    """Write a plain array of version 2."""
    return write_zarr(path, stack, 2)


def write_ome_zarr(path: Path, stack: NDArray[np.uint8]) -> Path:
    """Write an OME-Zarr of one level."""
    group = zarr.open_group(path, mode="w", zarr_format=3)
    write_zarr(path / "0", stack)
    transforms = [{"type": "scale", "scale": [8.0] * 3}]
    multiscale = {
        "axes": [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"],
        "datasets": [{"path": "0", "coordinateTransformations": transforms}],
    }
    group.update_attributes({"ome": {"version": "0.5", "multiscales": [multiscale]}})
    return path


def write_tiff(path: Path, stack: NDArray[np.uint8]) -> Path:
    """Write a TIFF whose pixels are mapped into memory."""
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZYX"})
    return path


def write_packed_tiff(path: Path, stack: NDArray[np.uint8]) -> Path:
    """Write a compressed TIFF."""
    options = {"compression": "zlib", "photometric": "minisblack"}
    tifffile.imwrite(path, stack, metadata={"axes": "ZYX"}, **options)
    return path


def write_mrc(path: Path, stack: NDArray[np.uint8]) -> Path:
    """Write an MRC stack."""
    mrcfile.write(path, stack.astype(np.int16), voxel_size=80.0)
    return path


def write_hdf5(path: Path, stack: NDArray[np.uint8]) -> Path:
    """Write one data set."""
    with h5py.File(path, "w") as file:
        file["raw"] = stack
    return path


def write_png_folder(path: Path, stack: NDArray[np.uint8]) -> Path:
    """Write one PNG for each slice."""
    path.mkdir()
    for z, plane in enumerate(stack):
        Image.fromarray(plane).save(path / f"{z}.png")
    return path


def write_tiff_folder(path: Path, stack: NDArray[np.uint8]) -> Path:
    """Write one TIFF for each slice."""
    path.mkdir()
    for z, plane in enumerate(stack):
        tifffile.imwrite(path / f"{z}.tif", plane)
    return path


FORMATS: Mapping[str, tuple[str, Callable[[Path, NDArray[np.uint8]], Path]]] = {
    "zarr": ("em.zarr", write_zarr),
    "zarr v2": ("em.zarr", write_zarr2),
    "OME-Zarr": ("em.zarr", write_ome_zarr),
    "TIFF": ("em.tif", write_tiff),
    "compressed TIFF": ("em.tif", write_packed_tiff),
    "MRC": ("em.mrc", write_mrc),
    "HDF5": ("em.h5", write_hdf5),
    "PNG folder": ("em", write_png_folder),
    "TIFF folder": ("em", write_tiff_folder),
}
"""File name and writer of each format."""


def write_image(folder: Path, form: str, stack: NDArray[np.uint8]) -> Path:
    """Write a stack in one of the `FORMATS`."""
    name, write = FORMATS[form]
    return write(folder / name, stack)


def rename_away(path: Path) -> None:
    """Rename a file or folder, as when a share is lost."""
    path.rename(path.with_name("away"))


def put_back(path: Path) -> None:
    """Undo `rename_away`."""
    path.with_name("away").rename(path)


def remove(path: Path) -> None:
    """Remove a file or folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def cut_off(path: Path) -> None:
    """Cut every file of an image to a quarter, in place; a zarr loses its metadata file too."""
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        if file.is_file():
            os.truncate(file, file.stat().st_size // 4)


def replace_by_another(path: Path, form: str, stack: NDArray[np.uint8]) -> None:
    """Put another image of equal shape under the same name."""
    remove(path)
    write_image(path.parent, form, stack)
