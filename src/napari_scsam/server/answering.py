"""Answers to requests about slices and classes; all of it runs on the thread of the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_scsam.config import UserError, select_classes
from napari_scsam.infer.patch import Patch
from napari_scsam.infer.prepared_slice import VIEWS
from napari_scsam.infer.propagation import PropagationLimits
from napari_scsam.remote.answered import (
    ComputedMaps,
    Done,
    Following,
    FoundMasks,
    FoundNext,
    Labels,
    Learned,
    Loaded,
)
from napari_scsam.remote.arrays import pack, pack_labels, pack_plain, unpack
from napari_scsam.remote.asked import (
    Embed,
    Follow,
    FollowNext,
    Load,
    MapOf,
    Prompt,
    RestoreTaught,
    SaveModel,
    Segment,
    Teach,
)
from napari_scsam.remote.line import StateLostError
from napari_scsam.remote.parts import Message, Spec, TaughtSpec
from napari_scsam.server.models import ModelStore
from napari_scsam.server.no_disk import no_disk
from napari_scsam.server.session import ClientSession
from napari_scsam.steps import Steps

if TYPE_CHECKING:
    from napari_scsam.infer.predictor import Predictor

AnswerSteps = Steps[Callable[[], Message]]
"""Work that returns what makes the message; that part may run on any thread."""


def load_steps(store: ModelStore, session: ClientSession, request: Load, limit: int) -> AnswerSteps:
    """Load a checkpoint for a session, with classes that were taught before."""
    from napari_scsam.infer.predictor import Predictor

    yield from ()
    info = store.find(request, session)
    loaded = store.load(info)
    if session.loaded is not loaded:
        session.forget()
        session.loaded = loaded
        session.predictor = Predictor(loaded.copy(), str(store.device), no_disk())
        session.predictor.embeddings.limit = limit
    predictor = session.ready()
    predictor.restore_taught([each.taught() for each in request.taught])
    return _what_is_known(session, predictor, request.id)


def restore_steps(session: ClientSession, request: RestoreTaught) -> AnswerSteps:
    """Know the checkpoint's own classes and those given, and no others."""
    yield from ()
    predictor = session.ready()
    predictor.restore_taught([each.taught() for each in request.taught])
    return _what_is_known(session, predictor, request.id)


def _what_is_known(
    session: ClientSession, predictor: Predictor, number: int
) -> Callable[[], Message]:
    loaded = session.loaded
    if loaded is None:
        raise UserError("no checkpoint is loaded; load one of the list first")
    message = Loaded(
        id=number,
        checkpoint=loaded.info.name,
        device=str(predictor.device),
        classes=tuple(map(Spec.of, predictor.classes)),
        own_classes=tuple(map(Spec.of, predictor.own_classes)),
        lessons=tuple(predictor.model.lessons),
        nm_per_pixel=predictor.model.config.nm_per_pixel,
        sha256=loaded.sha256,
        network=loaded.settings,
        views=tuple(map(asdict, VIEWS)),
    )
    return lambda: message


def save_network_steps(session: ClientSession, request: SaveModel) -> Steps[Callable[[], Path]]:
    """Write the network, with what it was taught, into a file of the session."""
    from napari_scsam.checkpoints.checkpoint import save_checkpoint

    predictor = session.ready()
    loaded = session.loaded
    if loaded is None:
        raise UserError("no checkpoint is loaded; load one of the list first")
    yield from ()
    info = loaded.info
    taught = [spec.name for spec in predictor.model.classes if spec not in info.classes]
    training = {
        **info.training,
        "taught": {"classes": [*info.taught, *taught], "from": info.name},
    }
    path = session.folder / f"saved-{session.number()}.safetensors"
    summary = request.summary or info.summary
    save_checkpoint(path, predictor.model, summary=summary, licence=info.licence, training=training)
    return lambda: path


def embed_steps(session: ClientSession, request: Embed) -> AnswerSteps:
    """Embed a slice ahead of the next request."""
    predictor = session.ready()
    predictor.tta = request.careful
    slice_ = session.slice(request.slice)
    for view in predictor.augmented(slice_):
        yield from predictor.embed_steps(view)
    return lambda: Done(id=request.id)


def segment_steps(session: ClientSession, request: Segment) -> AnswerSteps:
    """Label a slice."""
    predictor = session.set_slice(request.slice, careful=request.careful)
    labels = yield from predictor.segment_steps(request.classes, request.offsets)
    return lambda: Labels(id=request.id, labels=pack_labels(labels))


def map_steps(session: ClientSession, request: MapOf) -> AnswerSteps:
    """Compute maps of classes."""
    predictor = session.set_slice(request.slice, careful=request.careful)
    if request.kind == "probability":
        names = request.classes or ()
        if len(names) != 1:
            raise UserError("a map of probability is of one class; name one")
        values = (yield from predictor.probability_steps(names[0]))[None]
    elif request.kind == "similarity":
        chosen = select_classes(predictor.classes, request.classes)
        values = yield from predictor.similarity_steps(chosen)
    else:
        values = yield from predictor.logits_steps(request.classes)
    maps = np.ascontiguousarray(values, np.float32)
    return lambda: ComputedMaps(id=request.id, maps=pack_plain(maps))


def prompt_steps(session: ClientSession, request: Prompt) -> AnswerSteps:
    """Find objects by clicks and boxes."""
    earlier = session.answer(request.earlier)
    predictor = session.set_slice(request.slice, careful=request.careful)
    yield from predictor_ready(predictor)
    answer = predictor.predict_prompts(
        _ragged(request.points), _ragged(request.labels), request.boxes, earlier
    )
    number = session.remember(answer)
    corner = (answer.part[0].start, answer.part[1].start)
    quality = tuple(map(float, answer.quality))
    return lambda: FoundMasks(
        id=request.id, answer=number, inside=pack(answer.inside), corner=corner, quality=quality
    )


def predictor_ready(predictor: Predictor) -> Steps[None]:
    """Take part in the turns once before work that cannot be divided."""
    predictor.model.config.need_prompts()
    yield from ()


def _ragged(rows: Any) -> Any:
    """Return rows as an array.

    Raises
    ------
    UserError
        When they differ in length.
    """
    if rows is None:
        return None
    if len({len(row) for row in rows}) != 1:
        raise UserError("each object needs as many points and labels; give as many of each")
    return np.asarray(rows, np.float64)


def follow_steps(session: ClientSession, request: Follow) -> AnswerSteps:
    """Begin to follow an object from slice to slice."""
    from napari_scsam.infer.propagate import Follower

    predictor = session.set_slice(request.slice, careful=request.careful)
    yield from predictor_ready(predictor)
    mask = unpack(request.mask, request_bytes(session, request))
    if mask.ndim != 2 or mask.dtype != bool or not mask.any():
        raise UserError("there is no object to follow; find one first")
    start = Patch(mask, *request.corner)
    check_inside(start, predictor.slice.shape)
    limits = PropagationLimits(
        request.overlap,
        request.similarity,
        request.certainty,
        request.smallest,
        request.max_shift,
    )
    number = session.follow(Follower(predictor, predictor.slice, start, limits))
    return lambda: Following(id=request.id, following=number)


def check_inside(patch: Patch, shape: tuple[int, int]) -> None:
    """Raise a `UserError` if a mask is not on a slice."""
    x0, y0, x1, y1 = patch.box
    if x0 < 0 or y0 < 0 or x1 > shape[1] or y1 > shape[0]:
        raise UserError("the mask is not on the slice; give its place in pixels of the slice")


def request_bytes(session: ClientSession, request: Follow | Teach) -> int:
    """Return the bytes of a mask of a slice."""
    shape = session.slice(request.slice).shape
    return shape[0] * shape[1]


def follow_next_steps(session: ClientSession, request: FollowNext) -> AnswerSteps:
    """Find the object on the next slice, or once more on the last one."""
    followed = session.followed.get(request.following)
    if followed is None:
        raise StateLostError("the object is not followed any more; begin again")
    predictor = session.set_slice(request.slice, careful=request.careful)
    yield from predictor_ready(predictor)
    if request.turn == followed.turn:
        slice_ = session.slice(request.slice)
        followed.last = followed.follower.next_section(request.turn, slice_)
        followed.turn += 1
    section = followed.last
    if section is None or request.turn != followed.turn - 1:
        raise StateLostError("the object is not followed in this order; begin again")
    return lambda: FoundNext(
        id=request.id,
        mask=pack(section.patch.mask),
        corner=(section.patch.y, section.patch.x),
        overlap=float(section.overlap),
        similarity=float(section.similarity),
        certainty=float(section.certainty),
    )


def teach_steps(session: ClientSession, request: Teach) -> AnswerSteps:
    """Learn a class from strokes."""
    predictor = session.set_slice(request.slice, careful=request.careful)
    yield from predictor.embed_steps()
    most = request_bytes(session, request)
    on = unpack(request.foreground, most)
    beside = None if request.background is None else unpack(request.background, most)
    name = request.name if request.spec is None else request.spec.spec()
    spec = predictor.teach(name, on, beside, replace_earlier=request.replace_earlier)
    taught = predictor.taught(spec)
    return lambda: Learned(
        id=request.id,
        spec=Spec.of(spec),
        taught=TaughtSpec.of(taught),
        classes=tuple(map(Spec.of, predictor.classes)),
        lessons=tuple(predictor.model.lessons),
    )
