"""What of a project cannot be read, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMessageBox, QVBoxLayout, QWidget

from napari_scsam.gui.panels.parts.widgets import button, fill_row, note_label
from napari_scsam.gui.words import as_sentence

RESTORE_TIP = "Fill the damaged slices from the model's last answers, or from labels in the image."
FROM_TIP = "Fill the damaged slices from labels of a run on this image (OME-Zarr)."
GIVE_UP_TIP = "Empty the damaged slices, to label them again. Their files are kept in the project."
SURE = (
    "The damaged slices become empty and count as not reviewed. "
    "Their files are kept in the project, under labels/.damaged."
)


class DamageBox(QWidget):
    """Names damaged parts; hidden while there are none."""

    restore_asked = Signal(str)
    """To restore from labels at a path; empty for what the program finds itself."""
    give_up_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.note = note_label("")
        self.note.setTextFormat(Qt.TextFormat.PlainText)  # a file may have any name
        self.restore = button("Restore", RESTORE_TIP, lambda: self.restore_asked.emit(""))
        self.restore_from = button("Restore from …", FROM_TIP, self._ask_source)
        self.give_up = button("Give up …", GIVE_UP_TIP, self._ask_to_give_up)
        row = QHBoxLayout()
        fill_row(row, self.restore, self.restore_from, self.give_up)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.note)
        column.addLayout(row)
        self.show_damage(())

    def show_damage(self, sentences: Sequence[str]) -> None:
        """Name damaged parts."""
        self.setVisible(bool(sentences))
        self.note.setText(" ".join(["DAMAGED:", *map(as_sentence, sentences)]))

    def _ask_source(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Labels of a run on this image (OME-Zarr)")
        if path:
            self.restore_asked.emit(path)

    def _ask_to_give_up(self) -> None:
        yes = QMessageBox.StandardButton.Yes
        no = QMessageBox.StandardButton.No
        if QMessageBox.question(self, "ScSAM", f"{SURE} Give them up?", yes | no, no) == yes:
            self.give_up_asked.emit()
