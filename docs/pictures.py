"""Acts out the tutorial in a real napari window, with mouse and keys, and takes a picture of every panel and state.

    python docs/pictures.py [VOLUME --slice Z --object Y X] [--all FOLDER] [--theme light] [--font 18] [--size 1280 720]

Without a volume it plays on the one in the package, so that a reader can follow every step.
The pictures that the documents show go to ``docs/images``, drawn in few colours
so that they are small. With ``--all``, every picture goes to that folder, and
``docs/images`` stays as it is; and every tab is taken in every look (``looks.py``). Without a screen, run it under
``xvfb-run -a -s "-screen 0 1600x1000x24"`` with ``QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from looks import every_look
from napari.settings import get_settings
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QToolTip
from stage import SHIFT, Stage

from napari_scsam.samples.shipped import FILE

SAMPLE = "Fruit-fly medulla, FIB-SEM (no download)"

# The scenes, in the order of the tutorial


def nothing_loaded(stage: Stage) -> None:
    """Look at the empty window, then at a volume whose voxel size nobody has said."""
    stage.shoot("empty")
    stage.viewer.add_image(
        np.random.default_rng(0).integers(80, 160, (3, 250, 250)).astype(np.uint8),
        name="from somewhere",
    )
    stage.finish_work()
    stage.shoot("size-unknown")
    stage.viewer.layers.clear()
    stage.finish_work()


def open_volume(stage: Stage) -> None:
    """Open the volume, and look at the card of the model."""
    if stage.volume == FILE:
        stage.choose("File", "Open Sample", "ScSAM", SAMPLE)
        stage.close_notes()
    else:
        stage.panel.volume.file_asked.emit(str(stage.volume))
    stage.finish_work()
    stage.viewer.dims.set_point(0, stage.slice * stage.session.choices.image.scale[0])
    stage.viewer.reset_view()
    stage.finish_work(1.5)
    stage.shoot("open")
    stage.panel.desk.project.toggleButton().click()
    stage.finish_work()
    stage.panel.model.toggleButton().click()
    card = stage.panel.model.checkpoints
    QToolTip.showText(card.mapToGlobal(QPoint(20, 20)), card.toolTip(), card)
    stage.finish_work()
    stage.shoot("model-card")
    QToolTip.hideText()
    stage.panel.model.toggleButton().click()


def segment(stage: Stage) -> None:
    """Segment one class, another, all; move the threshold; open the lists."""
    panel = stage.panel.segment
    stage.pick("mitochondrion")
    stage.press(Qt.Key.Key_S, SHIFT)
    stage.shoot("class")
    stage.pick("membrane")
    stage.shoot("another-class")
    stage.pick("all classes")
    stage.press(Qt.Key.Key_S, SHIFT)
    stage.shoot("widget")
    stage.shoot_open("class-list", stage.panel.class_bar.classes.open_list)
    stage.shoot_open("class-list-by-arrow", stage.panel.class_bar.classes.showPopup)
    stage.shoot_open("several", panel.multiple.showMenu)
    panel.more.toggleButton().click()
    stage.finish_work()
    stage.shoot("more")
    panel.more.toggleButton().click()
    stage.pick("mitochondrion")
    stage.press(Qt.Key.Key_S, SHIFT)
    panel.threshold.setValue(1.5)
    stage.finish_work()
    stage.shoot("threshold")
    panel.reset_threshold.click()
    stage.finish_work()


def scopes(stage: Stage) -> None:
    """Segment some slices, with the bar and the way out, and a region."""
    panel, work = stage.panel.segment, stage.panel.work
    stage.choose_scope("range")
    stage.shoot("range")
    panel.segment.click()
    stage.until(lambda: work.bar.isVisible() and work.bar.value() > 1, 60)
    stage.until(lambda: False, 0.2)
    stage.shoot("running")
    work.cancel.click()
    stage.finish_work()
    stage.shoot("cancelled")
    stage.choose_scope("region")
    panel.segment.click()
    stage.finish_work()
    stage.drag((60, 60), (180, 200), then=partial(stage.shoot, "region"))
    stage.choose_scope("slice")


def one_object(stage: Stage) -> None:
    """Point at an object, say what is not of it, and propagate it through the slices."""
    stage.press(Qt.Key.Key_O, SHIFT)
    stage.click(*stage.object)
    stage.shoot("object")
    stage.press(Qt.Key.Key_E, SHIFT)
    stage.shoot("propagated")
    stage.press(Qt.Key.Key_O, SHIFT)


def teach(stage: Stage) -> None:
    """Teach a class that the network does not know, from a few strokes."""
    panel = stage.panel.teach
    y, x = stage.object
    stage.show(panel)
    panel.name.setText("dark process")
    panel.start.click()
    stage.drag((130, 4), (128, 20))
    stage.finish_work()
    panel.beside.click()
    stage.drag((y - 5, x - 5), (y + 5, x + 10))
    stage.drag((20, 150), (30, 200))
    stage.finish_work()
    stage.shoot("strokes")
    stage.press(Qt.Key.Key_Escape)
    stage.shoot("taught")


def correct(stage: Stage) -> None:
    """Grow an object, lock a class, and activate a tool."""
    stage.show(stage.panel.correct)
    stage.viewer.layers.selection.active = stage.session.labels
    stage.point_at(*stage.object)
    stage.press(Qt.Key.Key_G)
    stage.press(Qt.Key.Key_B, SHIFT)
    stage.shoot("correct")
    merge = stage.panel.correct.buttons["merge"]
    merge.click()
    stage.finish_work()
    stage.shoot("tool-in-hand")
    merge.click()


def project(stage: Stage) -> None:
    """Keep it as a project; review a slice, and a rectangle of the next."""
    desk = stage.panel.desk
    stage.name_file(desk.project.new, stage.scratch / "medulla")
    desk.project.toggleButton().click()
    stage.shoot_open("project", desk.project.open.showMenu)
    desk.project.toggleButton().click()
    stage.show(desk.review)
    stage.press(Qt.Key.Key_R, SHIFT)
    stage.shoot("reviewed")
    stage.press(Qt.Key.Key_Right)
    desk.review.rectangle.click()
    stage.finish_work()
    stage.drag((60, 60), (180, 200))
    stage.finish_work(0.6)
    stage.shoot("review")


def export(stage: Stage) -> None:
    """Write the training set."""
    stage.show(stage.panel.desk.export)
    stage.panel.desk.export.toggleButton().click()
    stage.name_file(stage.panel.desk.export.export, stage.scratch / "training_set")
    stage.shoot("export")
    stage.panel.desk.export.toggleButton().click()
    print("exported:", *sorted(path.name for path in (stage.scratch / "training_set").iterdir()))  # noqa: T201


def objects(stage: Stage) -> None:
    """Segment a class in the whole volume, find its objects, and select one."""
    stage.pick("mitochondrion")
    stage.choose_scope("volume")
    stage.panel.segment.segment.click()
    worker = stage.session.jobs.worker
    stage.until(worker.busy, 10)
    stage.until(lambda: not worker.busy(), 900)
    page = stage.panel.objects
    stage.show(page)
    page.search.click()
    stage.finish_work()
    page.table.selectRow(1)
    stage.finish_work(1.0)
    stage.shoot("objects")
    stage.choose_scope("slice")


def shortcuts(stage: Stage) -> None:
    """Show the keys in napari's preferences."""
    from napari._qt.dialogs.preferences_dialog import PreferencesDialog
    from napari._qt.widgets.qt_keyboard_settings import ShortcutEditor

    dialog = PreferencesDialog(parent=stage.window)
    dialog.setGeometry(20, 20, stage.window.width() - 40, stage.window.height() - 40)
    dialog.show()
    titles = [dialog._list.item(row).text() for row in range(dialog._list.count())]
    dialog._list.setCurrentRow(titles.index("Shortcuts"))
    stage.finish_work()
    dialog.findChild(ShortcutEditor)._table.scrollToBottom()
    stage.finish_work()
    stage.shoot("shortcuts")
    dialog.close()


def open_again(stage: Stage) -> None:
    """Go on in another window, from the list of projects."""
    stage.panel.desk.project.menu.actions()[-1].trigger()
    stage.finish_work(1.5)
    stage.shoot("opened-again")
    stage.pick("dark process")
    stage.press(Qt.Key.Key_S, SHIFT)
    stage.shoot("known-again")
    stage.viewer.close()


SCENES = (
    nothing_loaded,
    open_volume,
    segment,
    scopes,
    one_object,
    teach,
    correct,
    project,
    export,
    objects,
    shortcuts,
)


def main() -> None:
    """Play the scenes."""
    asked = argparse.ArgumentParser(description="Take the pictures of the documents.")
    asked.add_argument("volume", type=Path, nargs="?", default=FILE)
    asked.add_argument("--slice", type=int, default=12)
    asked.add_argument(
        "--object",
        type=float,
        nargs=2,
        default=(95.0, 80.0),
        metavar=("Y", "X"),
        help="a pixel of the object to point at",
    )
    asked.add_argument("--all", type=Path, metavar="FOLDER", help="where every picture goes")
    asked.add_argument("--theme", default="dark")
    asked.add_argument("--font", type=int, help="size of napari's font, in points")
    asked.add_argument("--size", type=int, nargs=2, default=(1280, 760), help="of the window")
    args = asked.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["NAPARI_SCSAM_USER"] = f"{scratch}/user"
        look = get_settings(Path(scratch) / "settings.yaml").appearance
        look.theme = args.theme
        look.font_size = args.font or look.font_size
        stage = Stage(args, Path(scratch))
        for scene in SCENES:
            scene(stage)
        if args.all is not None:
            every_look(stage)
        stage.viewer.close()
        open_again(Stage(args, Path(scratch)))


if __name__ == "__main__":
    main()
