"""Asking for the name of a file to save, and before something is replaced."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_scsam.gui.panels.parts.widgets import plain_tip


def agrees_to_replace(parent: QWidget, what: str) -> bool:
    """Whether the user agrees that something that exists is replaced."""
    words = plain_tip(f"{what} already exists. Replace it?")
    return QMessageBox.question(parent, "ScSAM", words) == QMessageBox.StandardButton.Yes


def ask_save_name(
    parent: QWidget, title: str, proposed: str, filters: str, complete: Callable[[str, str], str]
) -> str:
    """Return the name that the user gives to a file, with its suffix; empty for none.

    The dialog asks before it replaces what was typed. It knows nothing of a suffix that is added.

    Parameters
    ----------
    parent, title, proposed, filters
        Of the dialog.
    complete
        Takes what was typed and the filter that was chosen, and returns the name with a suffix.
    """
    typed, chosen = QFileDialog.getSaveFileName(parent, title, proposed, filters)
    path = complete(typed, chosen) if typed else ""
    if path == typed or not os.path.lexists(path):
        return path
    return path if agrees_to_replace(parent, Path(path).name) else ""
