"""A button of an object tool: its icon, its key and its name."""

from __future__ import annotations

from qtpy.QtCore import QByteArray, QEvent, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtWidgets import QSizePolicy, QToolButton

ICON_SIDE = 24
"""Pixels of the icon; the key stands beside it."""

WIDTH = 56
"""Pixels of the icon and the key."""

SHARP = 2
"""Pixels drawn for each pixel of the icon, for dense screens."""

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="{path}" fill="none"'
    ' stroke="{colour}" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/></svg>'
)

REDRAW = (QEvent.Type.StyleChange, QEvent.Type.PaletteChange, QEvent.Type.EnabledChange)
"""What may change the colour of the text."""


class ToolButton(QToolButton):
    """A button with an icon in the colour of the theme's text, and a name below it.

    Parameters
    ----------
    name
        Below the icon.
    path
        Of an SVG of 24×24 pixels.
    key
        The shortcut, which stands beside the icon.
    """

    def __init__(self, name: str, path: str, key: str) -> None:
        super().__init__()
        self._path = path
        self._key = key
        self._drawn = ""
        self.setText(name)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.setIconSize(QSize(WIDTH, ICON_SIDE))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._draw()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  # Qt's name
        """Draw the icon in another colour with another theme."""
        super().changeEvent(event)
        if event.type() in REDRAW:
            self._draw()

    def _draw(self) -> None:
        colour = self.palette().buttonText().color()
        if colour.name() == self._drawn:
            return  # a new icon changes the style, which would call this again
        self._drawn = colour.name()
        self.setIcon(QIcon(draw_icon(self._path, self._key, colour)))


def draw_icon(path: str, key: str, colour: QColor) -> QPixmap:
    """Draw the path of an SVG, with a key beside it."""
    pixmap = QPixmap(SHARP * WIDTH, SHARP * ICON_SIDE)
    pixmap.setDevicePixelRatio(SHARP)
    pixmap.fill(Qt.GlobalColor.transparent)
    svg = SVG.format(path=path, colour=colour.name())
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(2, 0, ICON_SIDE, ICON_SIDE))
    faint = QColor(colour)
    faint.setAlpha(160)
    painter.setPen(faint)
    font = painter.font()
    font.setPixelSize(11)
    painter.setFont(font)
    beside = QRectF(ICON_SIDE + 4, 0, WIDTH - ICON_SIDE - 4, ICON_SIDE)
    painter.drawText(beside, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, key)
    painter.end()
    return pixmap
