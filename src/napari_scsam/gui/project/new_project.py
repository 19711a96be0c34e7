"""What a new project begins with: the image, the classes and the labels that a window shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_scsam.config import ClassSpec
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.project.layers import image_source, smallest_dtype
from napari_scsam.project.project import Project
from napari_scsam.project.start import project_path, start_project
from napari_scsam.steps import Steps

if TYPE_CHECKING:
    from napari_scsam.gui.session import Session


def new_project_steps(session: Session, text: str) -> Steps[Project]:
    """Return the work that creates a project for the chosen image.

    Raises
    ------
    UserError
        When no image is chosen, or no project can refer to it.
    """
    choices = session.choices
    image = choices.image
    source = image_source(image)
    classes = classes_of_window(session)
    typed = choices.typed_voxel_size(image) if image is not None else None
    dtype = dtype_for(session, classes)
    return start_project(project_path(text), source, classes, typed=typed, dtype=dtype)


def classes_of_window(session: Session) -> tuple[ClassSpec, ...]:
    """Return the classes of a new project: those of the network and of the labels, by id."""
    choices = session.choices
    table: dict[int, ClassSpec] = {spec.id: spec for spec in choices.own}
    if choices.checkpoint is not None:
        named = [choices.current(spec) or spec for spec in choices.checkpoint.classes]
        table.update({spec.id: spec for spec in named})
    if session.labels is not None:
        table.update({spec.id: spec for spec in classes_of(session.labels) or ()})
    return tuple(table[key] for key in sorted(table)) or (ClassSpec(1, "organelle"),)


def dtype_for(session: Session, classes: tuple[ClassSpec, ...]) -> np.dtype[Any]:
    """Return the smallest type that holds the ids of classes and the labels of the window."""
    dtype: np.dtype[Any] = np.min_scalar_type(max(spec.id for spec in classes))
    if session.labels is None:
        return dtype
    return np.result_type(dtype, smallest_dtype(session.labels))
