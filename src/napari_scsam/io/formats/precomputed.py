"""Read neuroglancer's precomputed volumes, on disk or behind an address, by tensorstore.

See https://github.com/google/neuroglancer/blob/master/src/datasource/precomputed/volume.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.io.label_files.precomputed import read_precomputed_record
from napari_scsam.io.label_files.record import origin_of
from napari_scsam.io.lazy import Source
from napari_scsam.io.read_errors import READ_ERRORS, describe_error, explaining
from napari_scsam.io.saved.watched import ChangedFileError, Stamp, WatchedArray
from napari_scsam.io.units import sides_nm, three_sides, whole_size
from napari_scsam.io.untrusted.sizes import memory_of_machine

INFO = "info"

MOST_LEVELS = 32

LONGEST_INFO = 1 << 24
"""Bytes of the largest description that is read."""

RETRIES = {"max_retries": 6, "initial_delay": "100ms", "max_delay": "5s"}
"""How often tensorstore sends a request again."""


def is_precomputed(folder: Path) -> bool:
    """Whether a folder is a precomputed volume."""
    info = folder / INFO
    if not info.is_file() or info.stat().st_size > LONGEST_INFO:
        return False
    try:
        return parse_info(info.read_bytes()) is not None
    except OSError:
        return False


def parse_info(data: bytes) -> Mapping[str, Any] | None:
    """Return the description of a volume; None when it is none."""
    try:
        info = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(info, dict) or not isinstance(info.get("scales"), list):
        return None
    return info


def read_precomputed(folder: Path) -> Source:
    """Open a precomputed volume on disk.

    Raises
    ------
    UserError
        When it is damaged, or tensorstore is missing.
    """
    with explaining(folder):
        info = parse_info((folder / INFO).read_bytes())
        if info is None:
            raise ValueError("its info is not one of a volume")
        stamp = Stamp.of(folder / INFO, folder)
        kvstore = {"driver": "file", "path": f"{folder.absolute()}/"}
        source = _source(info, kvstore, lambda array: WatchedArray(array, stamp))
        return _as_recorded(source, read_precomputed_record(folder))


def _as_recorded(source: Source, record: Mapping[str, Any]) -> Source:
    """Return labels that we wrote with their exact origin, and without a size if it is unknown."""
    if not record:
        return source
    source = replace(source, origin=origin_of(record))
    if record.get("voxel_size") is None:
        return replace(source, voxel_size=None, sides=(None, None, None))
    return source


def read_remote_precomputed(address: str, info: Mapping[str, Any]) -> Source:
    """Open a precomputed volume behind an address.

    Raises
    ------
    UserError
        When it is damaged, or tensorstore is missing.
    """
    kvstore = {"driver": "http", "base_url": f"{web_address(address)}/"}
    with explaining(address):
        return _source(info, kvstore, lambda array: _RemoteArray(array, address))


def web_address(address: str) -> str:
    """Return the https address of a public bucket; others as they are."""
    parts = urlsplit(address)
    if parts.scheme == "gs":
        return f"https://storage.googleapis.com/{parts.netloc}{parts.path}"
    if parts.scheme == "s3":
        return f"https://{parts.netloc}.s3.amazonaws.com{parts.path}"
    return address


def _source(info: Mapping[str, Any], kvstore: Mapping[str, Any], watch: Any) -> Source:
    scales = info["scales"][:MOST_LEVELS]
    for scale in scales:
        _check_scale(scale, info)
    arrays = [_open(kvstore, number) for number in range(len(scales))]
    first = scales[0]
    resolution = [float(size) for size in first["resolution"]]
    offset = [float(shift) for shift in first.get("voxel_offset", (0, 0, 0))]
    sides = sides_nm(resolution[::-1], ["nm"] * 3)
    z, y, x = (shift * size for shift, size in zip(offset[::-1], resolution[::-1], strict=True))
    return Source(
        says_labels=info.get("type") == "segmentation",
        array=watch(arrays[0]),
        axes="xyzc",
        voxel_size=whole_size(sides),
        origin=(z, y, x),
        levels=tuple(watch(array) for array in arrays[1:]),
        sides=three_sides(sides),
    )


def _check_scale(scale: Mapping[str, Any], info: Mapping[str, Any]) -> None:
    """Check the sizes of a level before tensorstore takes memory for them.

    Raises
    ------
    ValueError
        When a chunk is larger than the memory, or the level leads out of the folder.
    """
    nbytes = np.dtype(str(info["data_type"])).itemsize * int(info.get("num_channels", 1))
    for chunk in scale["chunk_sizes"]:
        if prod(int(side) for side in chunk) * nbytes > memory_of_machine() // 4:
            raise ValueError(f"a chunk of {chunk} is larger than the memory of this computer")
    key = str(scale["key"])
    if key.startswith("/") or ".." in key.split("/") or ":" in key:
        raise ValueError(f"its part {key!r} is outside of it")


def _open(kvstore: Mapping[str, Any], number: int) -> TensorArray:
    try:
        import tensorstore
    except ImportError as error:
        raise UserError(
            "precomputed volumes need tensorstore; install it with: pip install tensorstore"
        ) from error
    spec = {"driver": "neuroglancer_precomputed", "kvstore": kvstore, "scale_index": number}
    context = tensorstore.Context({"http_request_retries": RETRIES})
    opened = tensorstore.open(spec, read=True, open=True, context=context).result()
    return TensorArray(opened[tensorstore.d[:].translate_to[0]])


class TensorArray:
    """An array of tensorstore whose first voxel is at 0.

    Parameters
    ----------
    stored
        A `tensorstore.TensorStore`.
    """

    def __init__(self, stored: Any) -> None:
        self._stored = stored
        self.shape = tuple(int(size) for size in stored.shape)
        self.dtype = np.dtype(stored.dtype.numpy_dtype)
        self.chunks = tuple(stored.chunk_layout.read_chunk.shape or self.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[Any]:
        wanted = [np.arange(size)[part] for part, size in zip(key, self.shape, strict=True)]
        if not all(axis.size for axis in wanted):
            return np.empty([axis.size for axis in wanted if axis.ndim], self.dtype)
        low = [int(axis.min()) for axis in wanted]
        high = [int(axis.max()) + 1 for axis in wanted]
        inside = [axis - first for axis, first in zip(wanted, low, strict=True)]
        box = tuple(slice(first, last) for first, last in zip(low, high, strict=True))
        voxels = np.asarray(self._stored[box].read().result())
        cut: NDArray[Any] = voxels[np.ix_(*map(np.atleast_1d, inside))]
        return cut.reshape([numbers.size for numbers in inside if numbers.ndim])


class _RemoteArray:
    """An array behind an address, whose errors name it and end the work."""

    def __init__(self, array: TensorArray, address: str) -> None:
        self._array = array
        self._address = address
        self.shape = array.shape
        self.dtype = array.dtype
        self.chunks = array.chunks

    def __getitem__(self, key: Any) -> NDArray[Any]:
        try:
            voxels: NDArray[Any] = self._array[key]
        except READ_ERRORS as error:
            raise ChangedFileError(
                f"{self._address} cannot be read ({describe_error(error)}); "
                "check the address and the connection, then try again"
            ) from error
        return voxels
