"""Play at random in a real window, with a real mouse and keys, and find what nobody meant.

    python tests/faults/monkey.py [--gestures 2000] [--seed 0] [--load]

The network is a stand-in that sees bright discs; all else is real. Gestures come in bursts, without
a pause inside a burst. After each burst the window rests, and then

- no exception was raised, and no error of the program was shown;
- no pixel changed unless a gesture of the burst writes, and then only on slices that were shown,
  but for undo and redo, which go anywhere;
- every value in the labels has a class, and no class is half made: the table of the layer is that
  of the list, and what strokes taught can be segmented.

One JSON line a fault, with the gestures that led to it, and one at the end. The exit code is 1
where there was a fault. ``--load`` keeps a processor busy meanwhile.

Without a screen, run it under ``xvfb-run -a -s "-screen 0 1600x1000x24"``
with ``QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1 OMP_NUM_THREADS=1``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

import napari
from blob_predictor import BlobPredictor
from desk import ALT, CTRL, LEFT, NONE, SHIFT, Desk
from discs import DISCS
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.config import UserError
from napari_scsam.gui import session as sessions
from napari_scsam.gui.jobs.engine import Engine
from napari_scsam.gui.layers.class_table import NOT_KEPT_KEY, classes_of
from napari_scsam.gui.layers.plane import camera_of
from napari_scsam.gui.own_classes import key_of
from napari_scsam.gui.tools.classes.edit_classes import EditingClasses
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.teach import Teaching
from napari_scsam.steps import Progress

BURST = 6
"""Gestures at most without a pause."""
PATIENCE = 60.0
"""Seconds after which the window is taken to hang."""
RIGHT = Qt.MouseButton.RightButton
NAMES = ("granule", "droplet", "vacuole")


class BlobEngine(Engine):
    """The engine with a stand-in for the network."""

    predictor: Any = None

    def is_loaded(self, checkpoint: str) -> bool:  # noqa: ARG002  # it always is
        return True

    def ready_steps(self, checkpoint: str) -> Any:  # noqa: ARG002
        yield Progress(0, 1, "loading")
        if self.predictor is None:
            self.predictor = BlobPredictor(load_checkpoint("default"), "cpu")
        return self.predictor


@dataclass(frozen=True)
class Gesture:
    """Something that a hand does."""

    name: str
    act: Callable[[], object]
    writes: bool = False
    """Whether labels may change on the slice shown."""
    anywhere: bool = False
    """Whether they may change on other slices too."""


class Monkey:
    """A window, and a hand that does anything in it.

    Parameters
    ----------
    desk
        The window.
    seed
        Of the gestures.
    """

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk = desk
        self.chance = random.Random(seed)
        self.faults: list[str] = []

    # The hand

    def place(self) -> QPoint:
        """Return some place in the picture, or beside it now and then."""
        size = self.desk.canvas.native.size()
        if self.chance.random() < 0.05:
            return QPoint(self.chance.choice((1, size.width() - 2)), size.height() // 2)
        image = self.desk.session.choices.image
        z = self.desk.viewer.dims.current_step[0]
        shape = image.data.shape
        voxel = (z, self.chance.randrange(shape[1]), self.chance.randrange(shape[2]))
        return self.desk.at(voxel)

    def move(self) -> None:
        """Move the mouse."""
        QTest.mouseMove(self.desk.canvas.native, self.place())

    def click(self, button: Any = LEFT) -> None:
        """Click somewhere."""
        QTest.mouseClick(self.desk.canvas.native, button, NONE, self.place())

    def stroke(self, pixels: int, *, key: Qt.Key | None = None, second: bool = False) -> None:
        """Press, move some pixels, and release; perhaps a key or a second button in between."""
        canvas = self.desk.canvas.native
        start = self.place()
        end = start + QPoint(
            self.chance.randint(-pixels, pixels), self.chance.randint(-pixels, pixels)
        )
        QTest.mousePress(canvas, LEFT, NONE, start)
        for share in (0.3, 0.7, 1.0):
            QTest.mouseMove(canvas, start + (end - start) * share)
            if self.chance.random() < 0.5:
                QApplication.processEvents()
        if key is not None:
            self.desk.press(key)
        if second:
            QTest.mouseClick(canvas, RIGHT, NONE, end)
        QTest.mouseRelease(canvas, LEFT, NONE, end)

    def turn_page(self) -> None:
        """Show another tab."""
        tabs = self.desk.widget.tabs
        tabs.setCurrentIndex(self.chance.randrange(tabs.count()))

    def slide(self) -> None:
        """Show another slice."""
        self.desk.viewer.dims.set_current_step(0, self.chance.randrange(DISCS.shape[0]))

    def pick_class(self) -> None:
        """Choose a class by its key."""
        digit = self.chance.randint(1, 6)
        self.desk.press(Qt.Key(Qt.Key.Key_0.value + digit), ALT)

    def segment_class(self) -> None:
        """Choose a class by its key, and segment it."""
        digit = self.chance.randint(1, 6)
        self.desk.press(Qt.Key(Qt.Key.Key_0.value + digit), CTRL)

    def teach(self) -> None:
        """Begin to teach a class, or another one."""
        self.desk.session.part(Teaching).start(self.chance.choice(NAMES))

    def forget(self) -> None:
        """Forget a class that was taught."""
        taught = self.desk.session.part(Teaching).state.taught
        if taught:
            self.desk.session.part(Teaching).forget(self.chance.choice(taught).name)

    def edit_class(self) -> None:
        """Add, rename, recolour, move or delete a class."""
        editing = self.desk.session.part(EditingClasses)
        spec = self.chance.choice(self.desk.session.choices.classes)
        kind = self.chance.randrange(5)
        if kind == 0:
            editing.add(self.chance.choice(NAMES))
        elif kind == 1:
            editing.rename(spec, self.chance.choice((f"{spec.known_as} {spec.id}", spec.known_as)))
        elif kind == 2:
            editing.recolour(spec, f"#{self.chance.randrange(2**24):06x}")
        elif kind == 3:
            editing.move(spec, self.chance.choice((-1, 1)))
        else:
            editing.ask_to_delete(spec)

    def paint(self) -> None:
        """Draw with napari's brush."""
        layer = self.desk.session.labels
        if layer is None or layer not in self.desk.viewer.layers:
            return
        self.desk.viewer.layers.selection.active = layer
        layer.mode = "paint"
        self.stroke(self.chance.choice((0, 2, 8, 60)))
        layer.mode = "pan_zoom"

    def double_click(self) -> None:
        """Click twice."""
        QTest.mouseDClick(self.desk.canvas.native, LEFT, NONE, self.place())

    def zoom(self) -> None:
        """Look from very far or very near."""
        camera_of(self.desk.viewer).zoom = self.chance.choice((0.05, 1.0, 4.0, 80.0))

    def see_in_3d(self) -> None:
        """Show the volume in 3-D, try a verb, and come back."""
        dims = self.desk.viewer.dims
        dims.ndisplay = 3
        key = self.chance.choice((Qt.Key.Key_S, Qt.Key.Key_O, Qt.Key.Key_M, Qt.Key.Key_D))
        self.desk.press(key, SHIFT)
        self.desk.press(Qt.Key.Key_G)
        dims.ndisplay = 2

    def select_layer(self) -> None:
        """Select any layer, or none."""
        layers = self.desk.viewer.layers
        layers.selection.active = self.chance.choice([None, *layers])

    def rename_layer(self) -> None:
        """Give any layer another name."""
        layer = self.chance.choice(list(self.desk.viewer.layers))
        layer.name = f"renamed {layer.name}"[:40]

    def remove_layer(self) -> None:
        """Remove a layer that the program made, the labels too."""
        image = self.desk.session.choices.image
        others = [layer for layer in self.desk.viewer.layers if layer is not image]
        if others:
            self.desk.viewer.layers.remove(self.chance.choice(others))

    def undo_storm(self) -> None:
        """Undo and redo many times."""
        for _ in range(self.chance.randint(5, 30)):
            self.desk.press(Qt.Key.Key_Z, self.chance.choice((CTRL, CTRL | SHIFT)))

    def slide_threshold(self) -> None:
        """Move the threshold: what was just written follows."""
        segmenting = self.desk.session.part(Segmenting)
        segmenting.set_threshold_offset(self.chance.choice((-1.0, 0.0, 1.0)))

    def gestures(self) -> list[tuple[int, Gesture]]:
        """Return all gestures, and how often they come.

        A click or a stroke writes where a tool is active.
        """
        key = self.desk.press
        stroke = self.stroke
        rows: list[tuple[int, Gesture]] = [
            (10, Gesture("move", self.move)),
            (10, Gesture("click", self.click, writes=True)),
            (2, Gesture("right click", partial(self.click, RIGHT))),
            (6, Gesture("dot", partial(stroke, 1), writes=True)),
            (6, Gesture("short stroke", partial(stroke, 6), writes=True)),
            (4, Gesture("long stroke", partial(stroke, 120), writes=True)),
            (2, Gesture("stroke, key", partial(stroke, 30, key=Qt.Key.Key_Escape), writes=True)),
            (2, Gesture("stroke, two buttons", partial(stroke, 30, second=True), writes=True)),
            (5, Gesture("tab", self.turn_page)),
            (6, Gesture("slider", self.slide)),
            (8, Gesture("class", self.pick_class)),
            (5, Gesture("segment class", self.segment_class, writes=True)),
            (5, Gesture("segment", partial(key, Qt.Key.Key_S, SHIFT), writes=True)),
            (4, Gesture("threshold", self.slide_threshold, writes=True)),
            (5, Gesture("point or stop", partial(key, Qt.Key.Key_O, SHIFT), writes=True)),
            (5, Gesture("accept", partial(key, Qt.Key.Key_Return), writes=True)),
            (4, Gesture("other side", partial(key, Qt.Key.Key_I, SHIFT))),
            (
                3,
                Gesture("propagate", partial(key, Qt.Key.Key_E, SHIFT), writes=True, anywhere=True),
            ),
            (4, Gesture("teach or stop", partial(key, Qt.Key.Key_M, SHIFT), writes=True)),
            (4, Gesture("teach", self.teach, writes=True)),
            (2, Gesture("forget", self.forget)),
            (4, Gesture("edit classes", self.edit_class)),
            (4, Gesture("paint", self.paint, writes=True)),
            (6, Gesture("escape", partial(key, Qt.Key.Key_Escape))),
            (5, Gesture("undo", partial(key, Qt.Key.Key_Z, CTRL), writes=True, anywhere=True)),
            (
                3,
                Gesture(
                    "redo", partial(key, Qt.Key.Key_Z, CTRL | SHIFT), writes=True, anywhere=True
                ),
            ),
            (3, Gesture("double click", self.double_click, writes=True)),
            (3, Gesture("zoom", self.zoom)),
            (2, Gesture("3-D and back", self.see_in_3d, writes=True)),
            (3, Gesture("select a layer", self.select_layer)),
            (2, Gesture("rename a layer", self.rename_layer)),
            (2, Gesture("remove a layer", self.remove_layer, writes=True, anywhere=True)),
            (2, Gesture("undo storm", self.undo_storm, writes=True, anywhere=True)),
            (2, Gesture("lock", partial(key, Qt.Key.Key_B, SHIFT))),
        ]
        tools = {"H": NONE, "G": NONE, "K": NONE, "J": NONE, "D": SHIFT, "C": SHIFT}
        for letter, modifier in tools.items():
            press = partial(key, Qt.Key(ord(letter)), modifier)
            rows.append((2, Gesture(f"tool {letter}", press, writes=True)))
        return rows

    # What must be true

    def labels(self) -> np.ndarray:
        """Return a copy of the labels; zeros before there are any."""
        layer = self.desk.session.labels
        if layer is None:
            return np.zeros(DISCS.shape, np.uint8)
        return np.array(layer.data)

    def burst(self, gestures: list[Gesture]) -> None:
        """Do some gestures in a row, let the window rest, and check what came of them."""
        before = self.labels()
        shown = {self.desk.viewer.dims.current_step[0]}
        for gesture in gestures:
            gesture.act()
            shown.add(self.desk.viewer.dims.current_step[0])
        self.desk.finish()
        self.desk.rest(0.02)
        self.desk.finish()
        # Qt deletes widgets when its own loop is entered, which a script never does.
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        after = self.labels()
        names = [gesture.name for gesture in gestures]
        changed = set(np.flatnonzero((before != after).any(axis=(1, 2))).tolist())
        if changed and not any(gesture.writes for gesture in gestures):
            self.fault("pixels changed that no gesture meant", names, sorted(changed))
        elif not any(gesture.anywhere for gesture in gestures) and changed - shown:
            self.fault("slices changed that were not shown", names, sorted(changed - shown))
        self._check_classes(names, after)

    def _check_classes(self, names: list[str], labels: np.ndarray) -> None:
        session = self.desk.session
        choices = session.choices
        ids = [spec.id for spec in choices.classes]
        keys = [key_of(spec) for spec in choices.classes]
        if len(set(ids)) < len(ids) or len(set(keys)) < len(keys):
            self.fault("two classes share an id or a name", names, [ids, keys])
        if choices.active is not None and choices.active not in choices.classes:
            self.fault("the class worked on is not in the list", names, choices.active.name)
        layer = session.labels
        if layer is not None:
            table = classes_of(layer) or ()
            if {spec.id: spec for spec in table} != {spec.id: spec for spec in choices.own}:
                self.fault("the table of the layer is another one", names, [s.name for s in table])
            strange = set(np.unique(labels).tolist()) - {0} - {spec.id for spec in table}
            if strange:
                self.fault("values without a class", names, sorted(strange))
        self._check_taught(names)

    def _check_taught(self, names: list[str]) -> None:
        session = self.desk.session
        choices = session.choices
        for known in choices.taught:
            if choices.current(known.spec) is None:
                self.fault("a taught class is not in the list", names, known.spec.name)
        network = {key_of(spec) for spec in session.engine.predictor.classes}
        lacking = {key_of(spec) for spec in choices.network_classes} - network
        if lacking:
            self.fault("the network lacks classes", names, sorted(lacking))
        teaching = session.part(Teaching)
        drawn = [one for one in self.desk.viewer.layers if "strokes: " in one.name]
        if len(drawn) != int(teaching.state.active):
            self.fault("layers for strokes", names, [one.name for one in drawn])
        kept = [one.name for one in self.desk.viewer.layers if NOT_KEPT_KEY in one.metadata]
        if len(kept) > 12:
            self.fault("layers pile up", names, kept)

    def _at_work(self) -> str:
        """Return what the window waits for, and where each thread is."""
        network = self.desk.session.jobs.worker
        hands = self.desk.tools._work
        waits = [network._open, len(network._small), hands.worker._open, len(hands.worker._small)]
        stacks = [traceback.format_stack(frame)[-4:] for frame in sys._current_frames().values()]
        return f"{waits}, {hands._waiting}, {stacks}"

    def fault(self, what: str, gestures: list[str], details: Any) -> None:
        """Report a fault."""
        self.faults.append(what)
        say({"fault": what, "gestures": gestures, "details": str(details)})

    def play(self, count: int) -> None:
        """Do some gestures, in bursts."""
        rows = self.gestures()
        weights = [weight for weight, _ in rows]
        done = 0
        while done < count:
            size = self.chance.randint(1, BURST)
            picked = self.chance.choices([gesture for _, gesture in rows], weights, k=size)
            try:
                self.burst(picked)
            except TimeoutError as error:
                names = [one.name for one in picked]
                self.fault("the window hangs", names, f"{error}; {self._at_work()}")
                return
            done += size
            if done % 200 < size:
                say({"gestures": done, "faults": len(self.faults)})


def say(record: dict[str, Any]) -> None:
    """Print a record as one line."""
    print(json.dumps(record), flush=True)  # noqa: T201


def watch_errors(monkey: Monkey) -> None:
    """Report every exception that is not a sentence for the user."""

    def report(error: BaseException, where: str) -> None:
        if not isinstance(error, UserError):
            text = "".join(traceback.format_exception(error))[-1500:]
            monkey.fault(f"exception {where}", [], text)

    def on_notification(event: Any) -> None:
        error = getattr(event, "exception", None)
        if error is not None:
            report(error, "in a notification")

    notification_manager.notification_ready.connect(on_notification)
    sys.excepthook = lambda _kind, error, _trace: report(error, "in the event loop")
    sys.unraisablehook = lambda found: report(found.exc_value or RuntimeError(), "nobody raised")


def keep_busy() -> None:
    """Use a processor."""
    while True:
        sum(range(10_000))


def loads(wanted: bool) -> Iterator[multiprocessing.Process]:
    """Yield a process that keeps a processor busy, if one is wanted."""
    if wanted:
        process = multiprocessing.get_context("spawn").Process(target=keep_busy, daemon=True)
        process.start()
        yield process


def main() -> int:
    """Play, and return 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gestures", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--load", action="store_true", help="keep a processor busy")
    asked = parser.parse_args()
    start = time.monotonic()
    sessions.Engine = BlobEngine
    busy = list(loads(asked.load))
    viewer = napari.Viewer()
    viewer.window.resize(1280, 760)
    viewer.add_image(DISCS, name="cell")
    desk = Desk(viewer)
    monkey = Monkey(desk, asked.seed)
    watch_errors(monkey)
    desk.wait(lambda: desk.session.network.state.startswith("Runs"))
    desk.finish()
    monkey.play(asked.gestures)
    seconds = round(time.monotonic() - start)
    summary = {"seed": asked.seed, "gestures": asked.gestures, "faults": len(monkey.faults)}
    say({**summary, "seconds": seconds})
    for process in busy:
        process.terminate()
    sys.stdout.flush()
    os._exit(int(bool(monkey.faults)))  # closing a window that is in any state is not the subject


if __name__ == "__main__":
    main()
