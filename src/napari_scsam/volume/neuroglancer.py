"""Serve a folder of images and labels on this computer, for viewers that run in a browser.

neuroglancer and WEBKNOSSOS read OME-Zarr and precomputed volumes from a web server. They ask for
parts of files. A browser lets them read only what the server allows their site to read.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from napari_scsam.config import UserError
from napari_scsam.io.contents import Contents, what_is
from napari_scsam.io.find_labels import listed_labels
from napari_scsam.io.zarr_access import is_zarr

NEUROGLANCER = "https://neuroglancer-demo.appspot.com"

ORIGINS = (NEUROGLANCER, "https://webknossos.org")
"""Sites that may read what is served; no other site that is open in the browser may."""


def layers_of(folder: Path, address: str) -> list[dict[str, str]]:
    """Return the layers of neuroglancer for the volumes of a folder.

    Parameters
    ----------
    folder
        OME-Zarr and precomputed volumes directly in it are taken.
    address
        Of the folder on the server.
    """
    layers: list[dict[str, str]] = []
    for path in sorted(folder.iterdir()):
        place = f"{address}/{_quoted(path.name)}"
        if path.suffix == ".precomputed" and (path / "info").is_file():
            layers.append(_layer(path.name, _kind(path / "info"), f"precomputed://{place}"))
        elif path.is_dir() and is_zarr(path):
            layers += _zarr_layers(path, place)
    return layers


def _zarr_layers(path: Path, place: str) -> Iterator[dict[str, str]]:
    if what_is(path) is not Contents.LABELS:
        yield _layer(path.name, "image", f"zarr://{place}/")
    for name in listed_labels(path):
        source = f"zarr://{place}/labels/{_quoted(name)}/"
        yield _layer(f"{path.name} {name}", "segmentation", source)


def _quoted(name: str) -> str:
    """Return a name in a link, also one that is no UTF-8."""
    return quote(os.fsencode(name))


def _kind(info: Path) -> str:
    try:
        return str(json.loads(info.read_bytes()).get("type", "image"))
    except (OSError, ValueError, AttributeError, RecursionError):
        return "image"


def _layer(name: str, kind: str, source: str) -> dict[str, str]:
    return {"type": kind, "source": source, "name": name}


def neuroglancer_link(layers: list[dict[str, str]]) -> str:
    """Return the address that opens layers in neuroglancer.

    Raises
    ------
    UserError
        When there are none.
    """
    if not layers:
        raise UserError(
            "the folder holds no OME-Zarr (.zarr) and no .precomputed; "
            "name the folder in which they are"
        )
    state = json.dumps({"layers": layers, "layout": "4panel"}, separators=(",", ":"))
    return f"{NEUROGLANCER}/#!{quote(state)}"


class Handler(SimpleHTTPRequestHandler):
    """Serves files and parts of them, to the viewers of `ORIGINS`."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing; a viewer asks for thousands of chunks."""

    def end_headers(self) -> None:
        """Allow the viewers to read the answer."""
        origin = self.headers.get("Origin", "") if self.headers else ""
        if origin in ORIGINS:
            self.send_header("Access-Control-Allow-Origin", origin)
            self.send_header("Access-Control-Allow-Headers", "Range")
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()

    def do_OPTIONS(self) -> None:
        """Answer what browsers ask before they ask for a part of a file."""
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def list_directory(self, path: Any) -> None:  # noqa: ARG002
        """Refuse to list folders."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def do_GET(self) -> None:
        """Send a file, or the part that is asked for."""
        path = Path(self.translate_path(self.path))
        asked = self.headers.get("Range")
        if not path.is_file():  # a folder, a pipe, nothing, or a name that no file has
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        if asked is None:
            super().do_GET()
            return
        try:
            with path.open("rb") as file:
                self._send_part(file, asked, path.stat().st_size)
        except PermissionError:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send_part(self, file: BinaryIO, asked: str, size: int) -> None:
        part = parse_byte_range(asked, size)
        if part is None:
            self.send_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return
        file.seek(part.start)
        content = file.read(len(part))
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Range", f"bytes {part.start}-{part.stop - 1}/{size}")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def parse_byte_range(text: str, size: int) -> range | None:
    """Read ``bytes=A-B``, ``bytes=A-`` or ``bytes=-N`` of a file; None when it is not in it."""
    match = re.fullmatch(r"bytes=([0-9]{0,20})-([0-9]{0,20})", text.strip())
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size) or None
    stop = min(size, int(last) + 1 if last else size)
    found = range(int(first), stop)
    return found or None


class Server(ThreadingHTTPServer):
    """Answers each request in a thread; one that fails is a line, and costs no other."""

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Print what went wrong, unless a viewer went away in the middle of a file."""
        error = sys.exc_info()[1]
        if isinstance(error, ConnectionError | TimeoutError):
            return
        sys.stderr.write(f"scsam: a request failed ({type(error).__name__}: {error})\n")


def open_server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """Open a server of a folder on this computer; other computers cannot reach it.

    Parameters
    ----------
    folder
        What it serves.
    port
        0 takes a free one.

    Raises
    ------
    UserError
        When there is no such folder, or the port is taken.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; name the one that holds the volumes")
    try:
        return Server(("127.0.0.1", port), _handler_of(folder))
    except (OSError, OverflowError) as error:
        raise UserError(f"port {port} cannot be used ({error}); choose another --port") from error


def _handler_of(folder: Path) -> Any:
    settings: Mapping[str, Any] = {"directory": str(folder)}

    def handle(*args: Any) -> Handler:
        return Handler(*args, **settings)

    return handle
