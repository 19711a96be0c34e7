"""Training from the window, with a stand-in for the process that trains."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image

from napari_scsam.gui.jobs import training
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.tools.train import ProjectTraining
from napari_scsam.project.training_job import Phase, find_job, read_job

pytestmark = pytest.mark.gui

HELPERS = Path(__file__).resolve().parents[2] / "helpers"
SIZE = (40.0, 8.0, 8.0)


@pytest.fixture
def begun(window, stack, tmp_path, wait, monkeypatch, checkpoint):
    """A window with a project in which slice 0 is reviewed."""
    monkeypatch.setattr(training, "MODULE", "fake_training")
    monkeypatch.setenv("PYTHONPATH", str(HELPERS))
    monkeypatch.setenv("FAKE_CHECKPOINT", str(checkpoint))
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path / "checkpoints"))
    one = window(Image(stack, scale=SIZE, units="nm"))
    one.finish()
    one.keeper, one.training = one.session.part(ProjectKeeper), one.session.part(ProjectTraining)
    one.reviewing, one.panel = one.session.part(Reviewing), one.widget.desk.train
    one.does = lambda what: monkeypatch.setenv("FAKE_TRAINING", what)
    one.keeper.new(str(tmp_path / "mine"))
    one.finish()
    wait(lambda: one.keeper.project is not None)
    one.keeper.labels.data_setitem((np.zeros(20, int), np.arange(20), np.full(20, 3)), 1)
    one.reviewing.mark_slice()
    one.finish()
    yield one
    if one.training.process is not None:
        one.training.process.kill()
        wait(lambda: one.training.process is None)


def end(begun, wait) -> None:
    begun.finish()
    wait(lambda: begun.training.phase in (Phase.FINISHED, Phase.STOPPED), timeout=30_000)


def test_before_it_starts_the_panel_says_what_it_will_take_and_what_is_missing(begun):
    text = begun.panel.note.text()
    assert text == (
        "From 1 whole slice, reviewed for all classes. About 3 min, up to 4.4 GB of memory."
    )
    assert begun.panel.start.isEnabled()
    begun.panel.minutes.setValue(5)
    assert begun.training.minutes == 5
    begun.panel.classes_picked.emit(begun.session.choices.classes[:1])
    assert begun.training.plan.classes == (1,)
    assert "reviewed for mitochondrion. About 5 min" in begun.panel.note.text()
    begun.reviewing.mark_slice()
    begun.finish()
    assert begun.panel.note.text().startswith("Nothing is reviewed yet")
    assert not begun.panel.start.isEnabled()
    begun.training.start()
    assert begun.training.phase == Phase.IDLE


def test_a_worse_checkpoint_is_not_offered_and_a_better_one_is_used(begun, wait, checkpoint):
    before = begun.session.choices.checkpoint
    begun.does("worse")
    begun.panel.start.click()
    end(begun, wait)
    assert not begun.panel.use.isVisibleTo(begun.panel)
    assert "changed by -0.100" in begun.panel.note.text()
    begun.training.use()
    begun.panel.drop.click()
    begun.finish()
    assert begun.session.choices.checkpoint is before
    assert begun.panel.start.isVisibleTo(begun.panel)
    begun.does("better")
    begun.panel.start.click()
    end(begun, wait)
    assert begun.training.phase == Phase.FINISHED
    row = [begun.panel.table.item(0, column).text() for column in range(3)]
    assert row == ["mitochondrion", "0.500", "0.750"]
    assert "rose by 0.250" in begun.panel.note.text()
    assert begun.panel.use.isVisibleTo(begun.panel)
    assert begun.panel.view.has_content
    assert not begun.panel.view.tile.pixmap().isNull()
    begun.panel.use.click()
    begun.finish()
    wait(lambda: begun.session.choices.checkpoint.name == "mine_tuned")
    assert begun.session.choices.checkpoint.path.read_bytes() == checkpoint.read_bytes()
    assert find_job(begun.keeper.project.path) is None
    assert begun.training.phase == Phase.IDLE


def test_cancel_answers_within_a_second_and_keeps_the_best(begun, wait, monkeypatch):
    heard = []
    begun.training.heard.connect(heard.append)
    begun.does("deaf")
    begun.panel.start.click()
    wait(lambda: any(message["kind"] == "best" for message in heard), timeout=30_000)
    pressed = time.monotonic()
    process = begun.training.process
    monkeypatch.setattr(process, "kill", lambda: None)  # its memory is freed slowly
    begun.panel.cancel.click()
    assert begun.panel.note.text() == "Stopping …"
    assert not begun.panel.cancel.isEnabled()
    wait(lambda: begun.training.phase == Phase.FINISHED)
    assert time.monotonic() - pressed < 1
    process._process.kill()
    assert begun.panel.note.text().startswith("Cancelled; this is the best so far.")
    assert begun.panel.use.isVisibleTo(begun.panel)


def test_it_pauses_continues_and_is_cancelled_before_anything_better(begun, wait):
    begun.does("waits")
    begun.panel.start.click()
    wait(lambda: begun.panel.view.has_content, timeout=30_000)
    begun.panel.pause.click()
    assert (begun.training.phase, begun.panel.pause.text()) == (Phase.PAUSED, "Continue")
    begun.panel.pause.click()
    assert (begun.training.phase, begun.panel.pause.text()) == (Phase.RUNNING, "Pause")
    said = find_job(begun.keeper.project.path) / "heard.log"
    wait(lambda: said.is_file() and said.read_text() == "pause resume")
    begun.panel.cancel.click()
    wait(lambda: begun.training.phase == Phase.FINISHED)
    assert "the checkpoint in use is kept" in begun.panel.note.text()
    assert not begun.panel.use.isVisibleTo(begun.panel)


def test_a_training_that_dies_is_told_in_a_sentence_and_can_be_resumed(begun, wait):
    deaths = {
        "memory": "Training ran out of memory; close other programs, then resume it.",
        "killed": "Training was ended by the system, most likely because memory ran out; ",
    }
    press = begun.panel.start.click
    for what, says in deaths.items():
        begun.does(what)
        press()
        end(begun, wait)
        assert begun.training.phase == Phase.STOPPED
        assert begun.panel.note.text().startswith(says)
        press = begun.panel.resume.click
    begun.does("better")
    begun.panel.resume.click()
    end(begun, wait)
    assert begun.training.phase == Phase.FINISHED


def test_a_training_that_was_stopped_is_found_when_the_project_is_opened(begun, wait):
    begun.does("waits")
    begun.panel.start.click()
    wait(lambda: begun.panel.view.has_content, timeout=30_000)
    path = begun.keeper.project.path
    process = begun.training.process
    begun.keeper.close()
    begun.keeper.changed.emit()
    wait(lambda: not process.running)
    assert (find_job(path) / "heard.log").read_text() == "gone"
    assert read_job(find_job(path)).names == ("mitochondrion", "membrane", "vesicle")
    begun.keeper.open(str(path))
    begun.finish()
    wait(lambda: begun.training.phase == Phase.STOPPED)
    assert begun.panel.note.text() == "A training of this project was stopped before its end."
    assert begun.panel.resume.isVisibleTo(begun.panel)
    begun.panel.drop.click()
    assert find_job(path) is None
    assert begun.training.phase == Phase.IDLE
