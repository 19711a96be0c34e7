"""The panel for what goes out: a training set, and labels into the image's own file; and for labels that come in."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QMessageBox, QPushButton, QVBoxLayout

from napari_scsam.gui.panels.parts.panel import Panel
from napari_scsam.gui.panels.parts.widgets import Dropdown, note

LAYOUTS = (
    (
        "ome-zarr",
        "OME-Zarr",
        "Labels and mask as OME-Zarr: any size, with scale, unit and colours. scsam train reads it as it is.",
    ),
    ("tiff", "TIFF", "Labels and mask as two TIFF stacks. scsam train reads it as it is."),
    (
        "nnunet",
        "nnU-Net",
        "Image and labels as nnU-Net v2 wants them; what is not reviewed is its ignore label.",
    ),
)


class ExportPanel(Panel):
    """Shows and asks; it decides nothing."""

    export_asked = Signal(str, str, bool)
    """A folder, a layout, and whether what is there may be replaced."""
    into_image_asked = Signal()
    import_asked = Signal(str)
    """A file or folder with labels; empty for the selected layer."""

    def __init__(self) -> None:
        super().__init__("Export")
        self.layouts = Dropdown("The form of the training set.")
        for name, title, tooltip in LAYOUTS:
            self.layouts.add(name, title, tooltip)
        self.layouts.show_choice("ome-zarr")
        self.export = QPushButton("Training set …")
        self.export.setToolTip(
            "Write the reviewed labels, with a file that says what was predicted, what you changed, by what and when."
        )
        self.export.clicked.connect(self._ask)
        self.into_image = QPushButton("Labels into the image's file")
        self.into_image.setToolTip(
            "Add the labels to labels/ of the image's own OME-Zarr (0.5), with scale, unit, colours and a pyramid.\n"
            "A TIFF and the like cannot take them: save the labels layer as a file of its own, with File > Save Selected Layers …"
        )
        self.into_image.clicked.connect(self.into_image_asked)
        self.bring = QPushButton("Import labels  ")
        self.bring.setToolTip("Take labels that exist already, and say which value is which class.")
        menu = QMenu(self.bring)
        menu.addAction("From the selected layer", lambda: self.import_asked.emit(""))
        menu.addAction("From a file (TIFF) …", self._ask_file)
        menu.addAction("From a folder (OME-Zarr) …", self._ask_folder)
        self.bring.setMenu(menu)
        self.note = note()
        self._lay_out()

    def show_ready(self, *, ready: bool) -> None:
        """Return whether there is a project to export."""
        for part in (self.layouts, self.export, self.into_image, self.bring):
            part.setEnabled(ready)
        self.note.setText("" if ready else "Make a project first.")
        self.note.setVisible(not ready)

    def may_replace(self, what: str) -> bool:
        """Ask whether something that is there may be replaced."""
        answer = QMessageBox.question(self, "ScSAM", f"{what} is there already. Replace it?")
        return answer == QMessageBox.StandardButton.Yes

    def _ask(self) -> None:
        layout = str(self.layouts.current())
        start = "Dataset001_scsam" if layout == "nnunet" else "training_set"
        path, _ = QFileDialog.getSaveFileName(
            self, "Name of the training set", start, options=QFileDialog.Option.DontConfirmOverwrite
        )
        if path and (not Path(path).exists() or self.may_replace(Path(path).name)):
            self.export_asked.emit(path, layout, Path(path).exists())

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Labels to import", "", "Labels (*.tif *.tiff);;All files (*)"
        )
        if path:
            self.import_asked.emit(path)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Labels to import")
        if path:
            self.import_asked.emit(path)

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        second = QHBoxLayout()
        column = QVBoxLayout(self.contents)
        first.addWidget(self.layouts)
        first.addWidget(self.export)
        second.addWidget(self.into_image)
        second.addWidget(self.bring)
        column.addLayout(first)
        column.addLayout(second)
        column.addWidget(self.note)
