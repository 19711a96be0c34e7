"""The button that downloads a published network, and the list that it opens."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QPushButton

if TYPE_CHECKING:
    from napari_scsam.checkpoints.registry import Download

TOOLTIP_WIDTH = 80
"""Letters in a line of a tooltip."""

USE = (
    "It answers clicks and boxes. "
    "On disk it takes its size twice: as published, to train from, and as a checkpoint."
)


class DownloadButton(QPushButton):
    """Lists what can be downloaded; makes no decisions."""

    download_asked = Signal(object)
    """A `Download` to fetch, or to use where it was downloaded before."""
    opened = Signal()
    """Emitted before the list is shown, so that it can be updated."""

    def __init__(self) -> None:
        super().__init__("Download …  ")
        self.setToolTip(
            "Download a published SAM. It answers clicks and boxes without training.\n"
            "To find classes, it must first be trained on your labels."
        )
        self.list = QMenu(self)
        self.list.setToolTipsVisible(True)
        self.list.aboutToShow.connect(self.opened)
        self.setMenu(self.list)

    def show_downloads(self, downloads: Sequence[tuple[Download, str]]) -> None:
        """List the networks, each with its download state; empty for not downloaded."""
        self.list.clear()
        for entry, state in downloads:
            text = f"{entry.name}\t{state or download_size(entry)}, {entry.licence}"
            action = self.list.addAction(text)
            if action is not None:
                action.setToolTip(explain(entry))
                action.triggered.connect(partial(self._ask, entry))

    def _ask(self, entry: Download, _checked: bool = False) -> None:
        self.download_asked.emit(entry)


def download_size(entry: Download) -> str:
    """Return how much is to be downloaded, in words."""
    size = entry.file.size
    if not size:
        return "size not stated"
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB"


def explain(entry: Download) -> str:
    """Return the tooltip of a published network."""
    lines = (
        entry.about,
        f"licence: {entry.licence}",
        f"from: {entry.source}",
        f"checked by {entry.file.checks}",
        USE,
    )
    return "\n".join(textwrap.fill(line, TOOLTIP_WIDTH) for line in lines)
