"""A zarr store behind an address, in which only what is known to be missing counts as missing.

A chunk that an intact store lacks holds the fill value. So "not found" is believed only while the
metadata of the array are still found, unchanged. Everything else that goes wrong is an error.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest

from napari_scsam.io.read_errors import describe_error
from napari_scsam.io.remote.addresses import USUAL_PATIENCE, Patience, open_object_store
from napari_scsam.io.saved.watched import ChangedFileError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

    from napari_scsam.io.remote.chunk_cache import ChunkCache

METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata", "attributes.json", "info")
"""Names of small files that are read again each time an image is opened."""

TRUSTED_FOR = 20.0
"""Seconds for which the metadata, once found again, are taken to be there."""


class UnreachableError(ChangedFileError):
    """An address that does not answer, or not as it should."""


class DeniedError(UnreachableError):
    """An address whose server refuses access."""


class NoListError(UnreachableError):
    """A server that does not list what it has."""


@dataclass
class _Known:
    """A metadata file that was read."""

    digest: str
    checked: float
    """When it was last found, in seconds of the monotonic clock."""


class RemoteStore(Store):
    """A read-only zarr store behind an address.

    Parameters
    ----------
    address
        ``https://…``, ``http://…``, ``s3://…`` or ``gs://…``.
    cache
        Keeps chunks on disk; None keeps none.
    patience
        With slow and broken connections.
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = True

    def __init__(
        self, address: str, cache: ChunkCache | None = None, patience: Patience = USUAL_PATIENCE
    ) -> None:
        super().__init__(read_only=True)
        self.address = address.rstrip("/")
        self._cache = cache
        self._patience = patience
        self._objects: Any = open_object_store(self.address, patience)
        self._known: dict[str, _Known] = {}
        self.denied = False
        """Whether access to a metadata file was denied; some buckets say so of missing ones."""

    def __str__(self) -> str:
        return self.address

    def __repr__(self) -> str:
        return f"RemoteStore({self.address!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteStore) and other.address == self.address

    def __hash__(self) -> int:
        return hash(self.address)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return an object, or a part of it; None when the store is known not to have it.

        Raises
        ------
        UnreachableError
            When the address does not answer, or with an error.
        ChangedFileError
            When another image is there now.
        """
        if key.rsplit("/", 1)[-1] in METADATA:
            data = await self._metadata(key)
        else:
            data = await self._chunk(key, byte_range)
        if data is None:
            return None
        return prototype.buffer.from_bytes(data)

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Return parts of several objects."""
        return list(
            await asyncio.gather(*(self.get(key, prototype, part) for key, part in key_ranges))
        )

    async def exists(self, key: str) -> bool:
        """Whether there is an object of this name."""
        return await self._fetch(key, None) is not None

    async def set(self, key: str, value: Buffer) -> None:  # noqa: ARG002
        """Refuse to write."""
        self._check_writable()

    async def delete(self, key: str) -> None:  # noqa: ARG002
        """Refuse to remove."""
        self._check_writable()

    async def list(self) -> AsyncIterator[str]:
        """Yield all names, if the server lists them."""
        async for name in self.list_prefix(""):
            yield name

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names that begin in this way, if the server lists them."""
        for name in await self._listed(prefix, deep=True):
            yield name

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names in a folder, if the server lists them."""
        for name in await self._listed(prefix, deep=False):
            yield name

    async def _listed(self, prefix: str, *, deep: bool) -> Sequence[str]:
        import obstore

        folder = prefix.strip("/")
        start = len(folder) + 1 if folder else 0
        try:
            if deep:
                return [item["path"] async for page in self._objects.list(prefix) for item in page]
            found = await obstore.list_with_delimiter_async(self._objects, prefix=folder or None)
        except Exception as error:
            raise NoListError(
                f"{self.address} does not list what it holds ({describe_error(error)}); "
                "give the address of the image itself"
            ) from error
        names = [str(name) for name in found["common_prefixes"]]
        names += [str(item["path"]) for item in found["objects"]]
        return [name[start:] for name in names]

    async def _metadata(self, key: str) -> bytes | None:
        try:
            data = await self._fetch(key, None)
        except DeniedError:
            if key in self._known:
                raise
            self.denied = True
            return None
        if data is not None:
            digest = hashlib.sha256(data).hexdigest()
            self._known.setdefault(key, _Known(digest, time.monotonic()))
        return data

    async def _chunk(self, key: str, part: ByteRequest | None) -> bytes | None:
        owner = self._owner(key)
        name = ""
        if owner is not None:
            name = f"{self.address}\0{self._known[owner].digest}\0{key}\0{part}"
        if self._cache is not None and name:
            kept = await asyncio.to_thread(self._cache.get, name)
            if kept is not None:
                return kept
        data = await self._fetch(key, part)
        if data is None:
            await self._check_owner(owner)
        elif self._cache is not None and name:
            await asyncio.to_thread(self._cache.put, name, data)
        return data

    def _owner(self, key: str) -> str | None:
        """Return the nearest metadata file above a chunk."""
        folders = key.split("/")[:-1]
        for depth in range(len(folders), -1, -1):
            for name in METADATA:
                candidate = "/".join([*folders[:depth], name])
                if candidate in self._known:
                    return candidate
        return None

    async def _check_owner(self, owner: str | None) -> None:
        """Check that the metadata of an array are still there, and the same."""
        if owner is None:
            raise UnreachableError(f"{self.address} has no metadata any more; open it again")
        known = self._known[owner]
        if time.monotonic() - known.checked < TRUSTED_FOR:
            return
        data = await self._fetch(owner, None)
        if data is None:
            raise UnreachableError(f"{self.address} is gone or cannot be reached; try again later")
        if hashlib.sha256(data).hexdigest() != known.digest:
            raise ChangedFileError(f"{self.address} was changed after it was opened; open it again")
        known.checked = time.monotonic()

    async def _fetch(self, key: str, part: ByteRequest | None) -> bytes | None:
        """Read an object over the network, several times if need be; None when it is not there."""
        from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

        for left in reversed(range(self._patience.rounds)):
            try:
                return await self._read(key, part)
            except FileNotFoundError:
                return None
            except (PermissionDeniedError, UnauthenticatedError) as error:
                text = str(self._unreachable(key, error))
                raise DeniedError(text) from error
            except Exception as error:  # obstore's are of no common kind
                if not left:
                    raise self._unreachable(key, error) from error
                await asyncio.sleep(0.2)
        raise AssertionError

    async def _read(self, key: str, part: ByteRequest | None) -> bytes:
        import obstore

        options: Any = None
        if part is not None:
            options = {"range": _range(part)}
        try:
            answer = await obstore.get_async(self._objects, key, options=options)
        except obstore.exceptions.NotSupportedError:  # the server sends whole objects only
            answer = await obstore.get_async(self._objects, key)
            return _cut(bytes(await answer.bytes_async()), part)
        return bytes(await answer.bytes_async())

    def _unreachable(self, key: str, error: BaseException) -> UnreachableError:
        return UnreachableError(
            f"{self.address}/{key} cannot be read ({_reason(error)}); "
            "check the address and the connection, then try again"
        )


def _range(part: ByteRequest) -> Any:
    if isinstance(part, RangeByteRequest):
        return (part.start, part.end)
    if isinstance(part, OffsetByteRequest):
        return {"offset": part.offset}
    return {"suffix": part.suffix}


def _cut(data: bytes, part: ByteRequest | None) -> bytes:
    if isinstance(part, RangeByteRequest):
        return data[part.start : part.end]
    if isinstance(part, OffsetByteRequest):
        return data[part.offset :]
    if isinstance(part, SuffixByteRequest):
        return data[-part.suffix :]
    return data


def _reason(error: BaseException) -> str:
    """Return the part of a long message of the library that says what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return describe_error(ValueError(lines[0].split("Debug source")[0]))
