"""A web server of a folder on this machine's loopback, whose answers can be slow or broken."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Lock

Fault = Callable[[str, int], str]
"""Returns what goes wrong with a path that is asked for the n-th time: ``""`` for nothing,
``slow``, ``cut``, ``hang``, ``drop`` or a status such as ``503``."""


def no_fault(path: str, count: int) -> str:
    """Let everything go well."""
    return ""


class FolderServer:
    """Answers with the files of a folder, with the ranges that are asked for.

    Parameters
    ----------
    folder
        What it serves.
    """

    url: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fault: Fault = no_fault
        self.asked: Counter[str] = Counter()
        self.ranges = True
        """Whether it sends parts of files."""
        self._lock = Lock()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request, or fail to."""
        path = request.path.lstrip("/")
        with self._lock:
            self.asked[path] += 1
            count = self.asked[path]
        fault = self.fault(path, count)
        if fault == "slow":
            time.sleep(0.05)
        if fault == "hang":
            time.sleep(1)
        if fault == "drop":
            request.connection.close()
            return
        file = self.folder / path
        status = 200 if file.is_file() else 404
        if fault.isdigit():
            status = int(fault)
        body = b"no"
        if status == 200:
            body = file.read_bytes()
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range", ""))
        whole = len(body)
        first = 0
        if wanted and self.ranges and status == 200:
            status = 206
            first, last = _span(wanted[1], wanted[2], whole)
            body = body[first : last + 1]
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Last-Modified", "Mon, 30 Nov 2026 08:00:00 GMT")
        if status == 206:
            request.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/{whole}")
        request.end_headers()
        if fault == "cut":
            body = body[: len(body) // 2]
            request.close_connection = True
        request.wfile.write(body)
        if fault == "cut":
            request.wfile.flush()
            request.connection.close()


def _span(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last or size - 1), size - 1)
