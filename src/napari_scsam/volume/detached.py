"""Segmentations in a process of their own, which goes on when the window that began it is closed.

Each run has a folder in `runs_folder`: what was asked for, which process works on it, how far it is
and how it ended. Any window can watch a run, cancel it, or continue one that was stopped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from napari_scsam.config import VoxelSize
from napari_scsam.errors import UserError
from napari_scsam.json_files import read_json_object, replace_json
from napari_scsam.paths import preferences_folder
from napari_scsam.volume.cluster import Workers

MODULE = "napari_scsam.volume.detached_process"
REQUEST = "request.json"
PROCESS = "process.json"
PROGRESS = "progress.json"
END = "end.json"
FINISHED_IMAGES = "finished.txt"
"""Images of a batch that are finished, one a line."""
LOG = "log.txt"
"""What the process and its libraries print."""

SAME_SECONDS = 0.02
"""Processes of one number that began less apart are one; the system counts in hundredths."""


class RunPhase(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    STOPPED = "stopped"
    """It was cancelled or killed, and can be continued."""
    PARTLY = "partly done"
    """Some slices could not be done; they can be tried again."""
    FAILED = "failed"
    FINISHED = "finished"


class RunRequest(BaseModel):
    """What was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str
    """The first one of several."""
    out: str
    """OME-Zarr of the labels; of several images, the folder of theirs."""
    images: tuple[str, ...] = ()
    """Several images, each with labels of its own."""
    replace: bool = False
    """Whether finished labels of several images are replaced."""
    checkpoint: str
    workers: int | str | None
    classes: tuple[str, ...] | None = None
    voxel_size: VoxelSize | None = None
    """nm along z, y, x; that of the file when not given."""
    device: str = "auto"
    tta: bool = False
    coarse: bool = False


@dataclass(frozen=True)
class RunState:
    """A run, and how far it is."""

    folder: Path
    request: RunRequest
    phase: RunPhase
    done: int = 0
    total: int = 0
    """Slices, or images of a batch; 0 until it is known."""
    seconds_left: float | None = None
    message: str = ""
    """What was wrong."""

    @property
    def name(self) -> str:
        """Name of its labels."""
        return Path(self.request.out).name


def runs_folder() -> Path:
    """Return the folder of the runs of this user."""
    return preferences_folder() / "runs"


def _forget_runs_into(out: str) -> None:
    """Forget runs that wrote the same labels, unless one does so now."""
    for state in list_runs():
        if state.request.out != out:
            continue
        if state.phase is RunPhase.RUNNING:
            raise UserError(f"a run is writing {out}; wait for it, or cancel it")
        forget_run(state.folder)


def start_run(request: RunRequest) -> Path:
    """Start a process that segments, and return the folder of the run.

    A stopped run into the same labels is continued.

    Raises
    ------
    UserError
        When another process writes these labels.
    """
    _forget_runs_into(request.out)
    folder = runs_folder() / f"{time.time_ns()}"
    folder.mkdir(parents=True)
    replace_json(folder / REQUEST, request.model_dump(mode="json"))
    continue_run(folder)
    return folder


def continue_run(folder: Path) -> None:
    """Start a process for a run that was stopped, or has not begun."""
    for name in (END, PROGRESS):
        (folder / name).unlink(missing_ok=True)
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-m", MODULE, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **apart,
        )
    Thread(target=process.wait, daemon=True).start()  # so that the system can forget it
    with suppress(psutil.NoSuchProcess):
        replace_json(folder / PROCESS, {"pid": process.pid, **_birth(process.pid)})


def cancel_run(folder: Path) -> None:
    """Stop the process of a run; finished slices stay, and it can be continued."""
    process = _process(folder)
    if process is not None:
        with suppress(psutil.NoSuchProcess):
            process.terminate()


def forget_run(folder: Path) -> None:
    """Remove what is known of a run that does not work; its labels stay."""
    shutil.rmtree(folder, ignore_errors=True)


def list_runs() -> list[RunState]:
    """Return the runs of this user, the oldest first."""
    return list(_states())


def _states() -> Iterator[RunState]:
    folders = sorted(runs_folder().glob("*")) if runs_folder().is_dir() else []
    for folder in folders:
        state = read_run(folder)
        if state is not None:
            yield state


def read_run(folder: Path) -> RunState | None:
    """Return how far a run is; None when its folder holds none."""
    try:
        request = RunRequest.model_validate(read_json_object(folder / REQUEST) or {})
    except ValidationError:
        return None
    running = _process(folder) is not None  # before the end is read, which may come meanwhile
    end = read_json_object(folder / END) or {}
    progress = read_json_object(folder / PROGRESS) or {}
    phase = RunPhase.STOPPED
    if end:
        phase = RunPhase(end["phase"])
    elif running:
        phase = RunPhase.RUNNING
    return RunState(
        folder,
        request,
        phase,
        progress.get("done", 0),
        progress.get("total", 0),
        progress.get("seconds_left"),
        end.get("message", ""),
    )


def _process(folder: Path) -> psutil.Process | None:
    """Return the process of a run; None when it has ended."""
    known = read_json_object(folder / PROCESS) or {}
    if not known:
        return None
    try:
        process = psutil.Process(known["pid"])
        birth = _birth(known["pid"])
        same = any(abs(birth[key] - known[key]) < SAME_SECONDS for key in birth if key in known)
        if same and process.status() != psutil.STATUS_ZOMBIE:
            return process
    except psutil.Error:
        return None
    return None


def _birth(pid: int) -> dict[str, float]:
    """Return when a process began, by the clock and since the computer was started.

    Linux computes the first from the second, so that it changes when the clock is set. Elsewhere
    the second does.
    """
    boot = psutil.boot_time()  # first: older versions of psutil remember it
    created = psutil.Process(pid).create_time()
    return {"created": created, "after_boot": created - boot}


def write_progress(folder: Path, done: int, total: int, seconds_left: float | None) -> None:
    """Write how far the process of a run is."""
    replace_json(folder / PROGRESS, {"done": done, "total": total, "seconds_left": seconds_left})


def note_finished(folder: Path, image: str) -> None:
    """Note that an image of a batch is finished."""
    with (folder / FINISHED_IMAGES).open("a", encoding="utf-8") as file:
        file.write(f"{image}\n")


def finished_images(folder: Path) -> set[str]:
    """Return the images of a batch that are finished."""
    try:
        text = (folder / FINISHED_IMAGES).read_text(encoding="utf-8")
    except OSError:
        return set()
    return set(text.splitlines())


def write_end(folder: Path, phase: RunPhase, message: str = "") -> None:
    """Write how a run ended."""
    replace_json(folder / END, {"phase": phase, "message": message})


def read_run_request(folder: Path) -> tuple[RunRequest, Workers]:
    """Return what was asked for, and where the work is done."""
    request = RunRequest.model_validate(read_json_object(folder / REQUEST) or {})
    return request, request.workers


def _checked_count(workers: int) -> int:
    most = 4 * (os.cpu_count() or 1)
    if not 1 <= workers <= most:
        raise UserError(f"{workers} workers are too few or too many; give 1 to {most}")
    return workers


def parse_workers(text: str) -> Workers:
    """Read what a user typed: nothing, a number of processes, or the address of a scheduler.

    Raises
    ------
    UserError
        When it is none of these.
    """
    text = text.strip()
    if not text:
        return None
    if text.isdecimal():
        return _checked_count(int(text))
    if "://" not in text:
        raise UserError(
            f"{text!r} is not a number of workers or an address; give one such as tcp://10.0.0.1:8786"
        )
    return text
