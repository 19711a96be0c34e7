"""Saving the labels of the image as a file, with or without a project."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.layers.files import write_labels_layer
from napari_scsam.gui.words import list_names
from napari_scsam.io.label_files.kinds import LABEL_FILE_KINDS
from napari_scsam.steps import Progress, Steps

if TYPE_CHECKING:
    from napari_scsam.gui.session import Session

SUFFIXES = (".zarr", *LABEL_FILE_KINDS)
"""What labels are saved as; the first where none is given."""

NO_LABELS = "there are no labels of this image yet; segment a slice first"


class SavingLabels:
    """Saves the labels of the chosen image; made by ``session.part(SavingLabels)``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def save(self, text: str) -> None:
        """Save the labels as they are now, with voxel size, names and colours of classes."""
        layer = self._session.labels
        if layer is None:
            self._session.report_error(UserError(NO_LABELS))
            return
        path = text
        if not path.lower().endswith(SUFFIXES):
            path = f"{path}{SUFFIXES[0]}"
        data, attributes, _ = layer.as_layer_data_tuple()
        steps = partial(save_steps, path, data, attributes)
        self._session.jobs.submit(Job.SAVE_LABELS, steps, self._on_saved)

    def _on_saved(self, paths: list[str]) -> None:
        names = list_names([Path(path).name for path in paths])
        self._session.status.emit(f"The labels are saved as {names} in {Path(paths[0]).parent}.")


def save_steps(path: str, data: Any, attributes: dict[str, Any]) -> Steps[list[str]]:
    """Write labels to a file, or each of several volumes to its own, and return the paths."""
    yield Progress(0, 1, "saving labels")
    return write_labels_layer(path, data, attributes)
