from __future__ import annotations

import pytest

from napari_scsam.checkpoints.registry import list_downloads
from napari_scsam.gui.panels.parts.download_button import TOOLTIP_WIDTH, DownloadButton, explain

pytestmark = pytest.mark.gui


@pytest.fixture
def button(qtbot) -> DownloadButton:
    button = DownloadButton()
    qtbot.addWidget(button)
    return button


def test_downloads_are_listed_with_size_licence_and_state(button, qtbot):
    downloads = list_downloads()
    button.show_downloads(
        [(entry, "on this machine" if entry.name == "mobile_sam" else "") for entry in downloads]
    )
    texts = {
        action.text().split("\t")[0]: action.text().split("\t")[1]
        for action in button.list.actions()
    }
    assert list(texts) == [entry.name for entry in downloads]
    assert texts["sam_vit_b"] == "375 MB, Apache-2.0"
    assert texts["sam_vit_h"] == "2.6 GB, Apache-2.0"
    assert texts["mobile_sam"] == "on this machine, Apache-2.0"
    assert texts["vit_b_em_organelles"] == "size not stated, CC-BY-4.0"
    assert button.list.toolTipsVisible()
    with qtbot.waitSignal(button.download_asked) as asked:
        button.list.actions()[1].trigger()
    assert asked.args == [downloads[1]]
    button.show_downloads([])
    assert button.list.actions() == []


def test_the_list_asks_to_be_updated(button, qtbot):
    with qtbot.waitSignal(button.opened):
        button.list.aboutToShow.emit()


def test_the_tooltip_tells_what_it_is_and_whose():
    for entry in list_downloads():
        text = explain(entry)
        assert all(len(line) <= TOOLTIP_WIDTH for line in text.splitlines())
        told = " ".join(text.split())
        assert all(
            part in told for part in (entry.about, entry.licence, entry.source, "clicks and boxes")
        )
