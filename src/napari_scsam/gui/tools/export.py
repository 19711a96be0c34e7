"""What goes out of a project and what comes into it: training sets, labels in the image's file, labels of others."""

from __future__ import annotations

import re
import shlex
from collections.abc import Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from psygnal import Signal

from napari_scsam.checkpoints.checkpoint import CheckpointInfo, listed_name
from napari_scsam.config import ClassSpec, TaughtClass, UserError, missing_classes
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.words import grouped
from napari_scsam.io.labels import read_class_table
from napari_scsam.io.volumes import open_labels
from napari_scsam.project.image_labels import IMAGE_LABELS, write_into_image
from napari_scsam.project.project import Project
from napari_scsam.project.review import count_values
from napari_scsam.project.training_set import RECIPE, export_training_set
from napari_scsam.steps import Progress

if TYPE_CHECKING:
    from napari_scsam.gui.session import Session

MOST_VALUES = 200
"""Labels with more values number objects, not classes."""


class Exporting:
    """Export and import for the project of one viewer; made by `Session.part`."""

    replace_asked = Signal(str)
    """Labels of this name are in the image's file already."""
    map_asked = Signal(object, object)
    """Which value of labels to import is which class: the values, and the guess."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.keeper = session.part(ProjectKeeper)
        self._coming: Any = None
        session.on_return("export", self._on_exported)
        session.on_return("export into image", self._on_written)
        session.on_return("import", self._on_read)

    def export(
        self, out: str, layout: str, replace: bool = False
    ) -> None:  # as the panel's signal says it
        """Write the reviewed part of the project as a training set."""
        if (project := self._project()) is None:
            return
        session = self.session
        make = partial(
            export_steps,
            project,
            Path(out),
            layout,
            session.checkpoint,
            session.taught,
            replace=replace,
        )
        session.submit("export", make)

    def into_image(self, *, replace: bool = False) -> None:
        """Write the class labels into the OME-Zarr of the image."""
        if (project := self._project()) is not None:
            self.session.submit(
                "export into image", partial(write_into_image, project, replace=replace)
            )

    def bring(self, path: str) -> None:
        """Read labels to import, from a file or, without one, from the selected layer."""
        if self._project() is None:
            return
        viewer = self.session.viewer
        layer = (
            viewer.layers.selection.active if viewer is not None else None
        )  # before the project's own come back
        if (image := self.keeper.image) is not None:
            self.keeper.bring_back(image)
        if (mine := self.keeper.labels) is None:
            self.keeper.say(
                UserError(
                    "the image of this project is not in the window; open it again to import labels"
                )
            )
            return
        if path:
            self.session.submit("import", partial(read_steps, path))
            return
        if not isinstance(layer, Labels) or layer is mine or layer.multiscale:
            self.keeper.say(
                UserError(
                    "no labels layer to import from is selected; select one that is not the project's own"
                )
            )
            return
        self.session.submit("import", partial(look_steps, layer.data, classes_of(layer)))

    def import_as(self, mapping: Mapping[int, int]) -> None:
        """Write the labels that were read, value by value as the class that the mapping says, as one undo step."""
        if self._coming is not None and (layer := self.keeper.labels) is not None:
            self.session.run_in_event_loop(import_steps(layer, self._coming, mapping), atomic=True)
            self.keeper.log("imported labels", mapping={str(k): v for k, v in mapping.items()})
        self._coming = None

    def _project(self) -> Project | None:
        if self.keeper.project is None:
            self.keeper.say(UserError("there is no project yet; make one with New, under Project"))
        else:
            self.keeper.keep()
        return self.keeper.project

    def _on_exported(self, written: tuple[Path, str]) -> None:
        out, otherwise = written
        self.keeper.log("exported a training set", name=out.name)
        alone = (
            f" {otherwise} numbers classes otherwise, so what is trained will know those of this project alone."
            if otherwise
            else ""
        )
        ours = (out / RECIPE).is_file()  # nnU-Net's form holds none of ours
        command = f"scsam train {shlex.quote(str(out))} -o mine.safetensors"
        use = (
            f"{alone} To train on it:\n{command}"
            if ours
            else f" It is for nnU-Net to train on{nnunet_hint(out.name)}."
        )
        self.session.status.emit(f"'{out.name}' is written.{use}")

    def _on_written(self, where: Path | None) -> None:
        if where is None:
            self.replace_asked.emit(IMAGE_LABELS)
        else:
            self.session.status.emit(f"The labels are in {where}.")

    def _on_read(self, found: tuple[Any, list[int], tuple[ClassSpec, ...]]) -> None:
        self._coming, values, theirs = found
        layer = self.keeper.labels
        project = self.keeper.project
        if layer is None or project is None:
            return
        if tuple(self._coming.shape) != tuple(layer.data.shape):
            self.keeper.say(
                UserError(
                    f"the labels have shape {tuple(self._coming.shape)}, the image {layer.data.shape}; choose its own"
                )
            )
            return
        if len(values) > MOST_VALUES:
            self.keeper.say(
                UserError(
                    f"the labels hold {grouped(len(values))} values, so they number objects; choose labels of classes"
                )
            )
            return
        self.map_asked.emit(values, guess_map(values, theirs, project.class_table()))


def export_steps(
    project: Project,
    out: Path,
    layout: str,
    info: CheckpointInfo | None,
    taught: Sequence[TaughtClass],
    *,
    replace: bool,
) -> Generator[Progress, None, tuple[Path, str]]:
    """Write a training set that goes on from the checkpoint in use; returns its folder, and whose classes were renumbered, if so."""
    sam = str(info.config["sam"]) if info is not None and info.prompts_only else ""
    otherwise = ""
    if info is not None and not sam and numbers_otherwise(info, project.class_table()):
        otherwise = info.name
    start: dict[str, Any] = {
        "checkpoint": start_of(info),
        "renumber": bool(otherwise),
        "taught": taught,
        "sam": sam,
    }
    yield from export_training_set(project, out, layout, **start, replace=replace)
    return out, otherwise


def start_of(info: CheckpointInfo | None) -> Path | str | None:
    """Return what training goes on from: the checkpoint in use, by name where it has one."""
    if (
        info is None or info.prompts_only
    ):  # of the latter, training takes the SAM alone, out of its file
        return info.path if info is not None else None
    return listed_name(info.path) or info.path


def nnunet_hint(name: str) -> str:
    """Say how nnU-Net wants a folder to be called that is called otherwise."""
    fits = re.fullmatch(r"Dataset\d{3}_.+", name)
    return (
        ""
        if fits
        else f", which finds data sets named DatasetNNN_Name alone; call the folder Dataset001_{name} or so"
    )


def numbers_otherwise(info: CheckpointInfo, ours: Sequence[ClassSpec]) -> bool:
    """Return whether an id or a name means another class to a checkpoint than to us."""
    try:
        missing_classes(info.classes, ours, info.name)
    except UserError:
        return True
    return False


def guess_map(
    values: list[int], theirs: tuple[ClassSpec, ...], ours: tuple[ClassSpec, ...]
) -> dict[int, int]:
    """Guess which value is which class: by name where they have names, else by the same value."""
    ids = {spec.id for spec in ours}
    names = {spec.name.casefold(): spec.id for spec in ours}
    by_name = {spec.id: names.get(spec.name.casefold(), 0) for spec in theirs}
    return {
        value: by_name.get(value, 0) if theirs else value if value in ids else 0 for value in values
    }


def read_steps(
    path: str,
) -> Generator[Progress, None, tuple[Any, list[int], tuple[ClassSpec, ...]]]:
    """Open labels in a file, and find their values."""
    yield Progress(0, 1, f"opening {path}")
    labels = open_labels(path)
    return (yield from look_steps(labels.data, read_class_table(path)))


def look_steps(
    data: Any, classes: tuple[ClassSpec, ...] | None
) -> Generator[Progress, None, tuple[Any, list[int], tuple[ClassSpec, ...]]]:
    """Find the values of labels, slice by slice."""
    values: set[int] = set()
    depth = data.shape[0] if data.ndim == 3 else 1
    for z in range(depth):
        yield Progress(z, depth, f"looking at slice {z}")
        values |= set(count_values(np.asarray(data[z] if data.ndim == 3 else data[...])))
    return data, sorted(values), classes or ()


def import_steps(
    layer: Labels, data: Any, mapping: Mapping[int, int]
) -> Generator[None, None, None]:
    """Write labels into a layer, slice by slice, as one undo step; values that are no class change nothing."""
    values = np.array(sorted(mapping))
    new = np.array([mapping[int(v)] for v in values])
    with layer.block_history():
        for z in range(data.shape[0] if data.ndim == 3 else 1):
            key = z if data.ndim == 3 else ...
            wanted = translate(np.asarray(data[key]), values, new)
            points = np.nonzero(wanted)
            if points[0].size:
                indices = (np.full_like(points[0], z), *points) if data.ndim == 3 else points
                layer.data_setitem(indices, wanted[points].astype(layer.data.dtype), refresh=False)
            yield
    layer.refresh(extent=False)


def translate(labels: NDArray[Any], values: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
    """Replace each value by its class, others by 0."""
    if not len(values):
        return np.zeros(labels.shape, np.uint8)
    at = np.searchsorted(values, labels).clip(max=len(values) - 1)
    return np.where(values[at] == labels, new[at], 0)
