"""Labels of the same image, from which a damaged part of a project can be filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.find_labels import listed_labels
from napari_scsam.io.labels import read_class_table
from napari_scsam.io.volumes import open_labels
from napari_scsam.project.damage import Damage, RepairSource, places_of
from napari_scsam.project.project import CLASSES, Project


def find_sources(project: Project, damage: Damage) -> list[RepairSource]:
    """Find labels that can fill a damaged part: the model's answers, and labels in the image."""
    if damage.name != CLASSES:
        return []
    found = []
    with suppress(UserError):
        found.append(RepairSource("the model's last answers", project.predicted))
    with suppress(UserError):
        image = Path(str(project.record.image.find(project.path).path))
        found += [
            RepairSource(f"the labels '{name}' of the image", volume.data)
            for name, volume in _labels_in(image, project)
        ]
    return [source for source in found if _has_labels(project, damage, source)]


def open_repair_source(project: Project, path: Path) -> RepairSource:
    """Open labels in a file, e.g. of ``scsam segment``, to fill a damaged part from.

    Raises
    ------
    UserError
        When they cannot be read, or are of another shape or of other classes.
    """
    volume = open_labels(path)
    shape = project.record.image.shape
    if volume.shape != shape:
        raise UserError(f"{path} has shape {volume.shape}, the image {shape}; choose others")
    if not _same_classes(read_class_table(path), project):
        raise UserError(f"{path} numbers its classes differently; choose other labels")
    return RepairSource(f"the labels in {path.name}", volume.data)


def _labels_in(image: Path, project: Project) -> Iterator[tuple[str, Any]]:
    for name in listed_labels(image):
        path = image / "labels" / name
        with suppress(UserError):
            volume = open_labels(path)
            same = volume.shape == project.record.image.shape
            if same and _same_classes(read_class_table(path), project):
                yield name, volume


def _same_classes(table: Sequence[ClassSpec] | None, project: Project) -> bool:
    """Whether a class table means by each id what the project means by it."""
    ours: Mapping[int, str] = {spec.id: spec.known_as for spec in project.class_table()}
    return bool(table) and all(ours.get(spec.id) == spec.known_as for spec in table or ())


def _has_labels(project: Project, damage: Damage, source: RepairSource) -> bool:
    """Whether a source can be read where the damage is, and holds anything there."""
    try:
        return any(np.any(source.data[place]) for place in places_of(project, damage))
    except UserError:
        return False
