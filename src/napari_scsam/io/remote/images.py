"""Open an image behind an address."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from napari_scsam.config import UserError
from napari_scsam.io.lazy import Source
from napari_scsam.io.remote.chunk_cache import default_chunk_cache
from napari_scsam.io.remote.store import RemoteStore
from napari_scsam.io.zarr_volumes import read_zarr_store

SINGLE_FILES = frozenset(
    (
        *(".tif", ".tiff", ".mrc", ".rec", ".map", ".st", ".h5", ".hdf", ".hdf5", ".ims", ".emd"),
        *(".dm3", ".dm4", ".nrrd", ".npy", ".raw", ".png", ".jpg", ".jpeg", ".bmp", ".zip", ".ozx"),
        *(".gz", ".bz2"),
    )
)
"""Formats that are read from the disk only."""


def read_remote(address: str) -> Source:
    """Open a zarr array or an OME-Zarr behind an address; chunks are kept on disk.

    Parameters
    ----------
    address
        ``https://…``, ``http://…``, ``s3://bucket/…`` or ``gs://bucket/…``.

    Raises
    ------
    UserError
        When there is no image, or it cannot be reached.
    """
    suffix = PurePosixPath(urlsplit(address).path).suffix.lower()
    if suffix in SINGLE_FILES:
        raise UserError(
            f"{address} is a single {suffix} file, which cannot be read in parts over the network; "
            "download it first"
        )
    store = RemoteStore(address, default_chunk_cache())
    try:
        return read_zarr_store(store, store.address, as_it_is)
    except FileNotFoundError as error:
        raise UserError(
            f"{store.address} is no zarr array or group, as far as it can be read; "
            "check the address"
        ) from error


def as_it_is(array: Any) -> Any:
    """Return an array: the store itself notices when it goes away."""
    return array
