"""The button that fetches a published network, and the list that it opens."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QPushButton

if TYPE_CHECKING:
    from napari_scsam.checkpoints.registry import Download

WIDE = 80
"""Letters in a line of a tooltip."""


class GetButton(QPushButton):
    """Lists what can be fetched; it decides nothing."""

    asked = Signal(object)
    """A `Download` to fetch, or to choose where it is here already."""
    opened = Signal()
    """The list is about to be seen, and should be up to date."""

    def __init__(self) -> None:
        super().__init__("Get")
        self.setToolTip(
            "Download a SAM that others published. It answers clicks and boxes as it is;\n"
            "to find classes it must be trained on your labels first."
        )
        self.list = QMenu(self)
        self.list.setToolTipsVisible(True)
        self.list.aboutToShow.connect(self.opened)
        self.setMenu(self.list)

    def show_downloads(self, downloads: Sequence[tuple[Download, str]]) -> None:
        """List what there is, each with a word on how much of it is here; empty for nothing."""
        self.list.clear()
        for entry, here in downloads:
            if (
                action := self.list.addAction(
                    f"{entry.name}\t{here or size_of(entry)}, {entry.licence}"
                )
            ) is not None:
                action.setToolTip(explain(entry))
                action.triggered.connect(partial(self._ask, entry))

    def _ask(self, entry: Download, _checked: bool = False) -> None:
        self.asked.emit(entry)


def size_of(entry: Download) -> str:
    """Say how much is to be downloaded."""
    size = entry.file.size
    return (
        (f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB")
        if size
        else "size not stated"
    )


def explain(entry: Download) -> str:
    """Write the tooltip of a published network."""
    said = [
        entry.about,
        f"licence: {entry.licence}",
        f"from: {entry.source}",
        f"checked by {entry.file.checks}",
    ]
    use = "It answers clicks and boxes. On disk it takes its size twice: as published, to train from, and as a checkpoint."
    return "\n".join(textwrap.fill(line, WIDE) for line in (*said, use))
