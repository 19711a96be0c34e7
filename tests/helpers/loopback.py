"""A web server on this machine's loopback, for downloads that go well and downloads that do not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, TypeVar

S = TypeVar("S")


@contextlib.contextmanager
def listening(state: S) -> Iterator[S]:
    """Let `state.answer(request)` answer for a while; `state.url` says where."""
    answering: Any = state

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answering.answer(self)

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    answering.url = f"http://127.0.0.1:{http.server_port}"
    Thread(target=http.serve_forever, daemon=True).start()
    yield state
    http.shutdown()
    http.server_close()
