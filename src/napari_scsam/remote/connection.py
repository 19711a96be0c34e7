"""The line to a server: one thread that connects, listens, and connects again after a cut."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from napari_scsam.errors import UserError
from napari_scsam.remote.address import is_loopback, parse_address
from napari_scsam.remote.asked import Beat, Cancel, Hello, Request
from napari_scsam.remote.frames import FRAME_BYTES, FrameError, Joiner, split_frames
from napari_scsam.remote.line import Line, LineLostError, LineState
from napari_scsam.remote.parts import Message
from napari_scsam.remote.protocol import (
    BEAT_SECONDS,
    DEAD_SECONDS,
    QUIET_SECONDS,
    VERSION,
    ProtocolError,
    decode_from_server,
    encode,
)
from napari_scsam.version import __version__

OPEN_SECONDS = 4.0
"""For the first answer of a server."""

WAITS = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between two attempts to connect; the last one is repeated."""

MOST_ANSWER = 2**31
"""Bytes of an answer."""

WRONG_TOKEN = (401, 403)
TOO_MANY = 503

LOST = None
"""What a waiter receives when the line is cut."""


class Waiter:
    """Takes the answers to one request.

    Parameters
    ----------
    number
        The id of the request.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.answers: SimpleQueue[Any] = SimpleQueue()
        """Messages, and `LOST`."""


class Connection:
    """A line to a server, which is kept up until it is closed.

    Parameters
    ----------
    address
        For example ``127.0.0.1:8765``, or ``wss://gpu.lab.org/scsam``.
    token
        What the server asks for.
    on_state
        Called with each new `LineState`, on the thread of the line.
    on_notice
        Called with each sentence that the server has for the user, on the thread of the line.

    Raises
    ------
    UserError
        When the address is none, or is of another computer and not encrypted.
    """

    def __init__(
        self,
        address: str,
        token: str,
        on_state: Callable[[LineState], object] | None = None,
        on_notice: Callable[[str], object] | None = None,
    ) -> None:
        self.address = parse_address(address)
        self.session = 0
        """Counts the sessions that the server began; what an earlier one knew is gone."""
        self.state = LineState(Line.CLOSED)
        self._token = token
        self._on_state = on_state
        self._on_notice = on_notice
        self._key = ""
        self._socket: ClientConnection | None = None
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._waiters: dict[int, Waiter] = {}
        self._last_id = 0
        self._closing = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def open(self, timeout: float = OPEN_SECONDS) -> None:
        """Connect, and return when the server has answered.

        Raises
        ------
        UserError
            When it refuses, or does not answer in time; it is closed then.
        """
        self.start()
        if not self.wait(timeout) or self.state.line is Line.REFUSED:
            state = self.state
            self.close()
            if state.line in (Line.REFUSED, Line.LOST):
                raise UserError(state.sentence)
            raise UserError(self._nobody())

    def start(self) -> None:
        """Begin to connect, without waiting for it."""
        if self._ended:
            return
        if self._thread is not None and self._thread.is_alive():
            return
        self._closing.clear()
        self._set(Line.CONNECTING, f"connecting to {self.address}")
        self._thread = threading.Thread(target=self._run, name="scsam-line", daemon=True)
        self._thread.start()

    def wait(self, timeout: float) -> bool:
        """Wait until it is connected or refused; return whether it is, within some seconds."""
        with self._changed:
            return self._changed.wait_for(self._is_settled, timeout)

    def _is_settled(self) -> bool:
        return self.state.line in (Line.CONNECTED, Line.REFUSED, Line.CLOSED)

    def close(self) -> None:
        """End the line; the server drops what it has of this client after a while."""
        self._closing.set()
        self._cut()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2.0)
        self._set(Line.CLOSED, "")

    def end(self) -> None:
        """End the line for good: work that still waits for it does not start it again."""
        self._ended = True
        self.close()

    def ask(self, request: Request) -> Waiter:
        """Send a request under a new id, and return what takes its answers.

        Raises
        ------
        LineLostError
            When there is no line.
        """
        with self._sending:
            self._last_id += 1
            waiter = Waiter(self._last_id)
            self._waiters[waiter.number] = waiter
            try:
                self._send(request.model_copy(update={"id": waiter.number}))
            except LineLostError:
                self._waiters.pop(waiter.number, None)
                raise
        return waiter

    def tell(self, message: Message) -> None:
        """Send a message that has no answer; it is lost when there is no line."""
        with suppress(LineLostError), self._sending:
            self._send(message)

    def drop(self, waiter: Waiter) -> None:
        """Cancel a request, unless it was answered."""
        if self._waiters.pop(waiter.number, None) is not None:
            self.tell(Cancel(target=waiter.number))

    def _send(self, message: Message) -> None:
        socket = self._socket
        if socket is None or self.state.line is not Line.CONNECTED:
            raise LineLostError
        self._send_on(socket, message)

    def _send_on(self, socket: ClientConnection, message: Message) -> None:
        try:
            for frame in split_frames(encode(message)):
                socket.send(frame)
        except (WebSocketException, OSError) as error:
            raise LineLostError from error

    # On the thread of the line

    def _run(self) -> None:
        attempt = 0
        while not self._is_over():
            try:
                with self._connect() as socket:
                    self._greet(socket)
                    attempt = 0
                    self._listen(socket)
            except (LineLostError, WebSocketException, OSError, FrameError, ProtocolError) as error:
                self._lost(error)
            finally:
                self._socket = None
            if not self._is_over():
                self._closing.wait(WAITS[min(attempt, len(WAITS) - 1)])
                attempt += 1

    def _is_over(self) -> bool:
        return self._closing.is_set() or self.state.line is Line.REFUSED

    def _connect(self) -> ClientConnection:
        proxy: Any = None if is_loopback(self.address.host) else True
        socket = connect(
            self.address.url,
            additional_headers={"Authorization": f"Bearer {self._token}"},
            user_agent_header=f"napari-scsam/{__version__}",
            compression=None,
            open_timeout=OPEN_SECONDS,
            close_timeout=0.5,
            ping_interval=None,
            max_size=FRAME_BYTES + 1,
            proxy=proxy,
        )
        self._socket = socket
        return socket

    def _greet(self, socket: ClientConnection) -> None:
        """Send hello, and receive the welcome."""
        client = f"napari-scsam {__version__}"
        self._send_on(socket, Hello(version=VERSION, client=client, session=self._key))
        welcome = _first_message(socket)
        if welcome.type == "refused":
            self._set(Line.REFUSED, welcome.sentence)
            raise LineLostError
        if welcome.type != "welcome":
            raise ProtocolError("the first message is not a welcome")
        self._key = welcome.session
        if not welcome.resumed:
            self.session += 1
        self._set(Line.CONNECTED, f"connected to {self.address}", welcome.device, welcome.server)

    def _listen(self, socket: ClientConnection) -> None:
        joiner = Joiner(MOST_ANSWER)
        heard = time.monotonic()
        told = heard
        is_quiet = False
        while not self._closing.is_set():
            with suppress(TimeoutError):
                message = joiner.add(socket.recv(timeout=BEAT_SECONDS / 2))
                heard = time.monotonic()
                is_quiet = False
                if message is not None:
                    self._take(decode_from_server(message))
            now = time.monotonic()
            if now - heard > DEAD_SECONDS:
                raise LineLostError
            if now - heard > QUIET_SECONDS and not is_quiet:
                is_quiet = True
                self._tell_user(f"{self.address} has been silent for {QUIET_SECONDS:.0f} seconds")
            if now - told > BEAT_SECONDS:
                told = now
                self._beat(socket)

    def _beat(self, socket: ClientConnection) -> None:
        """Send a sign of life, unless something larger is being sent."""
        if self._sending.acquire(blocking=False):
            try:
                self._send_on(socket, Beat())
            finally:
                self._sending.release()

    def _take(self, message: Any) -> None:
        if message.type == "notice":
            self._tell_user(message.sentence)
        if message.type == "refused":
            self._set(Line.REFUSED, message.sentence)
            raise LineLostError
        number = getattr(message, "id", None)
        waiter = self._waiters.get(number) if number is not None else None
        if waiter is not None:
            if message.type not in ("progress", "file_part", "trained"):
                self._waiters.pop(waiter.number, None)
            waiter.answers.put(message)

    def _tell_user(self, sentence: str) -> None:
        """Pass on a sentence for the user."""
        if self._on_notice is not None:
            self._on_notice(sentence)

    def _lost(self, error: Exception) -> None:
        """Wake everyone who waits; the line is cut."""
        self._cut()
        if self.state.line is not Line.REFUSED:
            self._explain(error)
        for waiter in list(self._waiters.values()):
            self._waiters.pop(waiter.number, None)
            waiter.answers.put(LOST)

    def _explain(self, error: Exception) -> None:
        status = error.response.status_code if isinstance(error, InvalidStatus) else 0
        if status in WRONG_TOKEN:
            self._set(Line.REFUSED, f"{self.address} refuses the token; check it and connect again")
        elif status == TOO_MANY:
            self._set(Line.LOST, f"{self.address} has too many clients; it is tried again")
        elif self.session and not self._closing.is_set():
            self._set(Line.LOST, f"the line to {self.address} is cut; connecting again")
        elif not self._closing.is_set():
            self._set(Line.CONNECTING, self._nobody())

    def _nobody(self) -> str:
        return (
            f"no server answers at {self.address}; start `scsam serve` there, or check the address"
        )

    def _cut(self) -> None:
        """End the socket at once; who sends or listens on it gets an error."""
        socket = self._socket
        if socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(2)

    def _set(self, line: Line, sentence: str, device: str = "", server: str = "") -> None:
        state = LineState(line, sentence, device or self.state.device, server or self.state.server)
        with self._changed:
            if state == self.state:
                return
            self.state = state
            self._changed.notify_all()
        if self._on_state is not None:
            self._on_state(state)


def _first_message(socket: ClientConnection) -> Any:
    """Read the first message of a server."""
    joiner = Joiner(FRAME_BYTES)
    until = time.monotonic() + OPEN_SECONDS
    while True:
        message = joiner.add(socket.recv(timeout=max(0.0, until - time.monotonic())))
        if message is not None:
            return decode_from_server(message)
