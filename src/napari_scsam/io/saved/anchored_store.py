"""Write zarr chunks only into the folder that was opened, and to disk.

zarr's own `LocalStore` creates every folder that is missing. The folder of an open array may be
renamed, or its network drive may go away. zarr's own store then writes into a new, empty folder at
the old path. It also leaves the time of writing to the system. So a power cut may lose what was
reported as saved. `AnchoredStore` writes into existing folders alone, and waits for the disk.
"""

from __future__ import annotations

import asyncio
import errno
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zarr
from zarr.abc.store import Store
from zarr.storage import LocalStore

from napari_scsam.atomic import replacing, sync
from napari_scsam.config import UserError
from napari_scsam.io.read_errors import READ_ERRORS
from napari_scsam.io.zarr_access import MARKERS, ZarrArray, folder_of

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype


class MissingStoreError(UserError, OSError):
    """A folder that was opened has gone, or another one is in its place."""


class UnreadableError(UserError):
    """A chunk on disk that cannot be read."""


class AnchoredStore(LocalStore):
    """A store in a folder that is never created here; writing waits for the disk.

    Parameters
    ----------
    root
        The folder; it exists.
    read_only
        Whether writing is refused.
    """

    async def _open(self, *, mode: Any = None) -> None:  # noqa: ARG002  # as zarr calls it
        self._check_root()
        await Store._open(self)

    def _ensure_open_sync(self) -> None:
        self._check_root()
        self._is_open = True

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Read a file; None only when there is nothing at its place."""
        found = await super().get(key, prototype, byte_range)
        if found is None:
            self._check_absent(key)
        return found

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Read a file; None only when there is nothing at its place."""
        found = super().get_sync(key, prototype=prototype, byte_range=byte_range)
        if found is None:
            self._check_absent(key)
        return found

    async def _set(self, key: str, value: Buffer, exclusive: bool = False) -> None:  # noqa: ARG002
        self._check_writable()
        await asyncio.to_thread(self._write, key, value)

    def set_sync(self, key: str, value: Buffer) -> None:
        """Write a file; its folders below the root are created, the root is not."""
        self._check_writable()
        self._write(key, value)

    async def delete(self, key: str) -> None:
        """Remove a file, and wait until it is gone on disk."""
        self._check_writable()
        await asyncio.to_thread(self._remove, key)

    def delete_sync(self, key: str) -> None:
        """Remove a file, and wait until it is gone on disk."""
        self._check_writable()
        self._remove(key)

    def _check_root(self) -> None:
        if not self.root.is_dir():
            raise MissingStoreError(f"{self.root} is gone; put it back")

    def _check_absent(self, key: str) -> None:
        """Raise an `OSError` when a folder or a broken link is where a file should be."""
        path = self.root / key
        try:
            path.lstat()
        except FileNotFoundError:
            return
        except NotADirectoryError:
            # zarr looks for metadata below every name, such as METADATA.ome.xml of Bio-Formats.
            if path.name in MARKERS and path.parent.is_file():
                return
            raise
        if not path.is_file():  # else it was written just now
            raise OSError(errno.EISDIR, "not a file", str(path))

    def _write(self, key: str, value: Buffer) -> None:
        path = self.root / key
        self._make_folders(path.parent)
        with replacing(path) as draft:
            draft.write_bytes(value.as_buffer_like())

    def _make_folders(self, folder: Path) -> None:
        """Create a folder below the root, and those between."""
        if folder == self.root or folder.is_dir():
            return
        self._make_folders(folder.parent)
        with suppress(FileExistsError):  # another thread was faster
            folder.mkdir()
        sync(folder.parent)

    def _remove(self, key: str) -> None:
        path = self.root / key
        self._check_root()
        if path.exists():
            path.unlink(missing_ok=True)
            sync(path.parent)


def anchored(stored: Any) -> ZarrArray:
    """Open an array on the local disk so that writing never creates its folder again.

    Other arrays are returned as they are.

    Raises
    ------
    UserError
        When its metadata on disk are damaged.
    """
    if not isinstance(stored, zarr.Array) or type(stored.store) is not LocalStore:
        unchanged: ZarrArray = stored
        return unchanged
    read_only = stored.read_only
    store = AnchoredStore(folder_of(stored), read_only=read_only)
    try:
        return zarr.open_array(store, mode="r" if read_only else "r+")
    except (UserError, OSError):
        raise
    except READ_ERRORS as error:  # its metadata are damaged, but a copy in the group is not
        raise UserError(f"{store.root} is damaged ({error}); give it up or restore it") from error


class Presence:
    """Knows whether an array on disk is still the one that was opened.

    Parameters
    ----------
    stored
        The array. One that is not on the local disk is always taken to be there.
    any_copy
        Whether a folder with the same metadata will do; else it must be the very same file.
    """

    def __init__(self, stored: Any, *, any_copy: bool = False) -> None:
        self._file: Path | None = None
        self._any_copy = any_copy
        if isinstance(stored, zarr.Array) and isinstance(stored.store, LocalStore):
            folder = folder_of(stored)
            files = (folder / marker for marker in MARKERS)
            self._file = next((file for file in files if file.is_file()), None)
        if self._file is not None:
            self._seen = self._look(self._file)

    def check(self) -> None:
        """Raise a `MissingStoreError` when the array is gone or another one is in its place."""
        if self._file is None:
            return
        folder = self._file.parent
        try:
            seen = self._look(self._file)
        except OSError as error:
            raise MissingStoreError(f"{folder} is gone; put it back") from error
        if seen != self._seen:
            raise MissingStoreError(f"{folder} is not what was opened; put that back")

    def _look(self, file: Path) -> tuple[bytes, int]:
        """Return the metadata, and the number of their file."""
        number = 0
        if not self._any_copy:
            number = file.stat().st_ino
        return file.read_bytes(), number
