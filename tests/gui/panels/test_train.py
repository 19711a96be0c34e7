"""The panel for training."""

from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.gui.panels.parts.training_view import running_mean
from napari_scsam.gui.panels.train import TrainPanel, describe_plan, describe_time
from napari_scsam.project.training_job import Outcome, Phase
from napari_scsam.project.training_plan import TrainingPlan

BETTER = Outcome((("vesicle", 0.5, 0.75),), "It rose.", offered=True)
WORSE = Outcome((("vesicle", 0.5, 0.4),), "It fell.", offered=False)


@pytest.fixture
def panel(qtbot):
    made = TrainPanel()
    qtbot.addWidget(made)
    made.expand()
    return made


def shown(panel) -> set[str]:
    names = ("start", "pause", "cancel", "resume", "drop", "use", "bar", "table", "view", "classes")
    return {name for name in names if getattr(panel, name).isVisibleTo(panel.contents)}


@pytest.mark.parametrize(
    ("phase", "outcome", "widgets"),
    [
        (Phase.IDLE, None, {"start", "classes"}),
        (Phase.PREPARING, None, {"bar"}),
        (Phase.RUNNING, None, {"bar", "pause", "cancel"}),
        (Phase.PAUSED, None, {"bar", "pause", "cancel"}),
        (Phase.STOPPED, None, {"resume", "drop"}),
        (Phase.FINISHED, BETTER, {"table", "use", "drop"}),
        (Phase.FINISHED, WORSE, {"table", "drop"}),
    ],
)
def test_each_phase_has_its_buttons(panel, phase, outcome, widgets):
    panel.show_phase(phase, outcome, "")
    assert shown(panel) == widgets


def test_curves_and_tile_follow_the_messages(panel):
    panel.show_phase(Phase.RUNNING, None, "")
    common = {"kind": "step", "phase": "learning", "left": 61.0}
    first = {"vesicle": 0.25}
    for number in range(1, 5):
        message = {**common, "step": number, "seconds": float(number), "first": first}
        message["total"] = (0, 0, 0, 10, 10)[number]  # not known before some steps were timed
        message["losses"] = {"loss": 2.0 / number}
        if number == 3:
            message["dice"] = {"vesicle": 0.5}
        panel.show_message(message)
        assert panel.bar.maximum() == message["total"], "no total is invented"
    assert panel.bar.text() == "Learning  4 / 10"
    (loss,) = panel.view.loss.listDataItems()
    assert loss.xData.tolist() == [1, 2, 3, 4]
    (dice,) = panel.view.dice.listDataItems()
    assert (dice.xData.tolist(), dice.yData.tolist()) == ([0, 3], [0.25, 0.5])
    assert panel.view.dice.getPlotItem().titleLabel.text == "unseen: Dice 0.50"
    assert panel.view.dice.toolTip().splitlines()[1:] == ["vesicle 0.50"]
    assert not panel.note.isVisibleTo(panel.contents), "the bar says enough"
    assert panel.time.text() == "about 60 s left"
    panel.show_message({"kind": "picture", "picture": np.zeros((16, 16, 3), np.uint8)})
    assert panel.view.tile.pixmap().width() > 100
    assert {"view"} <= shown(panel)
    panel.show_phase(Phase.PAUSED, None, "")
    panel.show_phase(Phase.RUNNING, None, "")
    assert panel.view.has_content, "a pause forgets nothing"
    panel.show_phase(Phase.FINISHED, BETTER, "")
    panel.show_phase(Phase.RUNNING, None, "")
    assert not panel.view.has_content


def test_trouble_is_a_sentence(panel):
    panel.show_phase(Phase.STOPPED, None, "training ran out of memory; resume it")
    assert panel.note.text() == "Training ran out of memory; resume it."


def test_the_plan_is_told(classes):
    assert describe_plan(TrainingPlan((1, 2), 3, 1), classes, 3.0).startswith(
        "From 3 whole slices and 1 slice in part, reviewed for mitochondrion and membrane. "
    )
    nothing = describe_plan(TrainingPlan((1, 2), 0, 0), classes, 3.0)
    assert "choose fewer classes" in nothing


def test_time_is_told_roughly():
    assert [describe_time(s) for s in (0.2, 3, 44, 170)] == [
        "almost done",
        "about 5 s left",
        "about 45 s left",
        "about 3 min left",
    ]


def test_the_loss_is_smoothed_from_its_first_step():
    assert running_mean([2.0, 2.0, 2.0]) == pytest.approx([2.0, 2.0, 2.0])
    assert running_mean([4.0, 0.0])[1] == pytest.approx(4 * 0.85 / 1.85)
