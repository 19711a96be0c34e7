"""What a server does about clients that mean no good: it refuses them, says why in its log, and serves the others."""

from __future__ import annotations

import logging
import random
import time
from contextlib import ExitStack, contextmanager, suppress

import numpy as np
import pytest
from served import TINY, TOKEN, line_to
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from napari_scsam.errors import UserError
from napari_scsam.remote.arrays import pack, pack_labels
from napari_scsam.remote.asked import (
    Beat,
    Embed,
    HashSlice,
    Hello,
    Load,
    OpenVolume,
    PutFile,
    PutPixels,
    Segment,
)
from napari_scsam.remote.connection import Connection
from napari_scsam.remote.frames import FRAME_BYTES, MORE, Joiner, split_frames
from napari_scsam.remote.parts import FileRef, SliceRef
from napari_scsam.remote.predictor import RemotePredictor
from napari_scsam.remote.protocol import VERSION, decode_from_server, encode
from napari_scsam.remote.remote_slice import hash_of
from napari_scsam.server.app import has_token
from napari_scsam.steps import drive

PIXELS = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)


class Raw:
    """A client that may send anything."""

    def __init__(self, socket) -> None:
        self.socket = socket

    def send(self, message) -> None:
        for frame in split_frames(encode(message)):
            self.socket.send(frame)

    def receive(self, kind: str = "", seconds: float = 30.0):
        """The next message that is no sign of life, or of a kind."""
        joiner, until = Joiner(2**30), time.monotonic() + seconds
        while True:
            data = joiner.add(self.socket.recv(timeout=max(0.1, until - time.monotonic())))
            if data is not None:
                message = decode_from_server(data)
                if message.type not in ("beat", "progress") and kind in ("", message.type):
                    return message


@contextmanager
def raw(address: str, *, token: str = TOKEN, hello: bool = True, **options):
    headers = {"Authorization": f"Bearer {token}"}
    with connect(
        f"{address}/v1", additional_headers=headers, proxy=None, close_timeout=1, **options
    ) as socket:
        client = Raw(socket)
        if hello:
            client.send(Hello(version=VERSION))
            assert client.receive().type == "welcome"
        yield client


@pytest.fixture
def others(tiny_server):
    """A client beside the hostile one; it is served before and after."""
    with line_to(tiny_server) as line:
        predictor = RemotePredictor(line)
        drive(predictor.load_steps(TINY))
        predictor.set_image(PIXELS)
        before = predictor.segment()
        yield
        session = line.session
        np.testing.assert_array_equal(predictor.segment(), before)
        assert line.session == session  # it was not even cut


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        TOKEN,
        f"bearer {TOKEN}",
        "Bearer ä",
    ],
)
def test_any_other_token_is_wrong(header):
    assert not has_token(header, TOKEN)
    assert has_token(f"Bearer {TOKEN}", TOKEN)


def test_a_wrong_token_is_refused_and_logged(tiny_server, others, caplog):
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(InvalidStatus) as error,
        raw(tiny_server, token="wrong"),  # noqa: S106
    ):
        pass
    assert error.value.response.status_code == 401
    assert "wrong token" in caplog.text
    assert TOKEN not in caplog.text
    with pytest.raises(UserError, match="token"):
        Connection(tiny_server, "wrong").open(10)


def test_a_web_page_is_refused(tiny_server, others):
    with pytest.raises(InvalidStatus) as error, raw(tiny_server, origin="https://evil.example"):
        pass
    assert error.value.response.status_code == 403


def refused(client: Raw) -> str:
    """Why the server closes the connection."""
    sentence = client.receive("refused").sentence
    assert is_cut_off(client)
    return sentence


def is_cut_off(client: Raw) -> bool:
    """Whether the server closes the connection."""
    try:
        for _ in range(100):
            client.socket.recv(timeout=10)
    except ConnectionClosed:
        return True
    return False


def test_another_version_is_refused_in_a_sentence(tiny_server, others):
    with raw(tiny_server, hello=False) as client:
        client.send(Hello(version=VERSION + 1))
        assert "install the same version" in refused(client)


@pytest.mark.parametrize(
    "hostile",
    [
        lambda client: client.socket.send("text"),
        lambda client: client.socket.send(b""),
        lambda client: client.socket.send(b"\x01\xc1junk"),
        lambda client: client.socket.send(bytes(FRAME_BYTES + 1)[:-5]),
        lambda client: client.send(Hello(version=VERSION)),
        lambda client: [
            client.send(Embed(id=7, slice=SliceRef(pixels="0" * 32))) for _ in range(2)
        ],
        lambda client: [client.socket.send(MORE + bytes(FRAME_BYTES)) for _ in range(20)],
    ],
    ids=["text", "empty", "junk", "short frame", "second hello", "replayed", "endless message"],
)
def test_what_breaks_the_protocol_ends_its_connection_alone(tiny_server, others, hostile, caplog):
    with caplog.at_level(logging.WARNING), raw(tiny_server) as client:
        try:
            hostile(client)
        except ConnectionClosed:
            pass
        else:
            assert refused(client)
    assert "refused" in caplog.text


def test_a_frame_that_is_too_large_closes_the_connection(tiny_server, others):
    with raw(tiny_server) as client:
        with suppress(ConnectionClosed):
            client.socket.send(bytes(2 * FRAME_BYTES))
        assert is_cut_off(client)


def test_endless_fragments_and_silence_are_cut_off(tiny_server, others):
    def fragments():
        yield b"\x01"
        until = time.monotonic() + 20
        while time.monotonic() < until:
            time.sleep(0.01)
            yield b""

    began = time.monotonic()
    with raw(tiny_server) as client, suppress(ConnectionClosed):
        client.socket.send(fragments())
    assert time.monotonic() - began < 15


def test_a_client_that_never_says_hello_is_cut_off(tiny_server, others):
    with raw(tiny_server, hello=False) as client:
        assert is_cut_off(client)


def test_a_slow_reader_is_cut_off_and_others_are_not_slowed(tiny_server, others):
    with raw(tiny_server, max_queue=1) as client:
        client.send(Load(id=1, checkpoint=TINY))
        client.receive("loaded")
        noise = np.random.default_rng(1).integers(0, 255, (256, 256), dtype=np.uint8)
        ref = SliceRef(pixels=hash_of(noise))
        client.send(PutPixels(id=2, pixels=ref.pixels, array=pack(noise)))
        client.receive("done")
        for number in range(3, 20):  # and nothing is read
            client.send(Segment(id=number, slice=ref))
        time.sleep(0.5)


def test_pixels_that_are_not_what_they_say_are_refused_and_the_client_goes_on(tiny_server):
    with raw(tiny_server) as client:
        bad = [
            PutPixels(id=1, pixels="0" * 32, array=pack(PIXELS)),
            PutPixels(id=2, pixels="0" * 32, array=pack_labels(np.zeros((2000, 2000), np.uint8))),
            PutPixels(id=3, pixels="0" * 32, array=pack_labels(np.zeros((3, 3, 3), np.uint8))),
            PutPixels(
                id=4, pixels="0" * 32, array=pack(PIXELS).model_copy(update={"shape": (64, 63)})
            ),
            Segment(id=5, slice=SliceRef(pixels="1" * 32)),
            Load(id=6, checkpoint="../../etc/passwd"),
            OpenVolume(id=7, location="/etc/passwd"),
            HashSlice(id=8, volume=1, z=0, window=(0, 1, 0, 1)),
            PutFile(id=9, file=FileRef(sha256="0" * 64, bytes=2**40), offset=0, data=b"a"),
            PutFile(id=10, file=FileRef(sha256="0" * 64, bytes=9), offset=5, data=b"a"),
        ]
        for message in bad:
            client.send(message)
            failed = client.receive()
            kind = "lost" if isinstance(message, HashSlice) else "user"
            assert (failed.type, failed.id, failed.kind) == ("failed", message.id, kind)
        client.send(PutPixels(id=11, pixels=hash_of(PIXELS), array=pack(PIXELS)))
        assert client.receive().type == "done"


def test_too_many_clients_are_told_to_come_back_later(tiny_server):
    with ExitStack() as stack:
        statuses = []
        for _ in range(20):
            try:
                stack.enter_context(raw(tiny_server, hello=False))
            except InvalidStatus as error:
                statuses.append(error.response.status_code)
    assert statuses
    assert set(statuses) == {503}


def test_random_bytes_never_disturb_another_client(tiny_server, others):
    rng = random.Random(5)
    whole = [
        encode(message)
        for message in (
            Beat(),
            Load(id=1, checkpoint=TINY),
            Segment(id=2, slice=SliceRef(pixels="0" * 32)),
        )
    ]
    for _ in range(25):
        with raw(tiny_server) as client:
            for _ in range(4):
                data = bytearray(rng.choice(whole))
                for _ in range(rng.randrange(4)):
                    data[rng.randrange(len(data))] = rng.randrange(256)
                try:
                    client.socket.send(
                        bytes([rng.choice((1, 1, 1, rng.randrange(256)))]) + bytes(data)
                    )
                except ConnectionClosed:
                    break
