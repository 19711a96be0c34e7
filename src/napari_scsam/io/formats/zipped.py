"""Read OME-Zarr and zarr in one ``.zip`` or ``.ozx`` file.

See https://ngff.openmicroscopy.org/rfc/9
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zarr.storage import ZipStore

from napari_scsam.config import UserError
from napari_scsam.io.lazy import Source
from napari_scsam.io.locations import ZIP_FILE
from napari_scsam.io.read_errors import explaining
from napari_scsam.io.untrusted.sizes import DEFLATE_RATIO, HARMLESS, memory_of_machine
from napari_scsam.io.zarr_access import MARKERS
from napari_scsam.io.zarr_volumes import read_zarr_store

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

ZIP_SUFFIXES = (".zip", ".ozx")


class CheckedZipStore(ZipStore):
    """A read-only zip that refuses entries which would inflate to more than they should."""

    def _get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        if not self._is_open:
            self._sync_open()
        try:
            entry = self._zf.getinfo(key)
        except KeyError:
            return None
        limit = max(HARMLESS, entry.compress_size * DEFLATE_RATIO)
        if entry.file_size > min(limit, memory_of_machine()):
            raise ValueError(f"its part {key} states {entry.file_size} bytes")
        try:
            return super()._get(key, prototype, byte_range)
        except zipfile.BadZipFile as error:
            raise ValueError(str(error)) from error


def split_zip_path(text: str) -> tuple[Path, str] | None:
    """Split ``cell.zip:/path`` at the colon; None when it is not the name of a zip."""
    match = ZIP_FILE.fullmatch(text)
    if match is not None:
        return Path(match[1]), match[2].strip("/")
    if Path(text).suffix.lower() in ZIP_SUFFIXES:
        return Path(text), ""
    return None


def read_zip(path: Path, inner: str) -> Source:
    """Open the zarr image in a zip: at its root, or in the one folder that it has.

    Raises
    ------
    UserError
        When there is none, or several.
    """
    with explaining(path):
        root = _root(_names_in(path))
        if root is None:
            raise UserError(
                f"{path} holds no zarr; unpack it, and open the image or the folder of slices in it"
            )
        store = CheckedZipStore(path, mode="r")
        where = "/".join(part for part in (root, inner) if part)
        return read_zarr_store(store, str(path), _as_it_is, where, ":/")


def _root(names: list[str]) -> str | None:
    """Return the folder that is a zarr, nearest to the root; None without one."""
    folders = [name.rpartition("/")[0] for name in names if name.rpartition("/")[2] in MARKERS]
    return min(folders, key=lambda folder: folder.count("/") if folder else -1, default=None)


def _as_it_is(array: Any) -> Any:
    """Return an array: the zip itself is watched."""
    return array


def _names_in(path: Path) -> list[str]:
    """Return the names of the files in a zip."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.namelist()
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from error
