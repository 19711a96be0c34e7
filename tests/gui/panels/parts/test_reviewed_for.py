"""The button that shows which classes a slice was reviewed for."""

from __future__ import annotations

import pytest

from napari_scsam.gui.panels.parts.reviewed_for import ReviewedFor, describe_classes


@pytest.fixture
def chooser(qtbot):
    made = ReviewedFor()
    qtbot.addWidget(made)
    return made


def test_it_shows_and_names_the_classes(chooser, classes):
    chooser.show_reviewed(classes, (1, 2, 3), done=True)
    assert chooser.text().strip() == "Reviewed for: all classes"
    chooser.show_reviewed(classes, (3,), done=False)
    assert chooser.text().strip() == "Will be reviewed for: vesicle"
    assert "looked at: vesicle." in chooser.toolTip()
    assert chooser.ticked() == classes[2:]


def test_other_ticks_are_emitted_when_the_list_closes(chooser, classes, qtbot):
    chooser.show_reviewed(classes, (1,), done=True)
    picked = []
    chooser.picked.connect(picked.append)
    chooser._open()
    chooser.show_chosen(classes[:2])
    chooser._close()
    assert picked == [classes[:2]]


def test_names_are_listed_or_counted(classes):
    assert describe_classes(classes, (1, 3)) == "mitochondrion and vesicle"
    assert describe_classes((*classes, classes[0]), (1, 2, 3), few=2) == "all classes"
    assert describe_classes((*classes, type(classes[0])(9, "other")), (1, 2, 3), few=2) == (
        "3 of 4 classes"
    )
    assert describe_classes(classes, ()) == "no class"
