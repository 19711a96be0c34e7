"""Everything about a project that is not a voxel: JSON in the attributes of its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zarr
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from napari_scsam.atomic import finish_replacing
from napari_scsam.config import TaughtClass, UserError, VoxelSize
from napari_scsam.drafts import draft_path
from napari_scsam.io.contents import Contents, check_outside, what_is
from napari_scsam.json_files import read_json_object, replace_json
from napari_scsam.project.image import ImageReference
from napari_scsam.validation import first_problem

PROJECT_SUFFIX = ".scsam.zarr"
FORMAT_NUMBER = 1
GROUP_METADATA = "zarr.json"
"""File of the metadata of a zarr group or array."""
COPIES = "labels/.copies"
"""Folder in a project that holds a copy of each `GROUP_METADATA` file."""
OLD_NAMES = {"thresholds": "threshold_offsets", "careful": "tta"}
"""Keys of `ProjectRecord.chosen` up to version 0.1, and their names since."""


class ProjectRecord(BaseModel):
    """The record of a project. Keys that a newer version added are kept."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    image: ImageReference
    created: str
    voxel_size: VoxelSize | None = None
    """nm along z, y, x, if the user typed it."""
    contrast: Mapping[str, Any] | None = None
    """`Contrast` of the volume; with ``shown``, the one that the user chose instead."""
    checkpoint: Mapping[str, Any] | None = None
    """``name`` and ``sha256`` of the checkpoint used last."""
    history: tuple[Mapping[str, Any], ...] = ()
    """What was done, oldest first: ``when``, ``what`` and details."""
    taught: tuple[Mapping[str, Any], ...] = ()
    """`TaughtClass` of each class taught, with the hash of its ``checkpoint``."""
    reviewed_classes: Mapping[str, tuple[int, ...]] = Field(default_factory=dict)
    """Ids of the classes that each value of the review mask stands for, by that value.

    Values that are missing here stand for every class, as all did up to version 0.1."""
    chosen: Mapping[str, Any] = Field(default_factory=dict)
    """``classes`` to segment, by name, or null for all, and the ``active`` one; the ``order`` of
    ids in lists; the ``page`` shown; ``threshold_offsets``, by the name of the class; whether to
    ``replace`` what the user painted, to ``prefetch`` the neighbouring slices, to average
    several views of a slice (``tta``), and never to enlarge it (``coarse``)."""
    view: Mapping[str, Any] = Field(default_factory=dict)
    """The window: layers, camera, slice; only the window reads it."""

    @field_validator("reviewed_classes")
    @classmethod
    def _check_mask_values(
        cls, meanings: Mapping[str, tuple[int, ...]]
    ) -> Mapping[str, tuple[int, ...]]:
        for value in meanings:
            if not (value.isdecimal() and 0 < int(value) < 256):
                raise UserError(f"reviewed_classes has the value {value!r}; give 1 to 255")
        return meanings

    @field_validator("history")
    @classmethod
    def _check_history(
        cls, history: tuple[Mapping[str, Any], ...]
    ) -> tuple[Mapping[str, Any], ...]:
        for number, entry in enumerate(history):
            if not isinstance(entry.get("what"), str):
                raise UserError(f"history[{number}] does not name what was done; remove it")
        return history

    @field_validator("taught")
    @classmethod
    def _check_taught(cls, taught: tuple[Mapping[str, Any], ...]) -> tuple[Mapping[str, Any], ...]:
        for entry in taught:
            try:
                TaughtClass.from_dict(entry)
            except (LookupError, TypeError, AttributeError) as error:
                raise UserError(f"taught holds no class ({error}); remove it") from error
            if not isinstance(entry.get("checkpoint"), str):
                raise UserError("taught names no checkpoint; remove it")
        return taught

    @field_validator("chosen")
    @classmethod
    def _check_chosen(cls, chosen: Mapping[str, Any]) -> Mapping[str, Any]:
        classes = chosen.get("classes")
        offsets = chosen.get("threshold_offsets", {})
        if classes is not None and not (
            isinstance(classes, list | tuple) and all(isinstance(name, str) for name in classes)
        ):
            raise UserError("chosen.classes is not a list of names; give one")
        if not isinstance(offsets, Mapping) or not all(
            isinstance(offset, int | float) for offset in offsets.values()
        ):
            raise UserError("chosen.threshold_offsets is not a table of numbers; give one")
        return chosen

    @field_validator("checkpoint")
    @classmethod
    def _check_checkpoint(cls, checkpoint: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if checkpoint is not None and not isinstance(checkpoint.get("name", ""), str):
            raise UserError("checkpoint.name is not a text; give one")
        beside = (checkpoint or {}).get("beside", ())
        if not isinstance(beside, list | tuple) or not all(isinstance(n, str) for n in beside):
            raise UserError("checkpoint.beside is not a list of names; give one")
        return checkpoint

    @field_validator("chosen", mode="before")
    @classmethod
    def _rename_old_keys(cls, chosen: Any) -> Any:
        if not isinstance(chosen, Mapping):
            return chosen
        return {OLD_NAMES.get(key, key): value for key, value in chosen.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ProjectRecord:
        """Read what `to_dict` wrote.

        Raises
        ------
        pydantic.ValidationError
            When a field is missing or of the wrong kind.
        """
        return cls.model_validate_json(json.dumps(data))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return self.model_dump()


def read_record(path: Path) -> ProjectRecord:
    """Read the record of a project.

    Raises
    ------
    UserError
        When it is not a project, or damaged.
    """
    finish_replacing(path)
    found = what_is(path)
    if found is Contents.LABELS and is_newer(path):
        raise UserError(
            f"{path} was written by a newer version, and this one cannot read it; "
            "update napari-scsam"
        )
    if found is Contents.LABELS and path.is_dir():
        raise UserError(
            f"{path} holds labels but is not a napari-scsam project; open it as a file instead"
        )
    labels = path / "labels" / "classes"
    if found is Contents.FOREIGN and labels.is_dir():
        raise UserError(
            f"the project {path} is damaged: its {GROUP_METADATA} cannot be read, and there is no copy "
            f"of it; open its labels as a file instead: {labels}"
        )
    if found is not Contents.PROJECT:
        raise UserError(
            f"{path} is not a napari-scsam project; choose a folder that ends in {PROJECT_SUFFIX}"
        )
    stored: Any = zarr.open_group(path, mode="r").attrs["scsam"]
    if is_newer(path):
        return _newer_record(path, stored["project"])
    try:
        return ProjectRecord.from_dict(stored["project"])
    except ValidationError as error:
        problem = first_problem(error).partition(";")[0]
        raise UserError(
            f"the project {path} is damaged ({problem}); open its labels as a file instead"
        ) from error


def _newer_record(path: Path, stored: Any) -> ProjectRecord:
    try:
        return ProjectRecord.from_dict(stored)
    except ValidationError as error:
        raise UserError(
            f"{path} was written by a newer version, and this one cannot read it; "
            "update napari-scsam"
        ) from error


def format_of(path: Path) -> int:
    """Return the format number of a project; 0 when it is unreadable or no number."""
    try:
        number = (read_json_object(path / GROUP_METADATA) or {})["attributes"]["scsam"]["format"]
    except (LookupError, TypeError):
        return 0
    if type(number) is int:  # a truth value is no format
        return number
    return 0


def is_newer(path: Path) -> bool:
    """Whether a project was written by a newer version, whose record this one would cut down."""
    return format_of(path) > FORMAT_NUMBER


def write_record(path: Path, record: ProjectRecord) -> None:
    """Write the record of a project, in one step; what else its file holds stays.

    The copy is written after it.

    Raises
    ------
    OSError
        When it cannot be written.
    UserError
        When it was written by a newer version.
    """
    file = path / GROUP_METADATA
    document = read_json_object(file) or read_json_object(copy_of(file, path))
    if document is None:
        raise OSError(f"{file} cannot be read")
    if is_newer(path):
        raise UserError(read_only_reason(path))
    attributes = document.setdefault("attributes", {})
    stored = attributes.get("scsam")
    if not isinstance(stored, dict):
        stored = {}
    attributes["scsam"] = {**stored, "format": FORMAT_NUMBER, "project": record.to_dict()}
    replace_json(file, document)
    write_copy(file, path)


def read_only_reason(path: Path) -> str:
    """Return why a project of a newer version is not changed, as a sentence."""
    return (
        f"'{path.name}' was written by a newer version (format {format_of(path)}), so it is only "
        "read; update napari-scsam to change it"
    )


def copy_of(file: Path, path: Path) -> Path:
    """Return where the copy of a metadata file of a project is.

    Copies are in ``labels``, where no program looks for other things than what is listed there.
    """
    return path / COPIES / file.relative_to(path)


def write_copy(file: Path, path: Path) -> None:
    """Copy a metadata file of a project, without waiting for the disk.

    After a power cut the copy may be damaged. Then its original, which was on disk before, is not.
    """
    copy = copy_of(file, path)
    copy.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_path(copy)
    try:
        draft.write_bytes(file.read_bytes())
        draft.replace(copy)
    finally:
        draft.unlink(missing_ok=True)


def mark_ours(path: Path) -> None:
    """Create the zarr group of a new project in an empty folder, for its image and its labels."""
    root = zarr.open_group(path, mode="a", zarr_format=3)
    root.update_attributes({"scsam": {"format": FORMAT_NUMBER}})


def check_project_path(path: Path) -> None:
    """Check that a project can be created at a path without harm to anything.

    Raises
    ------
    UserError
        When something is there, or the path is inside a project or an image.
    """
    if path.exists():
        raise UserError(
            f"'{path.name}' already exists, and nothing is overwritten; choose another name"
        )
    for folder in path.absolute().parents:
        if what_is(folder) is Contents.PROJECT:
            raise UserError(
                f"'{path.name}' would be inside the project '{folder.name}'; "
                "choose a place outside of it"
            )
    check_outside(path)


def now() -> str:
    """Return the time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
