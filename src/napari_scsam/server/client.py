"""One connection: its messages in, its answers out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from napari_scsam.remote.answered import (
    Failed,
    Progressed,
    Refused,
    Welcome,
)
from napari_scsam.remote.asked import (
    Beat,
    Cancel,
    FetchCheckpoint,
    FineTune,
    HashSlice,
    Hello,
    LabelSlice,
    ListCheckpoints,
    OpenVolume,
    PutFile,
    PutPixels,
    PutTraining,
    Request,
    TrainingCommand,
)
from napari_scsam.remote.frames import FrameError, Joiner, split_frames
from napari_scsam.remote.parts import Message
from napari_scsam.remote.protocol import (
    BEAT_SECONDS,
    VERSION,
    ProtocolError,
    decode_from_client,
    encode,
)
from napari_scsam.server.data_requests import DataRequests
from napari_scsam.server.engine import ServerEngine, failure, made_or_failed
from napari_scsam.server.outbox import Outbox, SlowReaderError
from napari_scsam.server.pacing import Incoming, Pacer
from napari_scsam.server.session import ClientSession
from napari_scsam.server.sessions import TooManyClientsError
from napari_scsam.server.streams import Streams
from napari_scsam.server.work_queue import QueuedWork
from napari_scsam.steps import Progress
from napari_scsam.version import __version__

log = logging.getLogger(__name__)


class RefusedError(Exception):
    """A client that the server does not go on with; the text is the reason."""


class Client:
    """One connection of one client.

    Parameters
    ----------
    socket
        Accepted, with the right token.
    engine
        Of the server.
    incoming
        Counts the bytes of messages that are not whole yet.
    """

    def __init__(self, socket: WebSocket, engine: ServerEngine, incoming: Incoming) -> None:
        self.socket = socket
        self.engine = engine
        self.limits = engine.settings.limits
        self.incoming = incoming
        self.outbox = Outbox(self.limits.outgoing_bytes)
        self.joiner = Joiner(self.limits.message_bytes)
        self.pacer = Pacer(self.limits.messages_a_second, self.limits.burst)
        self.open: dict[int, QueuedWork | None] = {}
        """Requests that are not answered yet, and their work on the device."""
        self.loop = asyncio.get_running_loop()
        self.session: ClientSession | None = None
        self.streams = Streams(self)
        self.data = DataRequests(self)
        self.tasks: set[asyncio.Task[Any]] = set()

    async def talk(self) -> None:
        """Serve the client until it leaves or has to be refused."""
        sender = asyncio.create_task(self._send())
        beats = asyncio.create_task(self._beat())
        reader = asyncio.create_task(self._read())
        try:
            done, _ = await asyncio.wait(
                {sender, beats, reader}, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                await self._end(task.exception())
        finally:
            tasks = (sender, beats, reader, *self.tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._leave()

    async def _end(self, error: BaseException | None) -> None:
        """Report why the connection ends."""
        if error is None or isinstance(error, WebSocketDisconnect):
            return
        name = self.session.name if self.session else "without a session"
        if isinstance(error, RefusedError | FrameError | ProtocolError):
            log.warning("client %s refused: %s", name, error)
            sentence = f"the server refuses this client: {error}"
            with suppress(Exception):
                await asyncio.wait_for(self._send_now(Refused(sentence=sentence[:4000])), 1.0)
        elif isinstance(error, SlowReaderError | TimeoutError):
            log.warning("client %s is too slow, or silent; its line is closed", name)
        else:
            log.error("client %s: its line failed", name, exc_info=error)
        with suppress(Exception):
            await asyncio.wait_for(self.socket.close(1008), 1.0)

    def _leave(self) -> None:
        """Cancel what is not needed any more; the session stays for a while."""
        self.incoming.remove(self)
        for work in self.open.values():
            if work is not None:
                self.engine.queue.cancel(work)
        self.open.clear()
        if self.session is not None:
            self.engine.on_notice.pop(self.session, None)
            self.engine.sessions.leave(self.session)

    # Out

    async def _send(self) -> None:
        while True:
            message = await self.outbox.get()
            for frame in split_frames(message):
                await asyncio.wait_for(self.socket.send_bytes(frame), self.limits.send_seconds)

    async def _send_now(self, message: Message) -> None:
        for frame in split_frames(encode(message)):
            await self.socket.send_bytes(frame)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            if self.outbox.empty:
                self.outbox.put(Beat())

    def post(self, message: Message) -> None:
        """Send a message from any thread."""
        with suppress(RuntimeError):  # the server has ended
            self.loop.call_soon_threadsafe(self.put, message)

    def put(self, message: Message) -> None:
        """Send a message, in the event loop."""
        try:
            self.outbox.put(message)
        except SlowReaderError:
            task = asyncio.create_task(self.socket.close(1008))
            self._keep(task)

    def close_request(self, number: int) -> bool:
        """Close a request; return whether it was open."""
        was_open = number in self.open
        self.open.pop(number, None)
        return was_open

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # In

    async def _read(self) -> None:
        hello = await asyncio.wait_for(self._next(), self.limits.hello_seconds)
        self._welcome(hello)
        while True:
            message = await self._next()
            await self.pacer.wait()
            await self._take(message)

    async def _next(self) -> Any:
        """Return the next message."""
        while True:
            received = asyncio.wait_for(self.socket.receive_bytes(), self.limits.silence_seconds)
            try:
                frame = await received
            except KeyError as error:  # text
                raise FrameError("this is not a frame of the protocol") from error
            message = self.joiner.add(frame)
            self.incoming.set(self, self.joiner.size)
            if message is not None:
                return decode_from_client(message)

    def _welcome(self, hello: Any) -> None:
        if not isinstance(hello, Hello):
            raise RefusedError("its first message is not a hello")
        if hello.version != VERSION:
            raise RefusedError(
                f"it speaks version {hello.version} of the protocol, and the server version "
                f"{VERSION}; install the same version of napari-scsam on both"
            )
        try:
            self.session, resumed = self.engine.sessions.begin(hello.session)
        except TooManyClientsError as error:
            raise RefusedError("there are too many clients; try again later") from error
        self.engine.on_notice[self.session] = self.post
        log.info("session %s: %s", self.session.name, "resumed" if resumed else "begun")
        self.outbox.put(
            Welcome(
                version=VERSION,
                server=f"napari-scsam {__version__}",
                device=str(self.engine.device),
                session=self.session.key,
                resumed=resumed,
                idle_minutes=self.limits.idle_seconds / 60,
                most_pixels=self.limits.pixels,
            )
        )

    async def _take(self, message: Any) -> None:
        """Act on a message."""
        if isinstance(message, Beat):
            return
        if isinstance(message, Cancel):
            work = self.open.pop(message.target, None)
            if work is not None:
                self.engine.queue.cancel(work)
        elif isinstance(message, TrainingCommand):
            for training in self._session.trainings.values():
                training.send(message.command)
        elif isinstance(message, Request):
            await self._answer(message)
        else:
            raise RefusedError(f"the message {message.type!r} makes no sense here")

    async def _answer(self, request: Request) -> None:
        session = self._session
        if request.id <= session.last_id:
            raise RefusedError("it used the id of a request twice")
        session.last_id = request.id
        session.used = time.monotonic()
        if len(self.open) >= self.limits.open_requests:
            sentence = "too many requests wait for an answer; wait for some of them"
            self.outbox.put(Failed(id=request.id, kind="busy", sentence=sentence))
            return
        quick = self._quick(session, request)
        slow = self._slow(request)
        if quick is not None:
            await self._in_a_thread(request, quick)
        elif slow is not None:
            self.open[request.id] = None
            self._keep(asyncio.create_task(slow(session, request)))
        else:
            self.submit(session, request)

    def _quick(self, session: ClientSession, request: Request) -> Callable[[], Message] | None:
        """Return what answers a request that needs no device; None for any other."""
        if isinstance(request, PutPixels):
            return partial(self.engine.put_pixels, session, request)
        if isinstance(request, PutFile):
            return partial(self.engine.put_file, session, request)
        if isinstance(request, PutTraining):
            return partial(self.engine.put_training, session, request)
        if isinstance(request, ListCheckpoints):
            return partial(self.engine.checkpoints, request)
        return None

    def _slow(self, request: Request) -> Callable[..., Coroutine[Any, Any, None]] | None:
        """Return what answers a request while others are answered; None for any other."""
        if isinstance(request, FineTune):
            return self.streams.train
        if isinstance(request, FetchCheckpoint):
            return self.streams.fetch
        if isinstance(request, OpenVolume | HashSlice):
            return self.data.answer
        if isinstance(request, LabelSlice) and request.volume is not None:
            return self.data.label
        return None

    @property
    def _session(self) -> ClientSession:
        if self.session is None:
            raise RefusedError("it did not say hello")
        return self.session

    async def _in_a_thread(self, request: Request, make: Callable[[], Message]) -> None:
        """Answer a request that needs no device."""
        try:
            self.outbox.put(await asyncio.to_thread(make))
        except Exception as error:  # noqa: BLE001  # the client hears of it
            self.outbox.put(failure(request.id, error, self._session))

    def submit(self, session: ClientSession, request: Request) -> None:
        """Queue work for the device."""
        work = self.engine.work_for(session, request)
        work.on_step = partial(self._progressed, request.id)
        work.on_end = partial(self._ended, request.id)
        self.open[request.id] = work
        self.engine.queue.submit(work)

    # On the thread of the device

    def _progressed(self, number: int, step: Progress) -> None:
        self.post(Progressed(id=number, done=step.done, total=step.total, what=step.what[:4000]))

    def _ended(self, number: int, result: Any, error: BaseException | None) -> None:
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._finish, number, result, error)

    # In the event loop again

    def _finish(self, number: int, result: Any, error: BaseException | None) -> None:
        if number in self.open:
            self._keep(asyncio.create_task(self._deliver(number, result, error)))

    async def _deliver(self, number: int, result: Any, error: BaseException | None) -> None:
        """Compress a result beside the event loop, and send it."""
        session = self._session
        message: Message | Path
        if error is not None:
            message = failure(number, error, session)
        else:
            message = await asyncio.to_thread(made_or_failed, result, number, session)
        if isinstance(message, Path):
            await self.streams.send_file(number, message)
            message.unlink(missing_ok=True)
            return
        if self.close_request(number):
            self.put(message)
        await asyncio.to_thread(self.engine.sessions.trim, session)
