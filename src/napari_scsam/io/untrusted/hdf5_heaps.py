"""HDF5 attributes of any length, whose heap may be damaged so that libhdf5 never returns.

Text of any length is in a global heap. This is a block that begins with ``GCOL`` and holds objects
one after another. libhdf5 2.0.0, and all versions before, goes from one to the next by their size.
It stays for ever at a free one of size 0. No signal ends it, so the heaps are followed here before.
A heap that states more than the file holds is refused, too: it would be read into memory first.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from h5py import h5t

from napari_scsam.config import UserError

HEAP = b"GCOL\x01\0\0\0"
"""Beginning of a heap, of version 1; its size follows."""

OBJECT = struct.Struct("<HHIQ")
"""Index (0: free space), references, nothing, size."""

FIRST_OBJECT = 16
"""Where the first object is in a heap."""

SEARCHED = 1 << 25
"""Bytes at either end of a file in which heaps are looked for: libraries write them early."""


def read_attribute(node: Any, name: str, default: Any = None) -> Any:
    """Return an attribute of a data set or a group.

    Parameters
    ----------
    node
        A data set or a group.
    name
        Of the attribute.
    default
        What is returned without it.

    Raises
    ------
    UserError
        When it is of any length, and the file is damaged so that reading it would never end.
    """
    if name not in node.attrs:
        return default
    if _has_any_length(node.attrs.get_id(name).get_type()):
        check_heaps(Path(node.file.filename))
    return node.attrs[name]


def _has_any_length(kind: h5t.TypeID) -> bool:
    if isinstance(kind, h5t.TypeStringID):
        return bool(kind.is_variable_str())
    return bool(kind.detect_class(h5t.VLEN))


def check_heaps(path: Path) -> None:
    """Check that every heap of a file can be followed to its end.

    Raises
    ------
    UserError
        When one of them cannot.
    """
    size = path.stat().st_size
    if size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for start in _heaps_in(data, size):
            if not _ends(data, start, size):
                raise UserError(
                    f"{path} is damaged (a heap of its attributes has no end); "
                    "copy or download it again"
                )


def _heaps_in(data: mmap.mmap, size: int) -> Iterator[int]:
    """Yield where heaps begin, near either end of a file."""
    for first, last in ((0, SEARCHED), (max(SEARCHED, size - SEARCHED), size)):
        start = data.find(HEAP, first, last)
        while start >= 0:
            yield start
            start = data.find(HEAP, start + 1, last)


def _ends(data: mmap.mmap, start: int, size: int) -> bool:
    """Whether a heap lies in the file, and its objects lead to its end."""
    if start + FIRST_OBJECT > size:
        return True  # cut off; libhdf5 refuses it
    (length,) = struct.unpack_from("<Q", data, start + 8)
    end = start + length
    if end > size:
        return False  # libhdf5 takes as much memory as it states
    place = start + FIRST_OBJECT
    while place + OBJECT.size <= end:
        index, _, _, taken = OBJECT.unpack_from(data, place)
        step: int = taken if index == 0 else OBJECT.size + -(-taken // 8) * 8
        if step == 0 or place + step > end:
            return step != 0  # libhdf5 refuses what is beyond the end
        place += step
    return True
