"""Open an image behind an address."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from napari_scsam.config import UserError
from napari_scsam.io.formats.n5 import n5_levels, n5_source
from napari_scsam.io.formats.precomputed import parse_info, read_remote_precomputed
from napari_scsam.io.lazy import Source
from napari_scsam.io.remote.chunk_cache import default_chunk_cache
from napari_scsam.io.remote.store import RemoteStore
from napari_scsam.io.zarr_volumes import read_zarr_store

SINGLE_FILES = frozenset(
    (
        *(".tif", ".tiff", ".mrc", ".rec", ".map", ".st", ".h5", ".hdf", ".hdf5", ".ims", ".emd"),
        *(".hspy", ".nxs", ".nc"),
        *(".dm3", ".dm4", ".nrrd", ".npy", ".raw", ".png", ".jpg", ".jpeg", ".bmp", ".zip", ".ozx"),
        *(".jp2", ".j2k", ".pgm", ".webp"),
        *(".gz", ".bz2"),
    )
)
"""Formats that are read from the disk only."""


def read_remote(address: str) -> Source:
    """Open a zarr, OME-Zarr, N5 or precomputed image behind an address; chunks are kept on disk.

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
        found = _read_other(store)
        if found is None and store.denied:
            raise UserError(
                f"access to {store.address} is denied; check the address, or set "
                "NAPARI_SCSAM_SIGNED=1 to use your own credentials"
            ) from error
        if found is None:
            raise UserError(
                f"{store.address} is not a zarr, N5 or precomputed image, "
                "as far as it can be read; check the address"
            ) from error
        return found


def _read_other(store: RemoteStore) -> Source | None:
    """Open an N5 or a precomputed volume behind an address; None when it is neither."""
    described = sync(store.get("info", default_buffer_prototype()))
    if described is not None:
        info = parse_info(described.to_bytes())
        if info is not None:
            return read_remote_precomputed(store.address, info)
    levels = n5_levels(store, "")
    if not levels:
        return None
    return n5_source(store, levels, lambda array, _name: array)


def as_it_is(array: Any) -> Any:
    """Return an array: the store itself notices when it goes away."""
    return array
