"""Every tab in every look: two sizes of the window, two themes, two sizes of the font, idle and at work."""

from __future__ import annotations

from itertools import product

from stage import Stage

from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.widget import (
    CORRECT_TAB,
    OBJECT_TAB,
    OBJECTS,
    REVIEW_AND_TRAIN,
    SEGMENT_TAB,
    TEACH_TAB,
)
from napari_scsam.project.training_job import Phase

SIZES = ((1280, 760), (1600, 1000))
THEMES = ("dark", "light")
FONTS = (100, 150)
"""Percent of napari's own size."""

LOOKS = tuple(product(SIZES, THEMES, FONTS))

NAMES = {
    SEGMENT_TAB: "segment",
    OBJECT_TAB: "object",
    TEACH_TAB: "teach",
    CORRECT_TAB: "correct",
    REVIEW_AND_TRAIN: "review",
    OBJECTS: "objects",
}
"""Of the pictures, by the title of the tab."""


def every_look(stage: Stage) -> None:
    """Take every tab in every look, idle and at work; print which of them are scrolled."""
    for title in NAMES:
        stage.panel.tabs.show_page(title)
        shoot_looks(stage, title, "idle")
    _point(stage)
    _teach(stage)
    _arm(stage)
    _objects(stage)
    _train(stage)
    _run(stage)


def shoot_looks(stage: Stage, title: str, state: str) -> None:
    """Take the tab shown in every look."""
    for size, theme, font in LOOKS:
        stage.look(size, theme, font)
        name = f"{NAMES[title]}-{state}-{size[0]}x{size[1]}-{theme}-{font}"
        stage.shoot(name)
        hidden = stage.panel.tabs.pages[title].verticalScrollBar().maximum()
        if hidden:
            print(f"{name}: {hidden} pixels are scrolled")  # noqa: T201
    stage.look(SIZES[0], THEMES[0], FONTS[0])
    stage.viewer.reset_view()  # the picture has another size
    stage.finish_work()


def _point(stage: Stage) -> None:
    """Point at an object."""
    stage.panel.prompt.start.click()
    stage.click(*stage.object)
    shoot_looks(stage, OBJECT_TAB, "work")
    stage.panel.prompt.start.click()


def _teach(stage: Stage) -> None:
    """Hold the brush for strokes."""
    stage.panel.teach.start.click()
    stage.finish_work()
    shoot_looks(stage, TEACH_TAB, "work")
    stage.panel.teach.start.click()


def _arm(stage: Stage) -> None:
    """Hold an object tool."""
    merge = stage.panel.correct.buttons["merge"]
    merge.click()
    stage.finish_work()
    shoot_looks(stage, CORRECT_TAB, "work")
    merge.click()


def _objects(stage: Stage) -> None:
    """List the objects, select some, and plot them."""
    page = stage.panel.objects
    stage.show(page)
    page.search.click()
    stage.finish_work()
    page.table.selectRow(0)
    page.plot.click()
    stage.finish_work()
    shoot_looks(stage, OBJECTS, "work")
    stage.viewer.dims.ndisplay = 3
    stage.finish_work(1.0)
    shoot_looks(stage, OBJECTS, "in-3d")
    stage.viewer.dims.ndisplay = 2
    page.plot.click()
    stage.finish_work()


def _train(stage: Stage) -> None:
    """Train for a minute, and look at what came out."""
    panel = stage.panel.desk.train
    training = stage.panel.desk.training
    stage.show(panel)
    panel.minutes.setValue(1)
    panel.start.click()
    stage.until(lambda: panel.view.dice is not None or training.phase == Phase.STOPPED, 200)
    shoot_looks(stage, REVIEW_AND_TRAIN, "work")
    stage.until(lambda: training.phase in (Phase.FINISHED, Phase.STOPPED), 300)
    stage.until(lambda: False, 0.5)
    shoot_looks(stage, REVIEW_AND_TRAIN, "done")
    panel.drop.click()


def _run(stage: Stage) -> None:
    """Segment the whole volume."""
    segmenting = stage.session.part(Segmenting)
    stage.panel.tabs.show_page(SEGMENT_TAB)
    stage.choose_scope("volume")
    segmenting.go()
    stage.until(stage.panel.work.bar.isVisible, 60)
    shoot_looks(stage, SEGMENT_TAB, "work")
    stage.panel.work.cancel.click()
    stage.finish_work()
    stage.choose_scope("slice")
