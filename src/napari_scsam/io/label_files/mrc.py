"""Write labels as MRC, which IMOD, Amira and ChimeraX open.

See https://www.ccpem.ac.uk/mrc_format/mrc2014.php
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import numpy.typing as npt

from napari_scsam.atomic import replacing
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.label_files.record import LabelRecord, parse_record

TYPES = (np.int8, np.int16, np.uint16)
"""Modes 0, 1 and 6, in this order: the first that holds all labels is read by most programs."""

MARK = "napari-scsam: "
"""How the first of the ten lines of text in the header begins."""

HEADER = 1024
"""Bytes before the voxels."""

LINES_AT = 224
"""Byte where the lines of text begin."""

LINE = 80
LINES = 10
"""Bytes of a line, and their number. The first can be read; the others hold the packed record."""

MOST_TEXT = 4 << 20
"""Bytes of the largest record that is unpacked; a real one has some hundred."""

ANGSTROM = 10.0
"""Å in a nm."""


def write_label_mrc(path: Path, labels: npt.NDArray[Any], record: LabelRecord) -> None:
    """Write labels, with the class table packed into the lines of text of the header.

    Parameters
    ----------
    path
        Replaced in one step when it is complete.
    labels
        (Y, X) or (Z, Y, X) integers from 0 to 65535.
    record
        Sizes are written in Å, too; 0 stands for a voxel size that is unknown.

    Raises
    ------
    UserError
        When a label does not fit into the 16 bits of MRC.
    """
    stored = labels.astype(_type_of(labels))
    with replacing(path) as draft, _new_mrc(draft) as file:
        file.set_data(stored)
        if stored.ndim == 3:
            file.set_volume()  # also of one slice
        z, y, x = record.voxel_size or (0.0, 0.0, 0.0)
        file.voxel_size = (x * ANGSTROM, y * ANGSTROM, z * ANGSTROM)
        first = file.header.origin
        first.z, first.y, first.x = (shift * ANGSTROM for shift in record.origin)
        lines = _lines(record)
        file.header.label[: len(lines)] = lines
        file.header.nlabl = len(lines)


@contextmanager
def _new_mrc(path: Path) -> Iterator[Any]:
    """Create an MRC; its stream is closed also when the disk is full, which mrcfile 1.5 forgets."""
    file = mrcfile.new(path, overwrite=True)
    stream = file._iostream
    try:
        yield file
        file.close()
    finally:
        with suppress(OSError):  # what is not on disk was raised before
            stream.close()


def _lines(record: LabelRecord) -> list[str]:
    """Return a line of the names of the classes, and the lines of the packed record."""
    names = ", ".join(f"{spec.id} {spec.name}" for spec in record.classes) or "objects"
    readable = f"{MARK}{names}".encode("ascii", "replace").decode()[:LINE]
    for shorter in _shorter_and_shorter(replace(record, made=None)):  # the header is short
        packed = base64.b85encode(zlib.compress(shorter.text().encode(), 9)).decode()
        if len(packed) <= (LINES - 1) * LINE:
            break
    cut = [packed[start : start + LINE] for start in range(0, len(packed), LINE)]
    return [readable, *cut]


def _shorter_and_shorter(record: LabelRecord) -> Iterator[LabelRecord]:
    """Yield the record, then with less of the class table, which may not fit into the header."""
    yield record
    yield replace(record, classes=[replace(spec, description="") for spec in record.classes])
    yield replace(record, classes=[ClassSpec(spec.id, spec.name) for spec in record.classes])
    yield replace(record, classes=())


def _type_of(labels: npt.NDArray[Any]) -> type[Any]:
    """Return the first type of MRC that holds all labels."""
    low = labels.min(initial=0)
    high = labels.max(initial=0)
    for kind in TYPES:
        if low >= 0 and high <= np.iinfo(kind).max:
            return kind
    raise UserError(
        f"labels from {low} to {high} do not fit into the 16 bits of MRC; "
        "end the name in .zarr, .tif or .h5"
    )


def read_mrc_record(path: Path) -> Mapping[str, Any]:
    """Read our record from an MRC; empty for those of others."""
    with path.open("rb") as file:
        text = file.read(HEADER)[LINES_AT:].decode("ascii", "replace")
    if not text.startswith(MARK):
        return {}
    packed = "".join(text[LINE:].split("\0")).strip()
    try:
        unpacked = zlib.decompressobj().decompress(base64.b85decode(packed), MOST_TEXT)
    except (ValueError, zlib.error):
        return {}
    return parse_record(unpacked)
