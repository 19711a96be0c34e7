"""The panel for the volume: which layer, and how large its voxels are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
)

from napari_scsam.config import UserError, VoxelSize, parse_voxel_size
from napari_scsam.gui.panels.parts.panel import Panel
from napari_scsam.gui.panels.parts.size_field import SizeField, written
from napari_scsam.gui.panels.parts.widgets import Dropdown, note
from napari_scsam.gui.words import sentence

if TYPE_CHECKING:
    from napari.layers import Image
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

FILES = "Volumes (*.tif *.tiff *.mrc *.rec *.map *.h5 *.hdf5 *.png *.jpg);;All files (*)"


class VolumePanel(Panel):
    """Shows and changes the volume; it decides nothing."""

    layer_chosen = Signal(object)
    """The image layer, or None."""
    file_asked = Signal(str)
    """A file or folder to open."""
    contrast_chosen = Signal(bool)
    """Whether the network gets the contrast as it is shown."""
    size_typed = Signal(object)
    """Voxel size (z, y, x) in nm, or None when the fields were emptied."""

    def __init__(self) -> None:
        super().__init__("Volume")
        self.setAcceptDrops(True)
        self.layers = Dropdown(
            "The image layer to segment: a 2-D image or a 3-D volume of grey values."
        )
        self.layers.picked.connect(self.layer_chosen)
        self.sizes = [SizeField(axis) for axis in "zyx"]
        self._known: tuple[str, ...] = ()
        """The fields as they were shown, or told of last: leaving them so is no news."""
        self.note = note()
        self._explanation = ""
        self.contrast = QCheckBox("Contrast as shown")
        self.contrast.setToolTip(
            "Off: the network gets one contrast for the whole volume, which leaves out the darkest and brightest 0.5 %.\n"
            "On: it gets the contrast limits of the layer, so that it sees what you see. Good where something outshines the tissue."
        )
        self.contrast.clicked.connect(self.contrast_chosen)
        grid = QGridLayout(self.contents)
        grid.addWidget(self.layers, 0, 0)
        grid.addWidget(self._open_button(), 0, 1)
        grid.addLayout(self._size_row(), 1, 0, 1, 2)
        grid.addWidget(self.note, 2, 0, 1, 2)
        grid.addWidget(self.contrast, 3, 0, 1, 2)

    def show_layers(self, layers: Sequence[Image], chosen: Image | None) -> None:
        """List the image layers of the viewer."""
        self.layers.empty()
        for layer in layers:
            self.layers.add(layer, layer.name)
        self.show_chosen(chosen)
        self.layers.setPlaceholderText("open a file →" if not layers else "choose a layer")
        self.layers.setEnabled(bool(layers))

    def show_chosen(self, layer: Image | None) -> None:
        """Point at the layer in use."""
        self.layers.show_choice(layer)

    def show_contrast(self, *, shown: bool, possible: bool) -> None:
        """Show whether the network gets the contrast as it is shown."""
        self.contrast.setChecked(shown)
        self.contrast.setEnabled(possible)

    def show_size(
        self, size: VoxelSize | None, explanation: str, *, flat: bool, possible: bool
    ) -> None:
        """Show a voxel size and what it means.

        Parameters
        ----------
        size
            nm along z, y, x; None when unknown.
        explanation
            The sentence below the fields.
        flat
            Whether the image is 2-D: then z plays no part.
        possible
            Whether there is an image at all.
        """
        texts = tuple(written(value) for value in size or (None, None, None))
        typing = self.window().focusWidget() in self.sizes and texts == self._known
        for field, text in zip(self.sizes, texts, strict=True):
            if not typing:  # news of something else, such as a network that is ready, must not wipe out what is being typed
                field.setText(text)
            field.setEnabled(possible)
        self.sizes[0].setEnabled(possible and not flat)
        self._known = texts
        self._explanation = explanation
        self.note.setText(explanation)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  # Qt's name
        """Accept files and folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  # Qt's name
        """Open what was dropped."""
        for url in event.mimeData().urls():
            self.file_asked.emit(url.toLocalFile())

    def _open_button(self) -> QPushButton:
        button = QPushButton("Open  ")
        button.setToolTip(
            "Open a volume. Only what is looked at is read, so it may exceed the memory.\nFiles can be dropped here, too."
        )
        menu = QMenu(button)
        menu.addAction("File (TIFF, MRC, HDF5) …", self._ask_file)
        menu.addAction("Folder (OME-Zarr, zarr, a folder of slices) …", self._ask_folder)
        button.setMenu(menu)
        return button

    def _size_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(QLabel("Voxel (nm)"))
        for axis, field in zip("zyx", self.sizes, strict=True):
            row.addWidget(QLabel(axis))
            row.addWidget(field, 100)
            field.editingFinished.connect(self._on_size)
        row.addStretch()
        return row

    def _on_size(self) -> None:
        """Tell of a size once all of it is there; else say what is wrong or missing, and change nothing."""
        typed = tuple(field.text() for field in self.sizes)
        if typed == self._known:
            self.note.setText(self._explanation)
            return
        fields = [field for field in self.sizes if field.isEnabled()]
        try:
            sizes = [field.size_nm() for field in fields]
        except UserError as error:
            self.note.setText(f"{sentence(str(error))} The voxel size is unchanged.")
            return
        if None in sizes and any(sizes):
            missing = " and ".join(
                field.axis for field, size in zip(fields, sizes, strict=True) if size is None
            )
            self.note.setText(
                f"Type {missing} as well; the voxel size is unchanged until then. Empty all fields to take it back."
            )
            return
        self._known = typed
        self.size_typed.emit(
            parse_voxel_size([size for size in sizes if size is not None] if any(sizes) else None)
        )

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a volume", "", FILES)
        if path:
            self.file_asked.emit(path)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(
            self, "Open an OME-Zarr, a zarr or a folder of slices"
        )
        if path:
            self.file_asked.emit(path)
