from __future__ import annotations

import pytest

from napari_scsam.gui.panels.segment import SegmentPanel

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot, classes) -> SegmentPanel:
    panel = SegmentPanel("Shift+S", "Alt+Z")
    qtbot.addWidget(panel)
    panel.show_classes(classes)
    panel.show_choices(classes, classes[0], replace=False, prefetch=True, tta=False, coarse=False)
    panel.show()
    return panel


def shown(panel: SegmentPanel) -> tuple[bool, bool, bool]:
    return tuple(b.isChecked() for b in (panel.one_class, panel.all_classes, panel.multiple))


def test_all_classes_or_one(panel, classes):
    picked = []
    panel.classes_chosen.connect(picked.append)
    assert shown(panel) == (False, True, False)
    panel.one_class.click()
    assert picked == [classes[:1]]
    panel.show_choices(classes[2:], classes[2], replace=True, prefetch=False, tta=True, coarse=True)
    assert shown(panel) == (True, False, False)
    assert panel.replace.isChecked()
    assert panel.tta.isChecked()
    assert panel.coarse.isChecked()
    assert picked == [classes[:1]]
    panel.all_classes.click()
    assert picked[1:] == [classes]


def test_several_classes_are_counted(panel, classes):
    panel.show_choices(
        classes[1:], classes[1], replace=False, prefetch=True, tta=False, coarse=False
    )
    assert shown(panel) == (False, False, True)
    assert panel.multiple.text().startswith("2 of 3")
    panel.show_choices(classes, classes[1], replace=False, prefetch=True, tta=False, coarse=False)
    assert shown(panel) == (False, True, False)
    assert panel.multiple.text().startswith("Several")


def test_what_is_used_once_a_day_is_behind_more(panel):
    for box in (panel.tta, panel.coarse, panel.replace, panel.prefetch):
        assert not box.isVisible()
    panel.more.toggleButton().click()
    for box in (panel.tta, panel.coarse, panel.replace, panel.prefetch):
        assert box.isVisible()


def test_the_threshold_says_which_way_it_is_off_and_in_what(panel):
    asked = []
    panel.threshold_offset_chosen.connect(asked.append)
    for offset, text in ((2.0, "stricter"), (-0.5, "looser"), (0.0, "as trained")):
        panel.show_threshold_offset(offset)
        assert panel.reset_threshold.text() == text
        assert panel.threshold.offset() == offset
    assert "2.7 times better odds" in panel.reset_threshold.toolTip()
    assert asked == [], "what the program shows is not a choice of the user"


def test_the_threshold_is_moved_reset_and_told_in_whole_steps(panel):
    asked = []
    panel.threshold_offset_chosen.connect(asked.append)
    panel.threshold.setValue(1.04)
    panel.reset_threshold.click()
    assert asked == [1.0, 0.0]


def test_buttons_ask(panel, qtbot):
    with qtbot.waitSignal(panel.segment_asked):
        panel.segment.click()
    for box, signal in (
        (panel.replace, panel.replace_changed),
        (panel.tta, panel.tta_changed),
        (panel.coarse, panel.coarse_changed),
    ):
        with qtbot.waitSignal(signal) as changed:
            box.click()
        assert changed.args == [True]
    assert "Shift+S" in panel.segment.text()


def test_a_network_without_classes_leaves_nothing_to_choose(panel):
    parts = (
        panel.one_class,
        panel.all_classes,
        panel.multiple,
        panel.threshold,
        panel.scope,
        panel.segment,
        panel.prefetch,
    )
    assert not panel.note.isVisible()
    panel.show_possible(possible=False)
    assert not any(part.isEnabled() for part in parts)
    assert "clicks and boxes only" in panel.note.text()
    assert panel.note.isVisible()
    panel.show_possible(possible=True)
    assert all(part.isEnabled() for part in parts)
    assert not panel.note.isVisible()


def test_one_slice_offers_no_several(panel):
    names = {panel.scope.itemText(i): i for i in range(panel.scope.count())}

    def offered() -> list[str]:
        return [name for name, i in names.items() if panel.scope.model().item(i).isEnabled()]

    panel.show_scope("slice", 0, 0, 1)
    assert offered() == ["this slice", "a region of it"]
    panel.show_scope("slice", 0, 0, 2)
    assert offered() == [*names]


def test_the_way_back_from_a_run_is_shown_while_there_is_one(panel, qtbot):
    assert panel.undo_run.isHidden()
    panel.show_undo_run(possible=True)
    assert not panel.undo_run.isHidden()
    assert "Alt+Z" in panel.undo_run.text()
    with qtbot.waitSignal(panel.undo_run_asked):
        panel.undo_run.click()


def test_what_is_shown_of_a_class_is_chosen_under_more(panel, qtbot):
    with qtbot.waitSignal(panel.map_chosen) as chosen:
        panel.map.activated.emit(1)
    assert chosen.args == ["probability"]
    panel.show_map("similarity")
    assert panel.map.currentIndex() == 2
