from __future__ import annotations

import pytest
from qtpy.QtWidgets import QDialogButtonBox, QLabel

from napari_scsam.config import ClassSpec
from napari_scsam.gui.panels.parts.class_map_dialog import QUESTION, ClassMapDialog

CLASSES = (ClassSpec(2, "membrane", "#3ca0e6"), ClassSpec(7, "vesicle", "#46c864"))


@pytest.fixture
def ask(qtbot):
    def make(values=(1, 5, 300), guess=None) -> ClassMapDialog:
        dialog = ClassMapDialog(values, guess or {}, CLASSES)
        qtbot.addWidget(dialog)
        return dialog

    return make


def pick(dialog, value, name) -> None:
    choice = dialog.choices[value]
    choice.setCurrentIndex(choice.findText(name))


def test_each_value_may_be_each_class_or_nothing(ask):
    dialog = ask()
    assert list(dialog.choices) == [1, 5, 300]
    for choice in dialog.choices.values():
        assert [choice.itemText(i) for i in range(choice.count())] == [
            "nothing",
            "membrane",
            "vesicle",
        ]


def test_nothing_is_imported_until_the_user_chooses(ask):
    assert ask().mapping == {}


def test_the_guess_is_what_is_chosen_at_first(ask):
    dialog = ask(guess={5: 7, 300: 2})
    assert dialog.choices[5].currentText() == "vesicle"
    assert dialog.mapping == {5: 7, 300: 2}


def test_a_guess_for_a_value_that_is_not_there_is_left_out(ask):
    assert ask(values=(1,), guess={1: 2, 9: 7}).mapping == {1: 2}


def test_the_user_overrides_the_guess(ask):
    dialog = ask(guess={1: 2, 5: 7})
    pick(dialog, 1, "vesicle")
    pick(dialog, 5, "nothing")
    pick(dialog, 300, "vesicle")
    assert dialog.mapping == {1: 7, 300: 7}, "two values may be one class"


def test_it_says_what_it_overwrites_and_names_every_value(ask):
    dialog = ask()
    texts = [label.text() for label in dialog.findChildren(QLabel)]
    assert QUESTION in texts
    assert {"value 1  is", "value 5  is", "value 300  is"} <= set(texts)


@pytest.mark.parametrize(
    ("button", "accepted"),
    [
        (QDialogButtonBox.StandardButton.Ok, True),
        (QDialogButtonBox.StandardButton.Cancel, False),
    ],
)
def test_ok_accepts_and_cancel_rejects(ask, button, accepted):
    dialog = ask()
    results = []
    dialog.finished.connect(lambda result: results.append(bool(result)))
    dialog.findChild(QDialogButtonBox).button(button).click()
    assert results == [accepted]
