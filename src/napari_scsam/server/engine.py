"""The network, the queue of its device, and the sessions that share them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from napari_scsam.errors import UserError
from napari_scsam.infer.device import choose_device
from napari_scsam.infer.memory import is_out_of_memory
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.remote.answered import (
    CheckpointCard,
    CheckpointList,
    Done,
    Failed,
    Noticed,
)
from napari_scsam.remote.arrays import unpack
from napari_scsam.remote.asked import (
    Embed,
    FineTune,
    Follow,
    FollowNext,
    LabelSlice,
    ListCheckpoints,
    Load,
    MapOf,
    Prompt,
    PutFile,
    PutPixels,
    PutTraining,
    Request,
    RestoreTaught,
    SaveModel,
    Segment,
    Teach,
)
from napari_scsam.remote.line import NeedFilesError, NeedPixelsError, StateLostError
from napari_scsam.remote.parts import Message, Spec
from napari_scsam.remote.remote_slice import hash_of
from napari_scsam.server import answering, volume_runs
from napari_scsam.server.data_places import NotServedError
from napari_scsam.server.models import ModelStore
from napari_scsam.server.session import ClientSession
from napari_scsam.server.sessions import Sessions
from napari_scsam.server.settings import ServerSettings
from napari_scsam.server.training import ServedTraining, TrainingSlices
from napari_scsam.server.work_queue import DeviceQueue, QueuedWork
from napari_scsam.steps import Steps

log = logging.getLogger(__name__)

FAULT = "the server failed at this request; its log says more"

MOST_TRAININGS = 2
"""Trainings at a time, of all clients together."""

EVICTED = "the server ran out of memory; it dropped what it can compute again, and goes on"

MOST_READERS = 4
"""Volumes that are read at a time."""

BACKGROUND = (Embed, LabelSlice)
"""Requests that nobody looks at."""

HANDLERS: dict[type[Request], Callable[[ClientSession, Any], Steps[Any]]] = {
    Embed: answering.embed_steps,
    Segment: answering.segment_steps,
    MapOf: answering.map_steps,
    Prompt: answering.prompt_steps,
    Follow: answering.follow_steps,
    FollowNext: answering.follow_next_steps,
    Teach: answering.teach_steps,
    RestoreTaught: answering.restore_steps,
    LabelSlice: volume_runs.label_slice_steps,
    SaveModel: answering.save_network_steps,
}


class ServerEngine:
    """What all connections share.

    Parameters
    ----------
    settings
        Of the server.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.device = choose_device(settings.device)
        self.store = ModelStore(self.device, settings.checkpoints, settings.limits.models)
        self.sessions = Sessions(settings.limits)
        preload()
        self.readers = ThreadPoolExecutor(MOST_READERS, "scsam-read")
        """Open volumes of the server and read them; where data are far, others do not wait."""
        self.queue = DeviceQueue(self._recover)
        self.on_notice: dict[ClientSession, Callable[[Message], object]] = {}
        """What takes a notice for a session that is connected."""

    def work_for(self, session: ClientSession, request: Request) -> QueuedWork:
        """Return the work that answers a request on the device."""
        limits = self.settings.limits
        if isinstance(request, Load):
            load = request
            limit = limits.embedding_bytes
            return QueuedWork(
                session, lambda: answering.load_steps(self.store, session, load, limit)
            )
        handler = HANDLERS[type(request)]
        urgent = not isinstance(request, BACKGROUND)
        return QueuedWork(session, lambda: handler(session, request), urgent)

    def put_pixels(self, session: ClientSession, request: PutPixels) -> Message:
        """Take the pixels of a slice.

        Raises
        ------
        UserError
            When they are too many, or arrived damaged.
        """
        limits = self.settings.limits
        array = request.array
        if len(array.shape) != 2 or array.shape[0] * array.shape[1] > limits.pixels:
            raise UserError(
                f"a slice has two axes and at most {limits.pixels / 1e6:.0f} million pixels; "
                "send a part of it"
            )
        pixels = unpack(array, min(limits.pixels * 8, limits.memory_bytes // 2))
        if hash_of(pixels) != request.pixels:
            raise UserError("the pixels arrived damaged; send them again")
        session.put(request.pixels, pixels)
        self.sessions.trim(session)
        return Done(id=request.id)

    def put_file(self, session: ClientSession, request: PutFile) -> Message:
        """Keep a part of a checkpoint that a client sends."""
        size = sum(each.sent.size for each in self.sessions)
        if size + len(request.data) > self.settings.limits.all_file_bytes:
            raise UserError("the server holds too many files of clients; try again later")
        session.sent.put(request, session.folder)
        return Done(id=request.id)

    def put_training(self, session: ClientSession, request: PutTraining) -> Message:
        """Keep a slice for a training."""
        if request.job not in session.slices_to_train:
            most = self.settings.limits.training_bytes
            slices = TrainingSlices(session.folder, request.job, most)
            for earlier in session.slices_to_train.values():
                earlier.drop()
            session.slices_to_train = {request.job: slices}
        if len(request.array.shape) != 2:
            raise UserError("a slice has two axes; send one by one")
        values = unpack(request.array, self.settings.limits.pixels * 8)
        session.slices_to_train[request.job].put(request, values)
        return Done(id=request.id)

    def training(self, session: ClientSession, request: FineTune) -> ServedTraining:
        """Return the training of a job, which is begun first if needed.

        Raises
        ------
        UserError
            When no network is loaded, a slice is missing, or too many trainings run.
        """
        found = session.trainings.get(request.job)
        if found is not None:
            return found
        slices = session.slices_to_train.get(request.job)
        if slices is None:
            raise StateLostError("the slices of the training are not here; send them")
        if session.loaded is None:
            raise UserError("no checkpoint is loaded; load one of the list first")
        running = [t for s in self.sessions for t in s.trainings.values() if not t.ended.is_set()]
        if len(running) >= MOST_TRAININGS:
            raise UserError("the server trains for others already; try again later")
        folder = slices.write_job(request, session.loaded.info.path)
        slices.drop()
        session.trainings[request.job] = ServedTraining(folder)
        return session.trainings[request.job]

    def checkpoints(self, request: ListCheckpoints) -> CheckpointList:
        """Return the checkpoints that clients may load."""
        cards = [
            CheckpointCard(
                name=name,
                classes=tuple(map(Spec.of, info.classes)),
                nm_per_pixel=info.nm_per_pixel,
                bytes=info.bytes,
                licence=info.licence,
                summary=info.summary,
                config=dict(info.config),
                training=dict(info.training),
            )
            for name, info in self.store.infos().items()
        ]
        return CheckpointList(id=request.id, checkpoints=tuple(cards))

    def _recover(self, work: QueuedWork, error: BaseException) -> bool:
        """Free memory that ran out; return whether there was any to free."""
        session: Any = work.client
        if not is_out_of_memory(error) or not self.sessions.free(session):
            return False
        from napari_scsam.infer.memory import free_memory

        free_memory(self.device)
        for each in self.sessions:
            take = self.on_notice.get(each)
            if take is not None:
                take(Noticed(sentence=EVICTED))
        return True

    def close(self) -> None:
        """End the queue and all sessions."""
        self.queue.stop()
        self.readers.shutdown(wait=False, cancel_futures=True)
        self.sessions.close()


def preload() -> None:
    """Import what networks need; later it would keep all clients waiting."""
    from napari_scsam.checkpoints import checkpoint  # noqa: F401
    from napari_scsam.infer import predictor, propagate  # noqa: F401
    from napari_scsam.infer.taught.classifier import preload_scikit_learn

    preload_scikit_learn()


def failure(number: int, error: BaseException, session: ClientSession) -> Failed:
    """Return the message for an error; what is not a mistake of the user goes into the log."""
    if isinstance(error, NeedPixelsError):
        return Failed(
            id=number, kind="need_pixels", sentence="send the pixels first", pixels=error.hashes
        )
    if isinstance(error, NeedFilesError):
        sentence = "send the files first"
        return Failed(id=number, kind="need_files", sentence=sentence, files=error.hashes)
    if isinstance(error, StateLostError):
        return Failed(id=number, kind="lost", sentence=str(error))
    if isinstance(error, NotServedError):
        log.warning("session %s named data that are not served", session.name)
    if isinstance(error, DamagedPartError):
        return Failed(id=number, kind="damaged", sentence=str(error)[:4000])
    if isinstance(error, UserError):
        return Failed(id=number, kind="user", sentence=str(error)[:4000])
    if is_out_of_memory(error):
        log.warning("session %s: out of memory", session.name)
        sentence = "the server has too little memory for this; try a smaller part"
        return Failed(id=number, kind="user", sentence=sentence)
    log.error("session %s: a request failed", session.name, exc_info=error)
    return Failed(id=number, kind="fault", sentence=FAULT)


def made_or_failed(
    make: Callable[[], Message | Path], number: int, session: ClientSession
) -> Message | Path:
    """Return a result, or why it could not be made."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001  # the client hears of it
        return failure(number, error, session)
