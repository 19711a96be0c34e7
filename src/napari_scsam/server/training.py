"""Trainings for clients, each in a process of its own, on slices that the client has sent."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import create_labels
from napari_scsam.json_files import write_json
from napari_scsam.project.training_job import (
    JOB,
    JOB_LABELS,
    JOB_LOG,
    PICTURE,
    TrainingJob,
    checkpoint_of,
)
from napari_scsam.remote.asked import FineTune, PutTraining

Take = Callable[[Mapping[str, Any], NDArray[Any] | None], object]
"""Called with each message of a training, and with a picture where one came."""

LASTING = ("started", "best", "done", "failed")
"""Kinds of messages that a client must not miss; the last of each is repeated to who comes later."""

LABEL_KINDS = "ui"
"""Kinds of dtypes that labels have."""

MOST_DIGITS = 9
"""Of a label value."""

MODULE = "napari_scsam.train.finetune_process"

IMAGE = "image.tif"

SECONDS_TO_END = 10.0

MOST_TIMES = 10
"""A setting of a training is at most so many times its default."""


class TrainingSlices:
    """Slices for a training, as files until it begins.

    Parameters
    ----------
    folder
        Of the session.
    job
        Name of the training.
    most
        Bytes.
    """

    def __init__(self, folder: Path, job: str, most: int) -> None:
        self.folder = folder / f"training-{job}"
        self.most = most
        self._sizes: dict[Path, int] = {}
        self.folder.mkdir(exist_ok=True)

    def put(self, request: PutTraining, values: NDArray[Any]) -> None:
        """Keep a slice.

        Raises
        ------
        UserError
            When there are too many, or labels are not whole numbers.
        """
        if request.kind == "labels" and values.dtype.kind not in LABEL_KINDS:
            raise UserError(f"labels have dtype {values.dtype}; send whole numbers")
        file = self._file(request.kind, request.z)
        others = sum(size for path, size in self._sizes.items() if path != file)
        if others + values.nbytes > self.most:
            raise UserError("the slices of this training are too many; review fewer of them")
        self._sizes[file] = values.nbytes
        np.save(file, values, allow_pickle=False)

    @property
    def size(self) -> int:
        """Bytes of all slices."""
        return sum(self._sizes.values())

    def drop(self) -> None:
        """Remove the slices; a job that was written stays."""
        for file in self._sizes:
            file.unlink(missing_ok=True)
        self._sizes.clear()

    def _file(self, kind: str, z: int) -> Path:
        return self.folder / f"{kind}-{z}.npy"

    def read(self, kind: str, z: int) -> NDArray[Any]:
        """Read a slice.

        Raises
        ------
        UserError
            When it was not sent.
        """
        try:
            values: NDArray[Any] = np.load(self._file(kind, z), allow_pickle=False)
        except OSError as error:
            raise UserError(f"slice {z} of the training was not sent; begin again") from error
        return values

    def write_job(self, request: FineTune, checkpoint: Path) -> Path:
        """Write the folder of a job, as windows write it; return it."""
        specs = _specs_of(request)
        first = self.read("image", 0)
        job = self.folder / "job"
        job.mkdir(exist_ok=True)
        images = [self._checked("image", z, first) for z in range(request.slices)]
        tifffile.imwrite(job / IMAGE, np.stack(images), photometric="minisblack")
        self._write_labels(job / JOB_LABELS, request, specs, first)
        written = TrainingJob(
            image=str(job / IMAGE),
            classes=dict(request.classes),
            colours=dict(request.colours),
            slices=tuple(range(request.slices)),
            checkpoint=str(checkpoint),
            voxel_size=request.voxel_size,
            minutes=request.minutes,
            settings=checked_settings(request.settings),
        )
        write_json(job / JOB, written.model_dump())
        return job

    def _write_labels(
        self, path: Path, request: FineTune, specs: Sequence[ClassSpec], like: NDArray[Any]
    ) -> None:
        """Write the labels, and where they were reviewed."""
        shape = (request.slices, *like.shape)
        size = request.voxel_size
        dtype = self.read("labels", 0).dtype
        labels = create_labels(path, shape, size, specs, dtype=dtype)
        reviewed = create_labels(path, shape, size, (), name="reviewed")
        for z in range(request.slices):
            labels[z] = self._checked("labels", z, like)
            reviewed[z] = (self._checked("reviewed", z, like) > 0).astype(np.uint8)

    def _checked(self, kind: str, z: int, like: NDArray[Any]) -> NDArray[Any]:
        values = self.read(kind, z)
        if values.shape != like.shape:
            raise UserError("the slices of a training have different sizes; send equal ones")
        return values


def checked_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a client asks for.

    Raises
    ------
    UserError
        When a training has no such setting, or its value is of another kind or far too large.
    """
    from napari_scsam.train.finetune.settings import FinetuneSettings

    defaults = {
        name: value
        for name, value in FinetuneSettings().to_dict().items()
        if isinstance(value, int | float)
    }
    for name, value in values.items():
        default = defaults.get(name)
        if default is None or not _is_like(value, default):
            raise UserError(f"a training has no setting {name[:100]!r} of this kind; leave it out")
        if name != "seed" and not 0 <= value <= MOST_TIMES * default:
            raise UserError(
                f"the setting {name} is {value:g}, and a server takes {MOST_TIMES * default:g} "
                "at most; choose a smaller one"
            )
    return dict(values)


def _is_like(value: float, default: float) -> bool:
    """Whether a value is of the kind of a default; a whole number may stand for a float."""
    return isinstance(value, type(default)) or (type(value) is int and type(default) is float)


def _specs_of(request: FineTune) -> list[ClassSpec]:
    """Return the classes of a training.

    Raises
    ------
    UserError
        When their label values are none.
    """
    return [
        ClassSpec(_number(value), name, request.colours.get(value, ""))
        for value, name in request.classes.items()
    ]


def _number(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
    if not is_number or int(text) == 0:
        raise UserError(f"{text[:20]!r} is not a label value; give whole numbers from 1 on")
    return int(text)


class ServedTraining:
    """A training in a process of its own.

    Parameters
    ----------
    folder
        Of the job.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._take: Take | None = None
        self._lasting: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()
        self.ended = threading.Event()
        with (folder / JOB_LOG).open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own module
                [sys.executable, "-m", MODULE, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
            )
        threading.Thread(target=self._read, daemon=True).start()

    def listen(self, take: Take) -> None:
        """Pass each message on from now on, and first what was missed and still matters."""
        with self._lock:
            self._take = take
            for message in self._lasting.values():
                take(message, None)

    def ignore(self) -> None:
        """Pass nothing on any more; the training goes on by itself."""
        with self._lock:
            self._take = None

    def send(self, command: str) -> None:
        """Send ``pause``, ``resume`` or ``stop``."""
        if self._process.stdin is not None:
            with suppress(OSError, ValueError):
                self._process.stdin.write(f"{command}\n")
                self._process.stdin.flush()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self.ended.wait(SECONDS_TO_END)

    @property
    def checkpoint(self) -> Path | None:
        """What it offers, or the best so far."""
        return checkpoint_of(self.folder)

    def _read(self) -> None:
        if self._process.stdout is not None:
            with self._process.stdout as lines:
                for line in lines:
                    self._pass_on(line)
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(OSError):  # what waits to be written finds nobody
                self._process.stdin.close()
        self.ended.set()

    def _pass_on(self, line: str) -> None:
        with suppress(ValueError):
            message: dict[str, Any] = json.loads(line)
            kind = message.get("kind", "")
            picture = self._picture() if kind == "picture" else None
            with self._lock:
                if kind in LASTING:
                    self._lasting[kind] = message
                if self._take is not None:
                    self._take(message, picture)

    def _picture(self) -> NDArray[Any] | None:
        """Return the picture that the training wrote last; None when it cannot be read."""
        with suppress(OSError, ValueError):
            picture: NDArray[Any] = np.load(self.folder / PICTURE, allow_pickle=False)
            return picture
        return None
