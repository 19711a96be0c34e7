from __future__ import annotations

import pytest

from napari_scsam.gui.panels.work_bar import DOWNLOAD, NETWORK_PLACE, TOOLS_PLACE, WorkBar
from napari_scsam.steps import Progress

pytestmark = pytest.mark.gui


@pytest.fixture
def work(qtbot) -> WorkBar:
    work = WorkBar()
    qtbot.addWidget(work)
    work.show()
    return work


def test_bar_and_way_out_are_there_only_while_somebody_works(work, wait, qtbot):
    height = work.sizeHint().height()
    work.show_working(NETWORK_PLACE, True)
    work.show_progress(Progress(0, 4, "embedding"))
    wait(work.cancel.isVisible)
    assert (work.bar.text(), work.bar.isVisible()) == ("Analysing", True)
    work.show_progress(Progress(1, 4, "embedding"))
    assert work.bar.text() == "Analysing  25 %"
    assert work.sizeHint().height() == height, "nothing jumps"
    work.show_working(TOOLS_PLACE, True)
    work.show_working(NETWORK_PLACE, False)
    assert work.bar.isVisible()
    with qtbot.waitSignal(work.cancel_asked):
        work.cancel.click()
    work.show_working(TOOLS_PLACE, False)
    assert not work.cancel.isVisible()


def test_what_is_said_is_a_whole_sentence(work):
    work.show_status("there is no image to segment; choose an image layer")
    assert work.status.text() == "There is no image to segment; choose an image layer."
    work.forget_status("there is no image to segment; choose an image layer")
    assert not work.status.text()


def test_only_what_is_still_shown_is_taken_away(work):
    work.show_status("Click on an object.")
    work.show_status("12 slices segmented.")
    work.forget_status("Click on an object.")
    assert work.status.text() == "12 slices segmented."
    work.forget_status("12 slices segmented.")
    assert not work.status.text()


def test_work_that_is_done_at_once_shows_no_bar(work, qtbot):
    work.show_bar_soon.setTimeout(20)
    work.show_working(NETWORK_PLACE, True)
    work.show_working(NETWORK_PLACE, False)
    qtbot.wait(60)
    assert not work.bar.isVisible()


def test_a_download_gives_way_to_what_somebody_waits_for(work):
    work.show_working(DOWNLOAD, True)
    work.show_progress(Progress(1, 4, "sam"), DOWNLOAD)
    work.show_working(NETWORK_PLACE, True)
    work.show_progress(Progress(1, 2, "embedding"))
    work.show_progress(Progress(2, 4, "sam"), DOWNLOAD)
    assert work.bar.text() == "Analysing  50 %"
    work.show_working(NETWORK_PLACE, False)
    work.show_progress(Progress(3, 4, "sam"), DOWNLOAD)
    assert work.bar.text() == "Sam  75 %"


def test_work_that_waits_is_listed_and_cancelled_alone(work, qtbot):
    work.show_queue([("run", "the run over slices", True)])
    assert not work.queue.isVisible()
    work.show_queue([("run", "the run over slices", True), ("export", "the export", False)])
    assert work.queue.isVisible()
    assert work.queue.text() == "2 jobs"
    run, export = work.queue.menu().actions()
    assert run.text() == "Cancel the run over slices (runs)"
    assert export.text() == "Cancel the export (waits)"
    with qtbot.waitSignal(work.cancel_one_asked) as asked:
        export.trigger()
    assert asked.args == ["export"]
    work.show_queue([])
    assert not work.queue.isVisible()


def test_the_room_of_a_long_sentence_is_given_back(work):
    work.show_status("short.")
    least = work.status.minimumHeight()
    work.show_status("A sentence at some length. " * 20)
    assert work.status.minimumHeight() > least
    work.show_status("short.")
    assert work.status.minimumHeight() == least
