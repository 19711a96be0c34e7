"""What the server has of one client; no other client can name any of it."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.io.contrast import Contrast
from napari_scsam.remote.line import NeedPixelsError, StateLostError
from napari_scsam.remote.parts import SliceRef
from napari_scsam.server.loaded_model import LoadedModel
from napari_scsam.server.sent_files import SentFiles
from napari_scsam.server.served_volumes import ServedVolumes

if TYPE_CHECKING:
    from napari_scsam.infer.predictor import Predictor
    from napari_scsam.infer.prepared_slice import Slice
    from napari_scsam.infer.prompt_answer import PromptAnswer
    from napari_scsam.infer.propagate import Follower
    from napari_scsam.infer.propagation import Section
    from napari_scsam.server.training import ServedTraining, TrainingSlices

MOST_PREPARED = 8
"""Slices that are ready for the network."""

MOST_ANSWERS = 64
"""Answers to prompts that later ones may refine."""

MOST_FOLLOWED = 4
"""Objects that are followed at a time."""


class Followed:
    """An object on its way from slice to slice.

    Parameters
    ----------
    follower
        It, as the last slice left it.
    """

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.turn = 0
        """Slices that it was followed to."""
        self.last: Section | None = None


class ClientSession:
    """One client's slices, network, taught classes and answers.

    Only the thread of the device uses the network and what it computed. Slices are put by the
    thread that received them.

    Parameters
    ----------
    file_bytes
        Of the checkpoints that its client may send.
    """

    def __init__(self, file_bytes: int = 2**31) -> None:
        self.name = secrets.token_hex(4)
        """For the log."""
        self.key = secrets.token_urlsafe(32)
        """What resumes it; replaced at each welcome."""
        self.used = time.monotonic()
        self.left: float | None = None
        """When its last connection ended; None while there is one."""
        self.last_id = 0
        """Of its requests."""
        self.closed = False
        self._lock = threading.RLock()
        self.loaded: LoadedModel | None = None
        self.predictor: Predictor | None = None
        self.pixels: OrderedDict[str, NDArray[Any]] = OrderedDict()
        self.prepared: OrderedDict[SliceRef, Slice] = OrderedDict()
        self.answers: OrderedDict[int, PromptAnswer] = OrderedDict()
        self.followed: OrderedDict[int, Followed] = OrderedDict()
        self.runs: OrderedDict[str, Any] = OrderedDict()
        self.slices_to_train: dict[str, TrainingSlices] = {}
        self.trainings: dict[str, ServedTraining] = {}
        self.tuned: dict[str, Path] = {}
        """Checkpoints that were trained in this session, by name."""
        self.sent = SentFiles(file_bytes)
        """Checkpoints that its client sent."""
        self.volumes = ServedVolumes()
        self._folder: Path | None = None
        self._counter = 0

    def number(self) -> int:
        """Return a new number for an answer, an object or a volume."""
        self._counter += 1
        return self._counter

    @property
    def folder(self) -> Path:
        """A folder for its files, which goes with the session."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="scsam-session-"))
        return self._folder

    def ready(self) -> Predictor:
        """Return the predictor.

        Raises
        ------
        UserError
            When no checkpoint is loaded.
        """
        if self.predictor is None:
            raise UserError("no checkpoint is loaded; load one of the list first")
        return self.predictor

    def set_slice(self, ref: SliceRef, *, careful: bool) -> Predictor:
        """Make a slice the current one, and return the predictor.

        Raises
        ------
        NeedPixelsError
            When its pixels are not here.
        """
        predictor = self.ready()
        predictor.tta = careful
        predictor.set_slice(self.slice(ref))
        return predictor

    def slice(self, ref: SliceRef) -> Slice:
        """Return a slice, ready for the network."""
        with self._lock:
            slice_ = self.prepared.pop(ref, None)
            if slice_ is None:
                slice_ = self._prepare(ref)
            self.prepared[ref] = slice_
            while len(self.prepared) > MOST_PREPARED:
                self.prepared.popitem(last=False)
        return slice_

    def _prepare(self, ref: SliceRef) -> Slice:
        pixels = self.pixels_of(ref.pixels)
        contrast = None if ref.contrast is None else Contrast(*ref.contrast)
        name = ref.name or None
        predictor = self.ready()
        predictor.coarse = ref.coarse
        return predictor.prepare(pixels, ref.pixel_size, contrast=contrast, key=name)

    def pixels_of(self, name: str) -> NDArray[Any]:
        """Return the pixels of a slice.

        Raises
        ------
        NeedPixelsError
            When they are not here.
        """
        with self._lock:
            if name not in self.pixels:
                raise NeedPixelsError((name,))
            self.pixels.move_to_end(name)
            return self.pixels[name]

    def put(self, name: str, pixels: NDArray[Any]) -> None:
        """Remember the pixels of a slice."""
        with self._lock:
            if not self.closed:
                self.pixels[name] = pixels

    def drop_oldest_pixels(self) -> int:
        """Drop the pixels that were used longest ago, but never the last ones; return their bytes."""
        with self._lock:
            if len(self.pixels) < 2:
                return 0
            _, dropped = self.pixels.popitem(last=False)
            return dropped.nbytes

    def remember(self, answer: PromptAnswer) -> int:
        """Remember an answer, and return its number."""
        number = self.number()
        self.answers[number] = answer
        while len(self.answers) > MOST_ANSWERS:
            self.answers.popitem(last=False)
        return number

    def answer(self, number: int | None) -> PromptAnswer | None:
        """Return an answer.

        Raises
        ------
        StateLostError
            When it is not here any more.
        """
        if number is None:
            return None
        if number not in self.answers:
            raise StateLostError("the earlier answer was dropped; ask for it again")
        return self.answers[number]

    def follow(self, follower: Follower) -> int:
        """Remember an object that is followed, and return its number."""
        number = self.number()
        self.followed[number] = Followed(follower)
        while len(self.followed) > MOST_FOLLOWED:
            self.followed.popitem(last=False)
        return number

    def nbytes(self) -> int:
        """Return the bytes of what can be sent or computed again."""
        size = sum(each.nbytes for each in tuple(self.pixels.values()))
        size += sum(map(_slice_bytes, tuple(self.prepared.values())))
        for answer in tuple(self.answers.values()):
            size += answer.window.nbytes + answer.tile_logits.nbytes
        size += sum(int(run.nbytes) for run in tuple(self.runs.values()))
        if self.predictor is not None:
            size += self.predictor.embeddings.size
        return size

    def forget(self) -> int:
        """Drop what can be sent or computed again; return its bytes."""
        size = self.nbytes()
        with self._lock:
            self.pixels.clear()
            self.prepared.clear()
            self.answers.clear()
            self.followed.clear()
            self.runs.clear()
            if self.predictor is not None:
                self.predictor.embeddings.clear()
        return size

    def close(self) -> None:
        """Drop everything; also on disk."""
        self.closed = True
        self.forget()
        self.predictor = None
        self.loaded = None
        self.volumes.close()
        for training in self.trainings.values():
            training.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _slice_bytes(slice_: Slice) -> int:
    """Return the bytes of a prepared slice and of the logits on it."""
    logits: int = sum(each.nbytes for each in tuple(slice_.logits.values()))
    views: int = sum(map(_slice_bytes, tuple(slice_.views.values())))
    return int(slice_.grey.nbytes) + logits + views
