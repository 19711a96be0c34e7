"""A training that is killed resumes, and one that is cancelled answers at once.

    python -m benchmarks.training_stops

A synthetic cell is trained on in a real process, with the shipped checkpoint.
The process is killed while it learns, and started again: it must go on from the
last state on disk. Then it is told to stop: the time until it says so counts.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.training_window import MINUTES, SHAPE, SHORT

from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.io.volumes import open_volume
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.project import CLASSES, create_project
from napari_scsam.project.reviewed_classes import number_of_classes
from napari_scsam.project.training_job import BEST, JOB, STATE, prepare_job
from napari_scsam.samples.phantom import make_phantom
from napari_scsam.steps import drive

VOXEL = (8.0, 8.0, 8.0)
KILLED_AFTER, STOPPED_AFTER = 6, 12
"""Steps of learning."""


def prepare(root: Path) -> Path:
    """Write a job on two slices of a synthetic cell; return its folder."""
    phantom = make_phantom(SHAPE, VOXEL)
    drive(copy_image(root / "cell.zarr", phantom.image, VOXEL, (0.0, 0.0, 0.0)))
    path = root / "mine.scsam.zarr"
    info = checkpoint_info("default")
    project = create_project(
        path, ImageReference.of(open_volume(root / "cell.zarr"), path), info.classes
    )
    project.array(CLASSES)[...] = phantom.labels == 1
    project.reviewed[:6] = number_of_classes(project, (1,))
    folder = drive(prepare_job(project, (1,), info.path, MINUTES, SHORT))
    project.close()
    values = json.loads((folder / JOB).read_text())
    (folder / JOB).write_text(json.dumps({**values, "save_every": 0.0}))
    return folder


def start(folder: Path) -> subprocess.Popen[str]:
    """Start the process of a job."""
    command = [sys.executable, "-m", "napari_scsam.train.finetune_process", str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, text=True, **pipes)  # type: ignore[call-overload, no-any-return]


def messages(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """Yield what a process says, until it ends."""
    for line in process.stdout or ():
        with suppress(ValueError):
            yield json.loads(line)


def learn_until(process: subprocess.Popen[str], step: int) -> int:
    """Wait for a step of learning; return the first one that the process took."""
    first = 0
    for message in messages(process):
        if message.get("phase") == "learning":
            first = first or message["step"]
            if message["step"] >= step:
                return first
    raise RuntimeError("the training ended before it was stopped")


def stop(process: subprocess.Popen[str]) -> float:
    """Tell a process to stop; return the seconds until it says that it has."""
    began = time.monotonic()
    print("stop", file=process.stdin, flush=True)
    if not any(message["kind"] == "stopped" for message in messages(process)):
        raise RuntimeError("the training did not say that it stopped")
    seconds = time.monotonic() - began
    process.wait()
    return seconds


def main() -> None:
    """Kill and resume a training, then cancel it."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = prepare(Path(root))
        process = start(folder)
        learn_until(process, KILLED_AFTER)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = start(folder)
        first = learn_until(process, STOPPED_AFTER)
        print(f"killed after step {KILLED_AFTER}, resumed at step {first}")
        print(f"said {stop(process):.2f} s later that it stopped")
        print(f"state on disk: {(folder / STATE).exists()}; best: {(folder / BEST).exists()}")


if __name__ == "__main__":
    main()
