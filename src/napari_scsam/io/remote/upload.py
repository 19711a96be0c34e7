"""Put a finished OME-Zarr into a bucket, so that nobody can open half of it.

Chunks go first and the metadata of the root last. What a stopped upload has already put there, as the
checksum of the server says, is not sent again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from napari_scsam.config import UserError
from napari_scsam.io.remote.addresses import open_object_store
from napari_scsam.steps import Progress, Steps

if TYPE_CHECKING:
    from obstore.store import ObjectStore

METADATA = ("zarr.json", ".zgroup", ".zattrs", ".zmetadata", ".zarray")
"""Names of the files by which a zarr is opened."""

AT_ONCE = 16
"""Files that are sent at the same time."""

WRITABLE = ("s3", "gs")
"""Schemes of addresses that files can be put to."""


@dataclass(frozen=True)
class Bucket:
    """A place in a bucket for one OME-Zarr.

    Parameters
    ----------
    address
        ``s3://bucket/…/name.zarr`` or ``gs://…``.
    """

    address: str
    store: ObjectStore

    def is_taken(self) -> bool:
        """Whether there is anything at the place.

        Raises
        ------
        UserError
            When the bucket cannot be read with the user's credentials.
        """
        return bool(self._listed(1))

    def is_whole(self) -> bool:
        """Whether a zarr can be opened there: its metadata are put last."""
        return any(name in self._listed() for name in METADATA)

    def upload(self, folder: Path) -> Steps[None]:
        """Make the place what a folder is.

        Raises
        ------
        UserError
            When the bucket cannot be written.
        """
        files = [
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        ]
        known = self._listed()
        waves = [sorted(group) for group in _in_order(files)]
        done = 0
        yield Progress(0, len(files), "uploading")
        with ThreadPoolExecutor(AT_ONCE) as pool, explained(self.address):
            stale = [name for name in known if name not in files]
            if _differs(folder, known, waves[-1]):
                stale += [name for name in waves[-1] if name in known]
            self._delete(stale)  # before any chunk, so that no reader mixes old and new
            for wave in waves:
                for names in _batches(wave):
                    list(pool.map(self._putting(folder, known), names))
                    done += len(names)
                    yield Progress(done, len(files), "uploading")

    def _putting(self, folder: Path, known: dict[str, str]) -> Callable[[str], None]:
        def put(name: str) -> None:
            data = (folder / name).read_bytes()
            if known.get(name) != _checksum(data):
                self.store.put(name, data, use_multipart=False)

        return put

    def _delete(self, names: Sequence[str]) -> None:
        for batch in _batches(names):
            self.store.delete(batch)

    def _listed(self, most: int | None = None) -> dict[str, str]:
        """Return the checksums of what is there by name; the server's ETag."""
        found: dict[str, str] = {}
        with explained(self.address):
            for page in self.store.list():
                for each in page:
                    found[each["path"]] = (each["e_tag"] or "").strip('"')
                if most is not None and len(found) >= most:
                    break
        return found


def open_bucket(address: str) -> Bucket:
    """Return a place in a bucket, for the user's own credentials.

    Raises
    ------
    UserError
        When nothing can be written to such an address.
    """
    parts = urlsplit(address)
    if parts.scheme.lower() not in WRITABLE:
        raise UserError(
            f"nothing can be written to {address}; give an address that begins with s3:// or gs://, "
            "or a path"
        )
    if not parts.path.strip("/") or Path(parts.path).suffix.lower() != ".zarr":
        raise UserError(f"a bucket takes an OME-Zarr; end the address {address} in .zarr")
    return Bucket(address, open_object_store(address, signed=True))


@contextmanager
def explained(address: str) -> Iterator[None]:
    """Turn what the server refuses into a sentence.

    Raises
    ------
    UserError
        When the bucket cannot be read or written.
    """
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, OSError) as error:
        why = str(error).splitlines()[0]
        raise UserError(
            f"{address} cannot be written ({why}); check the address and your credentials"
        ) from error


def _in_order(names: Sequence[str]) -> list[list[str]]:
    """Divide files into those to send first, the metadata inside, and those of the root."""
    chunks = [name for name in names if Path(name).name not in METADATA]
    root = [name for name in names if name in METADATA]
    inside = [name for name in names if Path(name).name in METADATA and name not in METADATA]
    return [chunks, inside, root]


def _differs(folder: Path, known: dict[str, str], names: Sequence[str]) -> bool:
    """Whether the root that is there is not that of a folder: another zarr is replaced."""
    there = [name for name in names if name in known]
    return any(known[name] != _checksum((folder / name).read_bytes()) for name in there)


def _checksum(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(names), 8 * AT_ONCE):
        yield names[first : first + 8 * AT_ONCE]
