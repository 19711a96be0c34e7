"""Folders served to viewers in a browser, and links that open them."""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

import numpy as np
import pytest
import requests

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import open_labels
from napari_scsam.volume.neuroglancer import (
    NEUROGLANCER,
    layers_of,
    neuroglancer_link,
    open_server,
    parse_byte_range,
)

LABELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4) % 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    classes = [ClassSpec(1, "a"), ClassSpec(2, "b")]
    for name in ("my labels.zarr", "labels.precomputed"):
        write_labels(folder / name, LABELS, (40.0, 8.0, 8.0), classes)
    (folder / "note.txt").write_text("0123456789")
    return folder


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    with open_server(folder) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_link_names_every_volume(folder: Path) -> None:
    link = neuroglancer_link(layers_of(folder, "http://localhost:8000"))
    assert link.startswith(f"{NEUROGLANCER}/#!")
    state = json.loads(unquote(link.partition("#!")[2]))
    assert state["layers"] == [
        {
            "type": "segmentation",
            "source": "precomputed://http://localhost:8000/labels.precomputed",
            "name": "labels.precomputed",
        },
        {
            "type": "segmentation",
            "source": "zarr://http://localhost:8000/my%20labels.zarr/labels/classes/",
            "name": "my labels.zarr classes",
        },
    ]


def test_what_is_served_is_what_is_in_the_folder(address: str) -> None:
    for name in ("my%20labels.zarr/labels/classes", "labels.precomputed"):
        served = open_labels(f"{address}/{name}")
        assert np.array_equal(np.asarray(served.data[:]), LABELS)


def test_parts_of_files_are_sent(address: str) -> None:
    answer = requests.get(f"{address}/note.txt", headers={"Range": "bytes=2-4"}, timeout=5)
    assert (answer.status_code, answer.text) == (206, "234")
    assert answer.headers["Content-Range"] == "bytes 2-4/10"
    beyond = requests.get(f"{address}/note.txt", headers={"Range": "bytes=20-"}, timeout=5)
    assert beyond.status_code == 416


@pytest.mark.parametrize(
    ("origin", "allowed"), [(NEUROGLANCER, NEUROGLANCER), ("https://elsewhere.org", None)]
)
def test_only_viewers_may_read(address: str, origin: str, allowed: str | None) -> None:
    answer = requests.get(f"{address}/note.txt", headers={"Origin": origin}, timeout=5)
    assert answer.headers.get("Access-Control-Allow-Origin") == allowed
    asked = requests.options(f"{address}/note.txt", headers={"Origin": origin}, timeout=5)
    assert asked.headers.get("Access-Control-Allow-Origin") == allowed


def test_nothing_outside_is_sent_and_no_folder_is_listed(address: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    assert requests.get(f"{address}/%2e%2e/secret.txt", timeout=5).status_code == 404
    assert requests.get(f"{address}/", timeout=5).status_code == 404


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=5-", range(5, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-30", range(10)),
        ("bytes=8-99", range(8, 10)),
        ("bytes=-", None),
        ("bytes=10-", None),
        ("lines=1-2", None),
    ],
)
def test_ranges_are_read(text: str, found: range | None) -> None:
    assert parse_byte_range(text, 10) == found


def test_a_folder_without_volumes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="name the folder in which they are"):
        neuroglancer_link(layers_of(tmp_path, "http://localhost:8000"))
    with pytest.raises(UserError, match="is not a folder"):
        open_server(tmp_path / "none")


def test_a_folder_with_odd_names_and_damaged_volumes_is_linked(folder: Path) -> None:
    (folder / "my labels.zarr").rename(folder / os.fsdecode(b"caf\xe9.zarr"))
    (folder / "deep.precomputed").mkdir()
    (folder / "deep.precomputed/info").write_text("[" * 100_000)
    (folder / "none.precomputed").mkdir()
    (folder / "none.precomputed/info").write_bytes(b"\xff\xfe")
    link = neuroglancer_link(layers_of(folder, "http://localhost:8000"))
    assert "caf%E9.zarr" in unquote(link.partition("#!")[2])


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("note.txt", "bytes=-0", 416),
        ("note.txt", "bytes=" + "9" * 5000 + "-", 416),
        ("note.txt", "bytes=-" + "9" * 5000, 416),
        ("empty", "bytes=0-", 416),
        ("pipe", "bytes=0-1", 404),
        ("pipe", None, 404),
        ("%00", None, 404),
        ("note.txt%00", "bytes=0-1", 404),
    ],
)
def test_an_odd_request_is_refused_without_a_traceback(
    folder: Path,
    address: str,
    capsys: pytest.CaptureFixture[str],
    path: str,
    asked: str | None,
    status: int,
) -> None:
    (folder / "empty").touch()
    os.mkfifo(folder / "pipe")
    headers = {"Range": asked} if asked else {}
    assert requests.get(f"{address}/{path}", headers=headers, timeout=5).status_code == status
    assert "Traceback" not in capsys.readouterr().err


def test_a_viewer_that_goes_away_is_no_news(
    folder: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with (folder / "big").open("wb") as file:
        file.truncate(64_000_000)
    port = int(address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\nRange: bytes=0-63999999\r\n\r\n")
        line.recv(100)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    requests.get(f"{address}/note.txt", timeout=5)
    time.sleep(0.3)
    assert capsys.readouterr().err == ""
