"""What leaves a project and what enters it: training sets, and labels in files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from psygnal import Signal

from napari_scsam.checkpoints.card import CheckpointInfo
from napari_scsam.checkpoints.find import listed_name
from napari_scsam.config import ClassSpec, TaughtClass, UserError, missing_classes
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.layers.plane import full_resolution
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.tools.files.label_import import (
    ForeignLabels,
    find_values_steps,
    guess_map,
    import_label_steps,
    read_steps,
)
from napari_scsam.gui.words import group_digits
from napari_scsam.project.image_labels import IMAGE_LABELS, write_into_image
from napari_scsam.project.project import Project
from napari_scsam.project.training_set import RECIPE, export_training_set
from napari_scsam.steps import Steps

if TYPE_CHECKING:
    from napari_scsam.gui.session import Session

MAX_CLASS_VALUES = 200
"""Labels with more values number objects, not classes."""

NO_IMAGE = "the image of this project is not in the window; open it again to import labels"
NO_LAYER = "select a labels layer to import from that is not the project's own"


class Exporting:
    """Export and import for the project of one viewer; made by `Session.part`."""

    replace_asked = Signal(str)
    """The image's file already has labels of this name."""
    map_asked = Signal(object, object)
    """Which class each value of the imported labels is: the values, and the guess."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.keeper = session.part(ProjectKeeper)
        self._foreign: ForeignLabels | None = None
        """What was read, until its values are mapped to classes."""

    def export(self, out: str, layout: str, replace: bool = False) -> None:
        """Write the reviewed part of the project as a training set."""
        project = self._project()
        if project is None:
            return
        choices = self.session.choices
        steps = partial(
            export_steps,
            project,
            Path(out),
            layout,
            choices.checkpoint,
            choices.taught,
            replace=replace,
        )
        self.session.jobs.submit(Job.EXPORT, steps, self._on_exported)

    def into_image(self, *, replace: bool = False) -> None:
        """Write the class labels into the OME-Zarr of the image."""
        project = self._project()
        if project is not None:
            steps = partial(write_into_image, project, replace=replace)
            self.session.jobs.submit(Job.EXPORT_INTO_IMAGE, steps, self._on_written)

    def bring(self, path: str) -> None:
        """Read labels to import from a file or, without a path, from the selected layer."""
        if self._project() is None:
            return
        # Restoring the project's own labels changes the selection.
        selected = self._selected_layer()
        image = self.keeper.image
        if image is not None:
            self.keeper.restore_labels(image)
        mine = self.keeper.labels
        if mine is None:
            self.session.report_error(UserError(NO_IMAGE))
        elif path:
            self.session.jobs.submit(Job.IMPORT, partial(read_steps, path), self._on_read)
        elif not isinstance(selected, Labels) or selected is mine:
            self.session.report_error(UserError(NO_LAYER))
        else:
            steps = partial(find_values_steps, full_resolution(selected), classes_of(selected))
            self.session.jobs.submit(Job.IMPORT, steps, self._on_read)

    def import_as(self, mapping: Mapping[int, int]) -> None:
        """Write the labels that were read, each value as the class it maps to, as one edit."""
        foreign = self._foreign
        self._foreign = None
        layer = self.keeper.labels
        if foreign is not None and layer is not None:
            steps = import_label_steps(layer, foreign.data, mapping)
            self.session.jobs.run_in_event_loop(steps, atomic=True)
            stored = {str(value): class_id for value, class_id in mapping.items()}
            self.keeper.saver.log("imported labels", mapping=stored)

    def _project(self) -> Project | None:
        """Return the project, with everything on disk; report that there is none."""
        if self.keeper.project is None:
            error = UserError("there is no project yet; make one with New, under Project")
            self.session.report_error(error)
        else:
            self.keeper.saver.save()
        return self.keeper.project

    def _selected_layer(self) -> Any:
        viewer = self.session.viewer
        if viewer is None:
            return None
        return viewer.layers.selection.active

    def _on_exported(self, written: tuple[Path, str]) -> None:
        out, renumbered = written
        self.keeper.saver.log("exported a training set", name=out.name)
        hint = _how_to_use(out, renumbered)
        self.session.status.emit(f"'{out.name}' is written in {out.parent}.{hint}")

    def _on_written(self, where: Path | None) -> None:
        if where is None:
            self.replace_asked.emit(IMAGE_LABELS)
        else:
            self.session.status.emit(f"The labels are in {where}.")

    def _on_read(self, foreign: ForeignLabels) -> None:
        layer = self.keeper.labels
        project = self.keeper.project
        if layer is None or project is None:
            return
        try:
            _check_importable(foreign, layer)
        except UserError as error:
            self.session.report_error(error)
            return
        self._foreign = foreign
        guess = guess_map(foreign.values, foreign.classes, project.class_table())
        self.map_asked.emit(foreign.values, guess)


def _check_importable(foreign: ForeignLabels, layer: Labels) -> None:
    shape = tuple(foreign.data.shape)
    if shape != tuple(layer.data.shape):
        raise UserError(
            f"the labels have shape {shape}, the image {layer.data.shape}; choose labels of it"
        )
    count = len(foreign.values)
    if count > MAX_CLASS_VALUES:
        raise UserError(
            f"the labels hold {group_digits(count)} values, so they number objects; "
            "choose labels of classes"
        )


def _how_to_use(out: Path, renumbered: str) -> str:
    """Return how to train on a training set.

    Parameters
    ----------
    out
        Its folder.
    renumbered
        The checkpoint that numbers classes differently, if there is one.
    """
    if not (out / RECIPE).is_file():  # nnU-Net's layout has no recipe
        return f" It is for training nnU-Net{nnunet_hint(out.name)}."
    command = f"scsam train {shlex.quote(str(out))} -o mine.safetensors"
    note = ""
    if renumbered:
        note = (
            f" {renumbered} numbers classes differently, "
            "so the trained network will know the classes of this project only."
        )
    return f"{note} To train on it:\n{command}"


def export_steps(
    project: Project,
    out: Path,
    layout: str,
    info: CheckpointInfo | None,
    taught: Sequence[TaughtClass],
    *,
    replace: bool,
) -> Steps[tuple[Path, str]]:
    """Write a training set that continues from the checkpoint in use.

    Returns
    -------
    tuple
        Its folder, and the checkpoint that numbers classes differently, if there is one.
    """
    sam = ""
    renumbered = ""
    if info is not None and info.prompts_only:
        sam = str(info.config["sam"])
    elif info is not None and numbers_otherwise(info, project.class_table()):
        renumbered = info.name
    yield from export_training_set(
        project,
        out,
        layout,
        checkpoint=start_of(info),
        renumber=bool(renumbered),
        taught=taught,
        sam=sam,
        replace=replace,
    )
    return out, renumbered


def start_of(info: CheckpointInfo | None) -> Path | str | None:
    """Return what training continues from: the checkpoint in use, by name where it has one."""
    if info is None or info.classes_only:  # an imported network does not learn
        return None
    if info.prompts_only:  # training takes only the SAM, out of its file
        return info.path
    return listed_name(info.path) or info.path


def nnunet_hint(name: str) -> str:
    """Return how nnU-Net wants a folder to be called; empty if it is called so."""
    if re.fullmatch(r"Dataset\d{3}_.+", name):
        return ""
    return f", which needs a folder called DatasetNNN_Name; rename it, e.g. to Dataset001_{name}"


def numbers_otherwise(info: CheckpointInfo, ours: Sequence[ClassSpec]) -> bool:
    """Whether an id or a name means another class to a checkpoint than to us."""
    try:
        missing_classes(info.classes, ours, info.name)
    except UserError:
        return True
    return False
