"""The annotation project: a folder that holds all that a person has made of one image.

``NAME.scsam.zarr`` is an OME-Zarr. Its ``labels/`` hold the class labels, other
labels that the user keeps (instances), and ``reviewed``: 1 where a person has
looked, so that everything else is unknown, never background. ``predicted``,
not listed for other programs, is what the model wrote last. All else is JSON in
the attributes of the folder. Every file is replaced as a whole, so the process
may be killed at any time.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from filelock import FileLock, Timeout

from napari_scsam.config import ClassSpec, UserError, VoxelSize
from napari_scsam.io.label_pyramid import new_level
from napari_scsam.io.labels import create_labels, read_class_table
from napari_scsam.io.saved_array import SavedArray
from napari_scsam.io.zarr_access import is_zarr, member_array, member_group, ngff_attributes
from napari_scsam.project.image import ImageReference
from napari_scsam.steps import Progress

SUFFIX = ".scsam.zarr"
CLASSES = "classes"
REVIEWED = "reviewed"
PREDICTED = "predicted"
_unwritten: list[Project] = []
"""Projects that were closed before all was on disk: their locks are held."""
REVIEWED_TABLE = (ClassSpec(1, "reviewed", "#ffd54a"),)


@dataclass(frozen=True)
class ProjectRecord:
    """Everything about a project that is not a voxel; plain JSON on disk."""

    image: ImageReference
    created: str
    voxel_size: VoxelSize | None = None
    """nm along z, y, x, if the user typed it."""
    contrast: Mapping[str, Any] | None = None
    """`Contrast` of the volume; with ``shown``, the one that the user chose instead."""
    checkpoint: Mapping[str, str] | None = None
    """``name`` and ``sha256`` of the checkpoint used last."""
    history: tuple[Mapping[str, Any], ...] = ()
    """What was done, oldest first: ``when``, ``what`` and details."""
    taught: tuple[Mapping[str, Any], ...] = ()
    """`TaughtClass` of each class taught, with the hash of the ``checkpoint`` that was taught it."""
    chosen: Mapping[str, Any] = field(default_factory=dict)
    """``classes`` that are segmented, by name, or null for all; ``threshold_offsets``, by the
    name of the class; whether to ``replace`` what the user painted, to ``prefetch`` the slices
    beside the one shown, and to average several views of a slice (``tta``)."""
    view: Mapping[str, Any] = field(default_factory=dict)
    """The window: layers, camera, slice; only the window reads it."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ProjectRecord:
        """Read what `to_dict` wrote; what a newer version added is left alone."""
        values = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        values |= {
            "image": ImageReference.from_dict(data["image"]),
            "history": tuple(data.get("history", ())),
        }
        values["taught"] = tuple(data.get("taught", ()))
        values["chosen"] = _with_new_names(data.get("chosen", {}))
        if values.get("voxel_size") is not None:
            values["voxel_size"] = tuple(values["voxel_size"])
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            **asdict(self),
            "image": self.image.to_dict(),
            "history": list(self.history),
            "taught": list(self.taught),
        }


class Project:
    """An open project; `close` it to let others open it.

    Parameters
    ----------
    path
        The folder, made by `create_project`.

    Raises
    ------
    UserError
        When it is no project, is damaged, or is open elsewhere.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = read_record(path)
        self.arrays: dict[str, SavedArray] = {}
        self._lock = _lock(path)
        for unfinished in path.rglob("*.partial"):  # what a killed process was about to write
            unfinished.unlink(missing_ok=True)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label images, without the mask."""
        return tuple(
            name for name in ngff_attributes(self._labels).get("labels", ()) if name != REVIEWED
        )

    def array(self, name: str) -> SavedArray:
        """Return a label image, or one of ours, to read and change; always the same one."""
        if name not in self.arrays:
            self.arrays[name] = SavedArray(self._stored(name))
        return self.arrays[name]

    @property
    def reviewed(self) -> SavedArray:
        """1 where a person has looked; the shape of the image."""
        return self.array(REVIEWED)

    @property
    def predicted(self) -> SavedArray:
        """What the model wrote last; the shape of the image."""
        return self.array(PREDICTED)

    def class_table(self, name: str = CLASSES) -> tuple[ClassSpec, ...]:
        """Return the class table of a label image; empty for instances."""
        return read_class_table(self.path / "labels" / name) or ()

    def add_labels(
        self, name: str, dtype: npt.DTypeLike, classes: Sequence[ClassSpec]
    ) -> SavedArray:
        """Create an empty label image of the image's shape."""
        size = self.voxel_size
        shape = self.record.image.shape
        create_labels(
            self.path, shape, size, classes, name=name, dtype=dtype, origin=self.record.image.origin
        )
        return self.array(name)

    def show_classes(self, name: str, classes: Sequence[ClassSpec]) -> None:
        """Write another class table beside a label image."""
        group = member_group(self._labels, name)
        ome = dict(ngff_attributes(group))
        ome["image-label"] = {
            "version": "0.5",
            "colors": [
                {"label-value": c.id, "rgba": [*bytes.fromhex(c.colour[1:]), 255]} for c in classes
            ],
            "properties": [{"label-value": c.id, "class": c.name} for c in classes],
        }
        group.update_attributes({"ome": ome, "scsam": {"classes": [c.to_dict() for c in classes]}})

    @property
    def voxel_size(self) -> VoxelSize | None:
        """Nm along z, y, x: the user's word, else the file's."""
        return self.record.voxel_size or self.record.image.voxel_size

    def update(self, **changes: Any) -> None:
        """Change the record, here and on disk; nothing is written where nothing changes."""
        changed = replace(self.record, **changes)
        if changed != self.record:
            self.record = changed
            write_record(self.path, changed)

    def log(self, what: str, **details: Any) -> None:
        """Add to the history."""
        self.update(history=(*self.record.history, {"when": now(), "what": what, **details}))

    def flush(self) -> None:
        """Come back when everything is on disk."""
        for array in list(self.arrays.values()):
            array.flush()

    @property
    def unsaved(self) -> bool:
        """Whether something is not on disk yet."""
        return any(array.unsaved for array in self.arrays.values())

    def close(self) -> None:
        """Write what is left and let others open it.

        Raises
        ------
        UserError
            When not all can be written; it is tried again, and nobody else can open the project until it is.
        """
        try:
            self.flush()
        except Exception as error:  # whatever the disk or the codec says
            _unwritten.append(self)
            raise UserError(
                f"'{self.path.name}' cannot be written ({error}); make room there, it is tried again as long as napari is open"
            ) from error
        self._lock.release()

    def move_to(self, path: Path) -> None:
        """Go on in a copy that `copy_project` made."""
        self._lock.release()
        self.path = path
        self._lock = _lock(path)
        self.record = replace(self.record, image=read_record(path).image)
        write_record(path, self.record)
        for name, array in self.arrays.items():
            array.move_to(self._stored(name))

    @property
    def _labels(self) -> zarr.Group:
        return member_group(zarr.open_group(self.path, mode="r+"), "labels")

    def _stored(self, name: str) -> zarr.Array[Any]:
        return member_array(self._labels, name if name == PREDICTED else f"{name}/0")


def create_project(
    path: Path,
    image: ImageReference,
    classes: Sequence[ClassSpec],
    *,
    voxel_size: VoxelSize | None = None,
    dtype: npt.DTypeLike = "uint8",
) -> Project:
    """Create an empty project for an image, and open it.

    Parameters
    ----------
    path
        Ends in ``.scsam.zarr``; must not be there, or be empty but for an ``image`` inside.
    image
        What it belongs to.
    classes
        The class table.
    voxel_size
        nm along z, y, x, if the user typed it.
    dtype
        Of the class labels.

    Raises
    ------
    UserError
        When there is something at `path` already.
    """
    if path.exists() and [f for f in path.iterdir() if f.name not in ("image", "zarr.json")]:
        raise UserError(f"{path} is there already; choose another name for the project")
    size = voxel_size or image.voxel_size
    create_labels(path, image.shape, size, classes, name=CLASSES, dtype=dtype, origin=image.origin)
    create_labels(path, image.shape, size, REVIEWED_TABLE, name=REVIEWED, origin=image.origin)
    new_level(
        member_group(zarr.open_group(path, mode="r+"), "labels"),
        PREDICTED,
        image.shape,
        np.dtype(dtype),
    )
    record = ProjectRecord(
        image=image,
        created=now(),
        voxel_size=voxel_size,
        history=({"when": now(), "what": "created"},),
    )
    write_record(path, record)
    return Project(path)


def copy_project(project: Project, path: Path) -> Generator[Progress, None, Path]:
    """Copy a project to another place, where it appears when it is complete; returns the place.

    Raises
    ------
    UserError
        When there is something at `path` already, it lies inside a project, or it cannot be written.
    """
    check_place(path)
    yield Progress(0, 2, "writing what is not on disk yet")
    project.flush()
    yield Progress(1, 2, f"copying to {path.name}")
    draft = path.with_name(f".{path.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        shutil.copytree(project.path, draft, ignore=shutil.ignore_patterns(".lock", "*.partial"))
        draft.replace(path)
    except OSError as error:
        why = error.strerror or "not all of it could be copied"
        raise UserError(
            f"'{path.name}' cannot be written ({why}); choose another place, or make room there"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    record = read_record(path)
    with suppress(UserError):
        volume = record.image.find(project.path)
        moved = (
            ImageReference.of(volume, path)
            if project.path not in Path(str(volume.path)).parents
            else record.image
        )
        write_record(path, replace(record, image=moved))
    return path


def check_place(path: Path) -> None:
    """Make sure that a project can come to a place without harm to anything.

    Raises
    ------
    UserError
        When something is there already, or it lies inside a project.
    """
    if path.exists():
        raise UserError(
            f"'{path.name}' is there already, and nothing is overwritten; choose another name"
        )
    for folder in path.absolute().parents:
        if is_project(folder):
            raise UserError(
                f"'{path.name}' would lie inside the project '{folder.name}'; choose a place outside of it"
            )


def read_record(path: Path) -> ProjectRecord:
    """Read the record of a project.

    Raises
    ------
    UserError
        When it is no project, or damaged.
    """
    if not (path.is_dir() and is_zarr(path)):
        raise UserError(
            f"{path} is no project of napari-scsam; choose a folder that ends in {SUFFIX}"
        )
    try:
        attributes: Mapping[str, Any] = zarr.open_group(path, mode="r").attrs.asdict()
        return ProjectRecord.from_dict(attributes["scsam"]["project"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} holds labels but is no project of napari-scsam, or is damaged; open it as a file instead"
        ) from error


OLD_NAMES = {"thresholds": "threshold_offsets", "careful": "tta"}
"""Keys of `ProjectRecord.chosen` up to version 0.1, and what they are called since."""


def _with_new_names(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return choices with the keys of today, whichever version wrote them."""
    return {OLD_NAMES.get(key, key): value for key, value in chosen.items()}


def is_project(path: Path) -> bool:
    """Return whether a folder is a project, be it damaged or not."""
    if not (path.is_dir() and is_zarr(path)):
        return False
    try:
        record = zarr.open_group(path, mode="r").attrs.get("scsam")
    except (OSError, ValueError, LookupError):  # an array, or broken metadata
        return False
    return isinstance(record, dict) and "project" in record


def write_record(path: Path, record: ProjectRecord) -> None:
    """Write the record of a project, in one step."""
    zarr.open_group(path, mode="r+").update_attributes(
        {"scsam": {"format": 1, "project": record.to_dict()}}
    )


def mark_ours(path: Path) -> None:
    """Create the folder of a project that is to come, so that its image can be put into it."""
    zarr.open_group(path, mode="w-", zarr_format=3).update_attributes({"scsam": {"format": 1}})


def now() -> str:
    """Tell the time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lock(path: Path) -> FileLock:
    """Keep other processes out; the system lets go when this one dies."""
    for project in [project for project in _unwritten if not project.unsaved]:
        _unwritten.remove(project)
        project.close()
    lock = FileLock(
        path / "labels" / ".lock", thread_local=False
    )  # taken on a worker thread, given back on the main one
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"'{path.name}' is open in another window; close it there first") from error
    except (NotImplementedError, OSError):
        pass  # a disk that knows no locks, or one that is read-only
    return lock
