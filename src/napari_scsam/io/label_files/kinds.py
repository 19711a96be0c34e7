"""The kinds of label files, by suffix: how each is written, and how its record is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from napari_scsam.config import UserError
from napari_scsam.io.formats.slices import TIFF_SUFFIXES
from napari_scsam.io.formats.tiff import open_tiff
from napari_scsam.io.formats.tiff_notes import scsam_record
from napari_scsam.io.label_files.hdf5 import read_hdf5_record, write_label_hdf5
from napari_scsam.io.label_files.mrc import read_mrc_record, write_label_mrc
from napari_scsam.io.label_files.precomputed import (
    read_precomputed_record,
    write_label_precomputed,
)
from napari_scsam.io.label_files.record import LabelRecord
from napari_scsam.io.label_files.tiff import write_label_tiff

Writer = Callable[[Path, npt.NDArray[Any], LabelRecord], None]


class LabelFileKind(NamedTuple):
    """One kind of file."""

    write: Writer
    read_record: Callable[[Path], Mapping[str, Any]]


def _tiff_record(path: Path) -> Mapping[str, Any]:
    with open_tiff(path) as tif:
        return scsam_record(tif)


_TIFF = LabelFileKind(write_label_tiff, _tiff_record)
_HDF5 = LabelFileKind(write_label_hdf5, read_hdf5_record)

LABEL_FILE_KINDS: Mapping[str, LabelFileKind] = {
    **dict.fromkeys(TIFF_SUFFIXES, _TIFF),
    ".mrc": LabelFileKind(write_label_mrc, read_mrc_record),
    **dict.fromkeys((".h5", ".hdf5"), _HDF5),
    ".precomputed": LabelFileKind(write_label_precomputed, read_precomputed_record),
}
"""By the suffix in lower case."""

SUFFIXES_IN_WORDS = ".zarr, .tif, .mrc, .h5 or .precomputed"
"""Where labels can be written."""


def is_label_file(path: Path) -> bool:
    """Whether labels can be written in one piece under this name."""
    return path.suffix.lower() in LABEL_FILE_KINDS


def check_suffix(path: Path, what: str = "labels") -> None:
    """Check that labels can be written under a name.

    Raises
    ------
    UserError
        When its suffix is none of those that are known.
    """
    if path.suffix.lower() != ".zarr" and not is_label_file(path):
        raise UserError(
            f"{what} cannot be written to {path.name!r}; end its name in {SUFFIXES_IN_WORDS}"
        )


def read_label_record(path: Path) -> Mapping[str, Any]:
    """Read our record from a file of labels; empty for files of others and other kinds.

    Raises
    ------
    Exception
        One of `napari_scsam.io.read_errors.READ_ERRORS` when the file is damaged.
    """
    kind = LABEL_FILE_KINDS.get(path.suffix.lower())
    if kind is None:
        return {}
    return kind.read_record(path)
