"""Simulate a long day in a real window, and log what the process holds as it goes on.

    python tests/faults/long_day.py FOLDER [--actions 1500] [--minutes 30] [--seed 0]

A project is opened, worked on and closed, then another one, and so on: painting, undo, segmenting,
clicks, object tools, reviewing, exports, other models, other tabs, and large images that are only
looked at, of 12 GB each on paper (chunks that a zarr store lacks are filling). The image encoders
are replaced by averages of grey values; all else is real. Qt deletes widgets in its event loop,
which a script that calls ``processEvents`` never enters: so the script has them deleted itself.

Once a project, a line of JSON is printed: actions, resident memory in MB, open handles and
threads. The last line is the verdict: what each of them grew by from the first third of the day to
the last. The exit code is 1 where memory grew by more than 5 % and 100 MB, or handles or threads by
more than 10.

Without a screen, run it under ``xvfb-run -a -s "-screen 0 1600x1000x24"``
with ``QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1 OMP_NUM_THREADS=1``.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
import zarr

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

import napari
from blob_predictor import BlobPredictor
from desk import ALT, SHIFT, Desk
from qtpy.QtCore import QCoreApplication, QEvent, Qt

from napari_scsam.checkpoints.card import read_card
from napari_scsam.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from napari_scsam.config import UserError
from napari_scsam.gui import session as sessions
from napari_scsam.gui.jobs.engine import Engine
from napari_scsam.project.image import copy_image
from napari_scsam.steps import Progress

SHAPE = (8, 512, 512)
"""Of an image that is worked on."""
LARGE = (1500, 2048, 4096)
"""Of an image that is looked at: 12 GB."""
SIZE = (40.0, 8.0, 8.0)
ACTIONS_A_PROJECT = 30
MODELS = 3
MOST_GROWTH = 0.05
MOST_MB = 100
MOST_HANDLES = 10
SEGMENT_KEY = Qt.Key.Key_S


class GreyEngine(Engine):
    """The engine with a stand-in for each network, which is loaded anew for each checkpoint."""

    predictor: Any = None
    named = ""

    def is_loaded(self, checkpoint: str) -> bool:
        return self.named == checkpoint

    def ready_steps(self, checkpoint: str) -> Any:
        yield Progress(0, 1, "loading")
        if self.named != checkpoint:
            self.predictor = BlobPredictor(load_checkpoint(checkpoint), "cpu")
            self.named = checkpoint
        return self.predictor


class Day:
    """A window, what is done in it, and what the process holds.

    Parameters
    ----------
    desk
        The window.
    folder
        For images, projects and models.
    seed
        Of the acts.
    """

    def __init__(self, desk: Desk, folder: Path, seed: int) -> None:
        self.desk = desk
        self.folder = folder
        self.chance = random.Random(seed)
        self.actions = 0
        self.refused = 0
        self.missed = 0
        self.lines: list[dict[str, float]] = []

    def voxel(self) -> tuple[int, int, int]:
        """Return some voxel, far from the border."""
        z, height, width = SHAPE
        place = (self.chance.randrange(100, height - 100), self.chance.randrange(100, width - 100))
        return (self.chance.randrange(z), *place)

    def paint(self) -> None:
        """Draw a stroke, or erase."""
        z, y, x = self.voxel()
        self.desk.show(z)
        self.desk.paint((z, y, x), (z, y + 40, x + 60), self.chance.choice((0, 1, 2)), 12)

    def segment(self) -> None:
        """Segment a slice."""
        self.desk.show(self.voxel()[0])
        self.desk.press(SEGMENT_KEY, SHIFT)

    def click(self) -> None:
        """Point at an object, and accept it."""
        self.desk.press(Qt.Key.Key_O, SHIFT)
        self.desk.click(self.voxel())
        self.desk.finish()
        self.desk.press(Qt.Key.Key_Return)
        self.desk.press(Qt.Key.Key_Escape)

    def tool(self) -> None:
        """Use an object tool."""
        self.desk.use(self.chance.choice((Qt.Key.Key_H, Qt.Key.Key_G, Qt.Key.Key_K)), self.voxel())

    def undo(self) -> None:
        """Undo, and redo."""
        self.desk.undo()
        self.desk.finish()
        if self.chance.random() < 0.5:
            self.desk.redo()

    def review(self) -> None:
        """Mark a slice as reviewed."""
        self.desk.show(self.voxel()[0])
        self.desk.press(Qt.Key.Key_R, SHIFT)

    def turn_page(self) -> None:
        """Show another tab, and another class."""
        tabs = self.desk.widget.tabs
        tabs.setCurrentIndex(self.chance.randrange(tabs.count()))
        self.desk.press(Qt.Key(Qt.Key.Key_1.value + self.chance.randrange(4)), ALT)

    def change_model(self) -> None:
        """Choose another model."""
        path = self.folder / f"model{self.chance.randrange(MODELS)}.safetensors"
        self.desk.session.choices.choose_checkpoint(read_card(path))
        self.desk.wait(lambda: self.desk.session.network.state.startswith("Runs"))

    def acts(self) -> list[Callable[[], None]]:
        """Return what is done, as often as it is done."""
        often = [self.paint] * 8 + [self.segment] * 4 + [self.click] * 3 + [self.tool] * 3
        return [*often, *[self.undo] * 3, *[self.review] * 2, *[self.turn_page] * 2]

    def act(self, what: Callable[[], None]) -> None:
        """Do something, and wait until it is done."""
        self.actions += 1
        try:
            what()
        except UserError:
            self.refused += 1
        except TimeoutError:  # a busy machine: the mouse did not arrive
            self.missed += 1
        self.desk.finish()
        self.desk.rest(0.01)

    def one_project(self, number: int) -> None:
        """Open an image, work on it in a project, close it, and look at a large image."""
        image = self.folder / f"image{number % 2}.zarr"
        path = self.folder / f"day{number % 2}.scsam.zarr"
        self.desk.open_image(image)
        if path.exists():
            self.desk.open_project(path)
        else:
            self.desk.new_project(path)
        self.act(self.change_model)
        acts = self.acts()
        for _ in range(ACTIONS_A_PROJECT):
            self.act(self.chance.choice(acts))
        self.desk.viewer.reset_view()
        self.desk.keeper.close()
        self.desk.finish()
        self.empty()
        self.act(self.look_at_much)
        self.empty()
        if number % 4 == 3:
            shutil.rmtree(path)  # the next one is created

    def look_at_much(self) -> None:
        """Open a large image, and show some of its slices."""
        self.desk.open_image(self.folder / "large.zarr")
        for _ in range(5):
            self.desk.show(self.chance.randrange(LARGE[0]))
            self.desk.rest(0.05)

    def empty(self) -> None:
        """Remove all layers."""
        self.desk.viewer.layers.clear()
        self.desk.finish()
        self.desk.rest(0.1)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    def note(self, started: float) -> None:
        """Print and keep what the process holds."""
        gc.collect()
        process = psutil.Process()
        line = {
            "minutes": round((time.monotonic() - started) / 60, 1),
            "actions": self.actions,
            "missed": self.missed,
            "mb": round(process.memory_info().rss / 1e6),
            "handles": process.num_fds() if hasattr(process, "num_fds") else 0,
            "threads": process.num_threads(),
        }
        self.lines.append(line)
        say(line)


def say(record: dict[str, Any]) -> None:
    """Print a record as one line."""
    print(json.dumps(record), flush=True)  # noqa: T201


def prepare(folder: Path) -> None:
    """Write the images and the models."""
    chance = np.random.default_rng(0)
    for number in range(2):
        image = chance.integers(0, 90, SHAPE).astype(np.uint8)
        for _ in range(60):
            y, x = chance.integers(20, 450, 2)
            image[:, y : y + 30, x : x + 30] += 120
        list(copy_image(folder / f"image{number}.zarr", image, SIZE, (0.0, 0.0, 0.0)))
    large = zarr.create_array(
        folder / "large.zarr", shape=LARGE, chunks=(1, 1024, 1024), dtype="u1", fill_value=7
    )
    for z in (0, LARGE[0] // 2, LARGE[0] - 1):
        large[z, :1024, :1024] = chance.integers(0, 250, (1024, 1024))
    model = load_checkpoint("default")
    for number in range(MODELS):
        path = folder / f"model{number}.safetensors"
        save_checkpoint(path, model, summary=f"Model {number}.", licence="MIT", training={})


def verdict(lines: list[dict[str, float]]) -> dict[str, Any]:
    """Return what was held in the first and the last third of a day, and whether it grew."""
    third = max(1, len(lines) // 3)
    found: dict[str, Any] = {}
    for name in ("mb", "handles", "threads"):
        first = median(line[name] for line in lines[:third])
        last = median(line[name] for line in lines[-third:])
        found[name] = [first, last]
    first, last = found["mb"]
    grew = [
        name for name in ("handles", "threads") if found[name][1] - found[name][0] > MOST_HANDLES
    ]
    if last - first > max(MOST_MB, MOST_GROWTH * first):
        grew.append("mb")
    return {**found, "grew": grew}


def main() -> int:
    """Play the day, and return 1 where something grew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--actions", type=int, default=1500)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True)
    prepare(asked.folder)
    sessions.Engine = GreyEngine
    viewer = napari.Viewer()
    viewer.window.resize(1280, 760)
    day = Day(Desk(viewer), asked.folder, asked.seed)
    started = time.monotonic()
    number = 0
    while day.actions < asked.actions and time.monotonic() - started < asked.minutes * 60:
        day.one_project(number)
        number += 1
        day.note(started)
    result = verdict(day.lines)
    say({"projects": number, "actions": day.actions, "missed": day.missed, **result})
    sys.stdout.flush()
    os._exit(int(bool(result["grew"])))  # how a window closes is not the subject


if __name__ == "__main__":
    sys.exit(main())
