"""Whether a file that an export would replace is an earlier export."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

from napari_scsam.config import UserError
from napari_scsam.io.read_errors import READ_ERRORS

PACKAGE_FILES = frozenset(
    ("weights.onnx", "test_input.npy", "test_output.npy", "README.md", "LICENSE.txt", "rdf.yaml")
)
"""What a package holds."""

MOST_TEXT = 4 << 20
"""Bytes of the longest description of a package that is read."""


def _field(number: int, content: bytes) -> bytes:
    """Return a field of bytes, shorter than 128, as protobuf stores it."""
    return bytes([number << 3 | 2, len(content)]) + content


ONNX_MARK = _field(14, _field(1, b"written_by") + _field(2, b"napari-scsam"))
"""An entry of the metadata of a model, ``metadata_props`` in onnx.proto, at the end of the file.

Fields of a protobuf message may be appended to it."""


def check_own_export(path: Path) -> None:
    """Check that there is nothing at a path but an earlier export, or an empty file.

    Raises
    ------
    UserError
        When anything else is there. It is never replaced.
    """
    if not os.path.lexists(path) or (path.is_file() and path.stat().st_size == 0):
        return
    ours = _is_own_package if path.suffix.lower() == ".zip" else _is_own_onnx
    if not (path.is_file() and ours(path)):
        raise UserError(
            f"{path} is no export of napari-scsam, so it is not replaced; "
            "choose another name, or move it away"
        )


def _is_own_onnx(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(ONNX_MARK)))
        return file.read() == ONNX_MARK


def _is_own_package(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            foreign = set(archive.namelist()) - PACKAGE_FILES
            if foreign or archive.getinfo("rdf.yaml").file_size > MOST_TEXT:
                return False
            described = json.loads(archive.read("rdf.yaml"))
    except (zipfile.BadZipFile, NotImplementedError, RecursionError, *READ_ERRORS):
        return False
    config = described.get("config") if isinstance(described, dict) else None
    return isinstance(config, dict) and "napari_scsam" in config
