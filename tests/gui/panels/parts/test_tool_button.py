from __future__ import annotations

import pytest
from qtpy.QtGui import QColor

from napari_scsam.gui.object_tools import GRID
from napari_scsam.gui.panels.parts.tool_button import ICON_SIDE, SHARP, ToolButton, draw_icon

pytestmark = pytest.mark.gui

RED = QColor(255, 0, 0)


def inked(path: str) -> int:
    """Count the pixels of the icon that are drawn, beside its edge."""
    image = draw_icon(path, "", RED).toImage()
    drawn = 0
    for x in range(SHARP * ICON_SIDE):
        for y in range(SHARP * ICON_SIDE):
            drawn += image.pixelColor(x, y).alpha() > 128
    return drawn


@pytest.mark.parametrize("tool", [tool for row in GRID for tool in row], ids=lambda tool: tool.name)
def test_every_tool_has_an_icon(qtbot, tool):
    assert tool.icon
    assert inked(tool.icon) > 100


def test_every_icon_is_another():
    pictures = [draw_icon(tool.icon, "", RED).toImage() for row in GRID for tool in row]
    for number, picture in enumerate(pictures):
        assert picture not in pictures[:number]


def test_the_icon_takes_the_colour_of_the_text(qtbot):
    button = ToolButton("Next", "M4 12h16", "N")
    qtbot.addWidget(button)
    button.show()
    for colour in ("#ff0000", "#0000ff"):
        button.setStyleSheet(f"QToolButton {{ color: {colour}; }}")
        image = button.icon().pixmap(button.iconSize()).toImage()
        middle = image.pixelColor(image.width() // 5, image.height() // 2)
        assert middle.name() == colour
