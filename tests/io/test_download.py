"""Downloads against a server on this machine that serves well, or badly in every known way."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xxhash
from loopback import listening

from napari_scsam.config import UserError
from napari_scsam.io.download import RemoteFile, download
from napari_scsam.paths import cache_folder

CONTENT = np.random.default_rng(0).bytes(1_000_000)


@dataclass
class Server:
    """What the server does, and what it was asked."""

    url: str = ""
    fault: str = ""
    ranges: list[str | None] = field(default_factory=list)

    @property
    def file(self) -> RemoteFile:
        return RemoteFile(f"{self.url}/cell.tif", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())

    @property
    def unsized(self) -> RemoteFile:
        """The same file as a publisher describes it who states no size."""
        return RemoteFile(f"{self.url}/cell.tif", 0, f"xxh128:{xxhash.xxh128(CONTENT).hexdigest()}")

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        start = (
            int(asked.removeprefix("bytes=").rstrip("-"))
            if asked and self.fault != "ignores range"
            else 0
        )
        whole = {
            "corrupt": CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]),
            "long": CONTENT + b"x",
            "short": CONTENT[:-1],
        }.get(self.fault, CONTENT)
        body = whole[start:]
        if self.fault == "missing" or (start and not body):
            request.send_error(416 if start else 404)
            return
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        if self.fault not in ("no length", "no length at all"):
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        with contextlib.suppress(ConnectionError):  # who asked may have seen enough
            request.wfile.write(
                body[
                    : {"cuts": 300_000, "cuts at once": 0, "no length": 400_000}.get(
                        self.fault, len(body)
                    )
                ]
            )


@pytest.fixture
def server() -> Iterator[Server]:
    with listening(Server()) as state:
        yield state


def fetch(file: RemoteFile, folder: Path) -> tuple[list[int], Path]:
    """Run a download to its end; give the bytes reported and the path."""
    steps, seen = download(file, folder), []
    while True:
        try:
            seen.append(next(steps).done)
        except StopIteration as stop:
            return seen, stop.value


def test_whole_file_comes_with_progress_and_is_kept(server: Server, tmp_path: Path) -> None:
    seen, path = fetch(server.file, tmp_path)
    assert path == tmp_path / "cell.tif"
    assert path.read_bytes() == CONTENT
    assert seen == sorted(seen)
    assert seen[-1] == len(CONTENT)
    assert fetch(server.file, tmp_path) == ([], path), "nothing is left to do"
    assert server.ranges == [None], "the second call must not ask the server"
    assert [p.name for p in tmp_path.iterdir()] == ["cell.tif"]


def test_cut_connections_are_taken_up_where_they_broke(server: Server, tmp_path: Path) -> None:
    server.fault = "cuts"
    _, path = fetch(server.file, tmp_path)
    assert path.read_bytes() == CONTENT
    starts = [int(r.removeprefix("bytes=").rstrip("-")) if r else 0 for r in server.ranges]
    assert all(start + 200_000 < after <= start + 300_000 for start, after in pairwise(starts))


def test_answers_without_a_length_that_end_early_are_taken_up(
    server: Server, tmp_path: Path
) -> None:
    server.fault = "no length"
    assert fetch(server.file, tmp_path)[1].read_bytes() == CONTENT


def test_a_closed_download_goes_on_later(server: Server, tmp_path: Path) -> None:
    steps = download(server.file, tmp_path)
    got = next(steps).done
    steps.close()
    assert 0 < got < len(CONTENT)
    assert not (tmp_path / "cell.tif").exists()
    assert fetch(server.file, tmp_path)[1].read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={got}-"]


def test_a_server_without_ranges_starts_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cell.tif.part").write_bytes(CONTENT[:1000])
    server.fault = "ignores range"
    assert fetch(server.file, tmp_path)[1].read_bytes() == CONTENT


def test_a_whole_part_needs_no_server(tmp_path: Path) -> None:
    (tmp_path / "cell.tif.part").write_bytes(CONTENT)
    file = RemoteFile(
        "http://127.0.0.1:9/cell.tif", len(CONTENT), hashlib.sha256(CONTENT).hexdigest()
    )
    assert fetch(file, tmp_path)[1].read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("corrupt", "wrong sha256"),
        ("long", "offers 1000001 bytes instead of the expected 1000000"),
        ("short", "offers 999999 bytes instead of the expected 1000000"),
        ("missing", "answered 404"),
        ("cuts at once", "nothing came from"),
    ],
)
def test_faults_are_told_in_one_sentence_and_leave_nothing(
    server: Server, tmp_path: Path, fault: str, told: str
) -> None:
    server.fault = fault
    with pytest.raises(UserError, match=told) as error:
        fetch(server.file, tmp_path)
    assert "\n" not in str(error.value)
    assert f"fetch {server.url}/cell.tif by hand and put it at {tmp_path / 'cell.tif'}" in str(
        error.value
    )
    assert [p for p in tmp_path.iterdir() if p.stat().st_size] == []


def test_what_came_before_a_lasting_break_is_kept(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cell.tif.part").write_bytes(CONTENT[:1000])
    file = RemoteFile(
        "http://127.0.0.1:9/cell.tif", len(CONTENT), hashlib.sha256(CONTENT).hexdigest()
    )
    with pytest.raises(UserError, match="broke after 1000 of 1000000 bytes, which are kept"):
        fetch(file, tmp_path)
    assert fetch(server.file, tmp_path)[1].read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-"]


def test_too_many_bytes_without_a_length_are_refused(server: Server, tmp_path: Path) -> None:
    server.fault = "no length"
    file = RemoteFile(f"{server.url}/cell.tif", 1000, "0" * 64)
    with pytest.raises(UserError, match="more than the expected 1000 bytes"):
        fetch(file, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", ["", "cuts", "ignores range"])
def test_a_file_of_unknown_size_comes_whole(server: Server, tmp_path: Path, fault: str) -> None:
    (tmp_path / "cell.tif.part").write_bytes(CONTENT[:1000])
    server.fault = fault
    steps = list(download(server.unsized, tmp_path))
    assert (tmp_path / "cell.tif").read_bytes() == CONTENT
    assert {s.total for s in steps} == {len(CONTENT)}, "the server tells the size"
    assert steps[-1].what == "cell.tif is whole by xxh128 only, because its size is unknown"
    assert server.ranges[0] == "bytes=1000-"
    assert len(server.ranges) == (4 if fault == "cuts" else 1)
    assert fetch(server.unsized, tmp_path) == ([], tmp_path / "cell.tif")


def test_a_size_that_nobody_tells_is_0(server: Server, tmp_path: Path) -> None:
    server.fault = "no length at all"
    *during, last = download(server.unsized, tmp_path)
    assert {s.total for s in during} == {0}
    assert (last.done, last.total) == (len(CONTENT), len(CONTENT))


def test_a_whole_part_of_unknown_size_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cell.tif.part").write_bytes(CONTENT)
    assert fetch(server.unsized, tmp_path)[1].read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize("fault", ["corrupt", "long", "short", "no length"])
def test_without_a_size_the_hash_finds_every_damage(
    server: Server, tmp_path: Path, fault: str
) -> None:
    server.fault = fault
    with pytest.raises(
        UserError, match=r"what the server sent is damaged \(wrong xxh128\) and was deleted"
    ):
        fetch(server.unsized, tmp_path)
    assert list(tmp_path.iterdir()) == []
    server.fault = ""
    assert fetch(server.unsized, tmp_path)[1].read_bytes() == CONTENT


def test_a_part_of_unknown_size_that_is_of_something_else_is_not_kept(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "cell.tif.part").write_bytes(b"?" * 1000)
    with pytest.raises(UserError, match="wrong xxh128"):
        fetch(server.unsized, tmp_path)
    assert fetch(server.unsized, tmp_path)[1].read_bytes() == CONTENT


def test_what_is_checked_is_said_at_the_end(server: Server, tmp_path: Path) -> None:
    *_, last = download(server.file, tmp_path)
    assert last.what == "cell.tif is whole by size and sha256"


def test_a_full_disk_is_told_before_anything_is_fetched(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cell.tif.part").write_bytes(CONTENT[:1000])
    large = RemoteFile(server.file.url, 2_500_001_000, "0" * 64)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_200_000_000))
    with pytest.raises(
        UserError, match=rf"{tmp_path} has room for 1\.2 GB, and 2\.5 GB are missing; make room"
    ):
        fetch(large, tmp_path)
    assert server.ranges == []
    assert (tmp_path / "cell.tif.part").stat().st_size == 1000


def test_a_damaged_file_in_the_cache_is_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cell.tif").write_bytes(CONTENT[:-1] + b"?")
    assert fetch(server.file, tmp_path)[1].read_bytes() == CONTENT


def test_offline_says_what_to_fetch_and_where_to_put_it(tmp_path: Path) -> None:
    file = RemoteFile("http://127.0.0.1:9/cell.tif", 10, "0" * 64)
    with pytest.raises(
        UserError,
        match=r"nothing came from 127\.0\.0\.1:9, are you offline.* fetch http://127\.0\.0\.1:9/cell\.tif by hand and put it at ",
    ):
        fetch(file, tmp_path)


def test_a_file_fetched_by_hand_is_taken(tmp_path: Path) -> None:
    (tmp_path / "cell.tif").write_bytes(b"by hand")
    file = RemoteFile("http://127.0.0.1:9/cell.tif", 7, hashlib.sha256(b"by hand").hexdigest())
    assert fetch(file, tmp_path) == ([], tmp_path / "cell.tif")


def test_cache_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("NAPARI_SCSAM_CACHE")
    assert cache_folder().name == "napari-scsam"


def test_name_comes_from_the_url_unless_given() -> None:
    plain = {"url": "https://example.org/a%20b.png?raw=1", "size": 1, "sha256": "AB"}
    assert RemoteFile.from_dict(plain) == RemoteFile(plain["url"], 1, "sha256:ab", "a b.png")
    assert RemoteFile.from_dict(plain | {"name": "c.pt"}).name == "c.pt"


def test_size_and_algorithm_are_as_the_publisher_states_them() -> None:
    file = RemoteFile.from_dict(
        {"url": "https://example.org/vit_b.pt", "size": None, "xxh128": "CD" * 16}
    )
    assert (file.size, file.hash, file.algorithm) == (0, "xxh128:" + "cd" * 16, "xxh128")
    assert RemoteFile("https://example.org/a", 1, "ab").algorithm == "sha256"
    assert (
        RemoteFile.from_dict({"url": "u", "size": 1, "xxh128": "cd", "sha256": "ab"}).algorithm
        == "sha256"
    )
