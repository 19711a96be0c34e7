"""A server on a thread, with a tiny network, for all tests of a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from served import TOKEN, served_on_a_thread, write_tiny

from napari_scsam.server.settings import Limits, ServerSettings

LIMITS = Limits(
    connections=12,
    sessions=12,
    message_bytes=2**22,
    incoming_bytes=2**23,
    pixels=2**20,
    memory_bytes=2**25,
    hello_seconds=1.0,
    silence_seconds=3.0,
    send_seconds=1.0,
    outgoing_bytes=2**24,
)
"""Small, so that tests reach them."""


@pytest.fixture(scope="session")
def tiny_server(tmp_path_factory, random_model) -> Iterator[str]:
    """Address of a server on a thread of this process."""
    folder = write_tiny(tmp_path_factory.mktemp("offered"), random_model)
    settings = ServerSettings(TOKEN, "cpu", folder, limits=LIMITS)
    with served_on_a_thread(settings) as (address, _app):
        yield address
