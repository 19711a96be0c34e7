"""The network, the queue of its device, and the sessions that share them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from napari_scsam.errors import UserError
from napari_scsam.infer.device import choose_device
from napari_scsam.infer.memory import is_out_of_memory
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
    PutTraining,
    Request,
    RestoreTaught,
    SaveModel,
    Segment,
    Teach,
)
from napari_scsam.remote.line import NeedPixelsError, StateLostError
from napari_scsam.remote.parts import Message, Spec
from napari_scsam.server import answering, volume_runs
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
        self.sessions.close()


def preload() -> None:
    """Import what networks need; later it would keep all clients waiting."""
    from napari_scsam.checkpoints import checkpoint  # noqa: F401
    from napari_scsam.infer import predictor, propagate  # noqa: F401
    from napari_scsam.infer.taught.classifier import preload_scikit_learn

    preload_scikit_learn()


def failure(number: int, error: BaseException, session: ClientSession) -> Failed:
    """Return the message for an error; what is no mistake of the user goes into the log."""
    if isinstance(error, NeedPixelsError):
        return Failed(
            id=number, kind="need_pixels", sentence="send the pixels first", pixels=error.hashes
        )
    if isinstance(error, StateLostError):
        return Failed(id=number, kind="lost", sentence=str(error))
    if isinstance(error, UserError):
        return Failed(id=number, kind="user", sentence=str(error)[:4000])
    if is_out_of_memory(error):
        log.warning("session %s: out of memory", session.name)
        sentence = "the server has too little memory for this; try a smaller part"
        return Failed(id=number, kind="user", sentence=sentence)
    log.error("session %s: a request failed", session.name, exc_info=error)
    return Failed(id=number, kind="fault", sentence=FAULT)
