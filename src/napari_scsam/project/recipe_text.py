"""The recipe of a training set, which ``scsam train`` takes as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_scsam.io.locations import absolute_location, relative_location
from napari_scsam.paths import weights_folder
from napari_scsam.project.project import Project
from napari_scsam.project.reviewed_classes import ReviewedPart, every_class

TAUGHT = "taught.json"
"""File with the classes that the checkpoint learned from strokes."""
MAE_FILE = "mae_hybrid.safetensors"
"""The EM prior that is shipped."""


@dataclass(frozen=True)
class Start:
    """Where training starts."""

    checkpoint: Path | str | None = None
    """A file, or a name that is known on other machines too."""
    renumber: bool = False
    """Whether its class ids differ from the project's."""
    taught: bool = False
    """Whether it learned classes from strokes, which are in the file `TAUGHT`."""
    sam: str = ""
    """Size of its SAM, if training starts from that alone."""


def recipe_text(
    project: Project, out: Path, labels: str, start: Start, parts: Sequence[ReviewedPart]
) -> str:
    """Return the recipe of a training set at `out`; paths in it are relative to that folder.

    What was reviewed for the same classes is one table of data.
    """
    lines = [
        "# Made by napari-scsam from reviewed slices.",
        "# Run: scsam train THIS_FOLDER -o mine.safetensors",
        *_model_lines(start, out),
        *_class_lines(project),
        *_training_lines(start),
    ]
    for part in parts:
        lines += _data_lines(project, out, labels)
        lines += _review_lines(project, part, only=len(parts) == 1)

    return "\n".join(lines) + "\n"


def _model_lines(start: Start, out: Path) -> Iterator[str]:
    if start.checkpoint is None:
        return
    yield "[model]"
    checkpoint = json.dumps(_weights_path(start.checkpoint, out))
    if start.sam:
        yield f'sam = "{start.sam}"'
        yield "tile = 512"
        yield f"sam_weights = {checkpoint}"
        yield f"mae_weights = {json.dumps(_weights_path(weights_folder() / MAE_FILE, out))}"
    else:
        yield f"start = {checkpoint}"
    if start.renumber:
        yield (
            "renumber = true  # it numbers classes otherwise than these labels; "
            "those of one name keep what they learned"
        )
    if start.taught:
        yield f'taught = "{TAUGHT}"  # classes that it learned from strokes'


def _class_lines(project: Project) -> Iterator[str]:
    for spec in project.class_table():
        yield "[[classes]]"
        yield f"id = {spec.id}"
        yield f"name = {json.dumps(spec.known_as)}"  # training continues under this name
        yield f'colour = "{spec.colour}"'


def _training_lines(start: Start) -> Iterator[str]:
    yield "[training]"
    yield "steps = 300"
    if start.sam:
        yield "crop = 512  # as the tile: a big SAM's positions are resized to one grid"


def _data_lines(project: Project, out: Path, labels: str) -> Iterator[str]:
    image = project.record.image.find(project.path)
    absolute = absolute_location(str(image.path))
    yield "[[data]]"
    yield f"image = {json.dumps(relative_location(absolute, out.absolute()))}"
    yield f"labels = {json.dumps(labels)}"
    if project.voxel_size is not None:
        yield f"voxel_size = {[float(v) for v in project.voxel_size]}"


def _review_lines(project: Project, part: ReviewedPart, *, only: bool) -> Iterator[str]:
    """Write which classes the labels name, where that is not all of them, and which mask counts."""
    if part.classes != every_class(project):
        yield f"classes = {list(part.classes)}  # all others are unknown here"
    if not only:
        yield f"reviewed_values = {list(part.numbers)}  # of the mask"


def _weights_path(file: Path | str, folder: Path) -> str:
    """Return weights as a recipe in `folder` names them; a name stays as it is."""
    if isinstance(file, str):
        return file
    return relative_location(str(file.absolute()), folder.absolute())
