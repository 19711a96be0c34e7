from __future__ import annotations

import asyncio
from typing import Any

import pytest
from obstore.exceptions import NotSupportedError, PermissionDeniedError
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype

from napari_scsam.io.remote import store as module
from napari_scsam.io.remote.addresses import Patience
from napari_scsam.io.remote.store import RemoteStore, UnreachableError
from napari_scsam.io.saved.watched import ChangedFileError

ADDRESS = "https://a.org/b.zarr"


class Server:
    """Stands for a web server: what it has, and what goes wrong with it."""

    def __init__(self) -> None:
        self.has: dict[str, bytes] = {"zarr.json": b"{}", "0/zarr.json": b"{1}", "0/c/0": b"0123"}
        self.errors: dict[str, list[Exception]] = {}
        self.whole_only = False
        self.asked: list[str] = []

    async def get(self, _objects: Any, key: str, options: Any = None) -> Any:
        self.asked.append(key)
        if self.errors.get(key):
            raise self.errors[key].pop(0)
        if key not in self.has:
            raise FileNotFoundError(key)
        if options and self.whole_only:
            raise NotSupportedError("no ranges")
        return Body(cut(self.has[key], (options or {}).get("range")))


class Body:
    """An answer of the server."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def bytes_async(self) -> bytes:
        return self.data


def cut(data: bytes, part: Any) -> bytes:
    if part is None:
        return data
    if isinstance(part, tuple):
        return data[part[0] : part[1]]
    if "offset" in part:
        return data[part["offset"] :]
    return data[-part["suffix"] :]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    import obstore

    server = Server()
    monkeypatch.setattr(obstore, "get_async", server.get)
    monkeypatch.setattr(module, "open_object_store", lambda *_: None)

    async def no_pause(_seconds: float) -> None:
        pass

    monkeypatch.setattr(module.asyncio, "sleep", no_pause)
    return server


@pytest.fixture
def store(server: Server) -> RemoteStore:
    return RemoteStore(f"{ADDRESS}/", patience=Patience(rounds=2))


def get(store: RemoteStore, key: str, part: Any = None) -> bytes | None:
    found = asyncio.run(store.get(key, default_buffer_prototype(), part))
    return None if found is None else found.to_bytes()


def test_stores_of_one_address_are_equal(server: Server) -> None:
    assert RemoteStore(ADDRESS) == RemoteStore(f"{ADDRESS}/")
    assert hash(RemoteStore(ADDRESS)) == hash(RemoteStore(f"{ADDRESS}/"))
    assert RemoteStore(ADDRESS) != RemoteStore("https://a.org/c.zarr")
    assert str(RemoteStore(f"{ADDRESS}/")) == ADDRESS


@pytest.mark.parametrize("whole_only", [False, True])
@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (None, b"0123"),
        (RangeByteRequest(1, 3), b"12"),
        (OffsetByteRequest(3), b"3"),
        (SuffixByteRequest(3), b"123"),
    ],
)
def test_parts_are_read_also_from_a_server_that_sends_whole_files(
    server: Server, store: RemoteStore, whole_only: bool, part: Any, expected: bytes
) -> None:
    server.whole_only = whole_only
    get(store, "0/zarr.json")
    assert get(store, "0/c/0", part) == expected


def test_a_missing_chunk_is_believed_while_its_metadata_are_there(
    server: Server, store: RemoteStore
) -> None:
    get(store, "0/zarr.json")
    assert get(store, "0/c/1") is None
    del server.has["0/zarr.json"]
    store._known["0/zarr.json"].checked -= 2 * module.TRUSTED_FOR
    with pytest.raises(ChangedFileError):
        get(store, "0/c/1")


def test_other_metadata_mean_that_another_image_is_there_now(
    server: Server, store: RemoteStore
) -> None:
    get(store, "0/zarr.json")
    server.has["0/zarr.json"] = b"{2}"
    store._known["0/zarr.json"].checked -= 2 * module.TRUSTED_FOR
    with pytest.raises(ChangedFileError):
        get(store, "0/c/1")


def test_a_missing_chunk_of_an_unknown_array_is_an_error(
    server: Server, store: RemoteStore
) -> None:
    with pytest.raises(UnreachableError, match="has no metadata any more; open it again"):
        get(store, "0/c/1")


def test_a_fault_that_passes_is_not_seen(server: Server, store: RemoteStore) -> None:
    get(store, "0/zarr.json")
    server.errors["0/c/0"] = [OSError("reset")]
    assert get(store, "0/c/0") == b"0123"
    server.errors["0/c/0"] = [OSError("reset"), OSError("reset\nDebug source: 1")]
    with pytest.raises(UnreachableError, match=r"b.zarr/0/c/0 cannot be read \(reset"):
        get(store, "0/c/0")


def test_metadata_that_are_denied_count_as_missing_at_first(
    server: Server, store: RemoteStore
) -> None:
    server.errors["zarr.json"] = [PermissionDeniedError("403")]
    assert not store.denied
    assert get(store, "zarr.json") is None
    assert store.denied
    get(store, "0/zarr.json")
    server.errors["0/zarr.json"] = [PermissionDeniedError("403")]
    with pytest.raises(UnreachableError):
        get(store, "0/zarr.json")


class Cache(dict[str, bytes]):
    """Keeps chunks in memory."""

    def put(self, name: str, data: bytes) -> None:
        self[name] = data


def test_chunks_are_asked_for_once_and_metadata_each_time(server: Server) -> None:
    store = RemoteStore(ADDRESS, Cache())
    for _ in range(2):
        get(store, "0/zarr.json")
        get(store, "0/c/0")
    assert server.asked.count("0/c/0") == 1
    assert server.asked.count("0/zarr.json") == 2


def test_chunks_of_an_image_that_changed_are_asked_for_again(server: Server) -> None:
    cache = Cache()
    for metadata in (b"{1}", b"{2}"):
        server.has["0/zarr.json"] = metadata
        store = RemoteStore(ADDRESS, cache)
        get(store, "0/zarr.json")
        get(store, "0/c/0")
    assert server.asked.count("0/c/0") == 2
    assert len(cache) == 2


def test_nothing_is_written(store: RemoteStore) -> None:
    with pytest.raises(ValueError, match="read-only"):
        asyncio.run(store.set("a", default_buffer_prototype().buffer.from_bytes(b"")))
    with pytest.raises(ValueError, match="read-only"):
        asyncio.run(store.delete("a"))
