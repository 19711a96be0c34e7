"""The annotation project: a folder with everything that a person has made of one image.

``NAME.scsam.zarr`` is an OME-Zarr. Its ``labels/`` hold the class labels, other labels that the
user keeps (instances), and ``reviewed``: 1 where a person has looked. Everything else is unknown,
never background. ``predicted``, not listed for other programs, is what the model wrote last.
``strokes/`` holds the strokes that teach classes, if there are any. The rest is JSON in the
attributes of the folder. Every file is replaced as a whole, so the process may be killed at any
time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from filelock import FileLock, Timeout

from napari_scsam.atomic import MARK
from napari_scsam.config import ClassSpec, UserError, VoxelSize
from napari_scsam.io.label_header import image_label
from napari_scsam.io.label_pyramid import new_level
from napari_scsam.io.labels import create_labels, read_class_table
from napari_scsam.io.saved_array import SavedArray
from napari_scsam.io.zarr_access import member_array, member_group, ngff_attributes
from napari_scsam.project.image import ImageReference
from napari_scsam.project.record import ProjectRecord, now, read_record, write_record
from napari_scsam.project.strokes import (
    STROKES,
    StrokeKey,
    create_strokes,
    list_strokes,
    stored_strokes,
)

CLASSES = "classes"
REVIEWED = "reviewed"
PREDICTED = "predicted"
REVIEWED_TABLE = (ClassSpec(1, "reviewed", "#ffd54a"),)
BEFORE_LABELS = ("image", "zarr.json", MARK)
"""What the folder of a new project may hold before it has labels."""
_unwritten: list[Project] = []
"""Projects that were closed before everything was on disk; their locks are held."""


class Project:
    """An open project; `close` it to let others open it.

    Parameters
    ----------
    path
        The folder, made by `create_project`.

    Raises
    ------
    UserError
        When it is not a project, is damaged, or is open elsewhere.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = read_record(path)
        self.arrays: dict[str, SavedArray] = {}
        self._lock = _lock(path)
        for partial in path.rglob("*.partial"):  # a killed process was writing it
            partial.unlink(missing_ok=True)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label images, without the mask."""
        listed = ngff_attributes(self._labels).get("labels", ())
        return tuple(name for name in listed if name != REVIEWED)

    def array(self, name: str) -> SavedArray:
        """Return a label image to read and change; the same object each time."""
        if name not in self.arrays:
            self.arrays[name] = SavedArray(self._stored(name))
        return self.arrays[name]

    def stroke_keys(self) -> tuple[StrokeKey, ...]:
        """Return the classes and axes that strokes were drawn for."""
        return tuple(list_strokes(self.path))

    def strokes(self, key: StrokeKey) -> SavedArray:
        """Return the strokes of a class, to read and change; created when there are none.

        uint8 of the image's shape: 1 on the class, 2 beside it, 0 where nothing was drawn.
        """
        name = list_strokes(self.path).get(key)
        if name is None:
            name = create_strokes(self.path, key, self.record.image.shape)
        return self.array(name)

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
        """Write another class table for a label image."""
        group = member_group(self._labels, name)
        ome = {**ngff_attributes(group), "image-label": image_label(classes)}
        group.update_attributes({"ome": ome, "scsam": {"classes": [c.to_dict() for c in classes]}})

    @property
    def voxel_size(self) -> VoxelSize | None:
        """Nm along z, y, x: what the user typed, else what the file says."""
        return self.record.voxel_size or self.record.image.voxel_size

    def update(self, **changes: Any) -> None:
        """Change the record, here and on disk; nothing is written when nothing changes."""
        changed = self.record.model_copy(update=changes)
        if changed != self.record:
            self.record = changed
            write_record(self.path, changed)

    def log(self, what: str, **details: Any) -> None:
        """Add to the history."""
        self.update(history=(*self.record.history, {"when": now(), "what": what, **details}))

    def flush(self) -> None:
        """Wait until everything is on disk."""
        for array in list(self.arrays.values()):
            array.flush()

    @property
    def unsaved(self) -> bool:
        """Whether something is not on disk yet."""
        return any(array.unsaved for array in self.arrays.values())

    @property
    def trouble(self) -> Exception | None:
        """Why the last write failed; None while all is well."""
        failures = (array.trouble for array in list(self.arrays.values()))
        return next((error for error in failures if error is not None), None)

    def close(self) -> None:
        """Write what is left and let others open it.

        Raises
        ------
        UserError
            When something cannot be written. Saving is retried, and the project stays locked until
            it succeeds.
        """
        try:
            self.flush()
        except Exception as error:  # whatever the disk or the codec says
            _unwritten.append(self)
            raise UserError(
                f"'{self.path.name}' cannot be written ({error}); "
                "free some space; saving is retried while napari is open"
            ) from error
        self._lock.release()

    def move_to(self, path: Path) -> None:
        """Continue in a copy that `copy_project` made."""
        self._lock.release()
        self.path = path
        self._lock = _lock(path)
        self.record = self.record.model_copy(update={"image": read_record(path).image})
        write_record(path, self.record)
        for name, array in self.arrays.items():
            array.move_to(self._stored(name))

    @property
    def _labels(self) -> zarr.Group:
        return member_group(zarr.open_group(self.path, mode="r+"), "labels")

    def _stored(self, name: str) -> zarr.Array[Any]:
        if name.startswith(f"{STROKES}/"):
            return stored_strokes(self.path, name)
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
        Ends in ``.scsam.zarr``; must not exist, or be empty but for an ``image`` inside.
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
        When there is something at `path`.
    """
    if path.exists() and any(f.name not in BEFORE_LABELS for f in path.iterdir()):
        raise UserError(f"{path} already exists; choose another name for the project")
    size = voxel_size or image.voxel_size
    create_labels(path, image.shape, size, classes, name=CLASSES, dtype=dtype, origin=image.origin)
    create_labels(path, image.shape, size, REVIEWED_TABLE, name=REVIEWED, origin=image.origin)
    labels = member_group(zarr.open_group(path, mode="r+"), "labels")
    new_level(labels, PREDICTED, image.shape, np.dtype(dtype))
    record = ProjectRecord(
        image=image,
        created=now(),
        voxel_size=voxel_size,
        history=({"when": now(), "what": "created"},),
    )
    write_record(path, record)
    return Project(path)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lock(path: Path) -> FileLock:
    """Keep other processes out; the system releases the lock when this one dies."""
    for project in [project for project in _unwritten if not project.unsaved]:
        _unwritten.remove(project)
        project.close()
    # Acquired on a worker thread, released on the main one.
    lock = FileLock(path / "labels" / ".lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"'{path.name}' is open in another window; close it there first") from error
    except (NotImplementedError, OSError):
        pass  # a disk without locks, or one that is read-only
    return lock
