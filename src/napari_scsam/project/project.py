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
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from napari_scsam.config import ClassSpec, UserError, VoxelSize
from napari_scsam.drafts import DRAFT_MARK
from napari_scsam.io.label_pyramid import new_level
from napari_scsam.io.labels import create_labels, read_class_table
from napari_scsam.io.saved.anchored_store import MissingStoreError
from napari_scsam.io.saved.saved_array import SavedArray
from napari_scsam.io.zarr_access import ZarrArray, ngff_attributes
from napari_scsam.project.arrays import PREDICTED, open_label_group, open_stored, write_classes
from napari_scsam.project.folder import ProjectFolder
from napari_scsam.project.image import ImageReference
from napari_scsam.project.record import ProjectRecord, now, read_record, write_record
from napari_scsam.project.record_keeper import RecordKeeper
from napari_scsam.project.repair import renew_copies
from napari_scsam.project.strokes import StrokeKey, create_strokes, list_strokes

CLASSES = "classes"
REVIEWED = "reviewed"
REVIEWED_TABLE = (ClassSpec(1, "reviewed", "#ffd54a"),)
BEFORE_LABELS = ("image", "zarr.json", DRAFT_MARK)
"""What the folder of a new project may hold before it has labels."""
_unwritten: list[Project] = []
"""Projects that were closed before everything was on disk; their locks are held."""


class Project:
    """An open project; `close` it to let others open it.

    A project that a newer version wrote is only read, see `read_only`.

    Parameters
    ----------
    path
        The folder, made by `create_project`.

    Raises
    ------
    UserError
        When it is not a project, cannot be repaired, or is open elsewhere.
    """

    def __init__(self, path: Path) -> None:
        _retry_unwritten()
        self.arrays: dict[str, SavedArray] = {}
        self._tables: dict[str, tuple[ClassSpec, ...]] = {}
        self.folder = ProjectFolder(path)
        try:
            record = read_record(path)
        except BaseException:
            self.folder.release()
            raise
        self._keeper = RecordKeeper(path, record, self.check)
        self._prepare()

    def _prepare(self) -> None:
        """Open what may be changed while the folder has gone; damage is named elsewhere."""
        for name in (CLASSES, REVIEWED, PREDICTED):
            with suppress(UserError):
                self.array(name)
        with suppress(UserError, LookupError, OSError):
            self.class_table()

    @property
    def path(self) -> Path:
        """The folder."""
        return self.folder.path

    @property
    def read_only(self) -> str:
        """Why it cannot be changed, as a sentence; empty when it can."""
        return self.folder.read_only

    def check(self) -> None:
        """Check that the folder is the one that was opened; raises a `MissingStoreError`."""
        self.folder.check()

    @property
    def record(self) -> ProjectRecord:
        """The record, also what is not on disk yet."""
        return self._keeper.record

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label images, without the mask."""
        listed = ngff_attributes(self._labels).get("labels", ())
        return tuple(name for name in listed if name != REVIEWED)

    def array(self, name: str) -> SavedArray:
        """Return a label image to read and change; the same object each time.

        Raises
        ------
        UserError
            When it is damaged as a whole, or the project has gone.
        """
        if name not in self.arrays:
            array = SavedArray(self._stored(name), check=self.check)
            if self.read_only:
                array.seal(self.read_only)
            if name == REVIEWED:  # no value of the mask is on disk before its meaning
                array.write_after(self._keeper.flush)
            self.arrays[name] = array
        return self.arrays[name]

    def intact(self, name: str) -> SavedArray:
        """Return a label image to read; a part that cannot be read is an error, also in a window."""
        return self.array(name).strict()

    def stroke_keys(self) -> tuple[StrokeKey, ...]:
        """Return the classes and axes that strokes were drawn for."""
        return tuple(list_strokes(self.path))

    def stroke_name(self, key: StrokeKey) -> str:
        """Return the name of the array of some strokes, for `array`."""
        return list_strokes(self.path)[key]

    def strokes(self, key: StrokeKey) -> SavedArray:
        """Return the strokes of a class, to read and change; created when there are none.

        uint8 of the image's shape: 1 on the class, 2 beside it, 0 where nothing was drawn.
        """
        self.check()
        name = list_strokes(self.path).get(key)
        if name is None:
            self.folder.check_changeable()
            name = create_strokes(self.path, key, self.record.image.shape)
            renew_copies(self.path)
        return self.array(name)

    @property
    def reviewed(self) -> SavedArray:
        """1 where a person has looked."""
        return self.array(REVIEWED)

    @property
    def predicted(self) -> SavedArray:
        """What the model wrote last."""
        return self.array(PREDICTED)

    def class_table(self, name: str = CLASSES) -> tuple[ClassSpec, ...]:
        """Return the class table of a label image; empty for instances.

        While the project has gone it is the one that was read last.
        """
        try:
            self.check()
        except MissingStoreError:
            if name not in self._tables:
                raise
        else:
            self._tables[name] = read_class_table(self.path / "labels" / name) or ()
        return self._tables[name]

    def add_labels(
        self, name: str, dtype: npt.DTypeLike, classes: Sequence[ClassSpec]
    ) -> SavedArray:
        """Create an empty label image of the image's shape."""
        self.folder.check_changeable()
        size = self.voxel_size
        shape = self.record.image.shape
        create_labels(
            self.path, shape, size, classes, name=name, dtype=dtype, origin=self.record.image.origin
        )
        renew_copies(self.path)
        return self.array(name)

    def show_classes(self, name: str, classes: Sequence[ClassSpec]) -> None:
        """Write another class table for a label image; what else its metadata hold stays."""
        self.folder.check_changeable()
        write_classes(self._labels, name, classes)
        self._tables.pop(name, None)
        renew_copies(self.path)

    @property
    def voxel_size(self) -> VoxelSize | None:
        """Nm along z, y, x: what the user typed, else what the file says."""
        return self.record.voxel_size or self.record.image.voxel_size

    def update(self, **changes: Any) -> None:
        """Change the record, here and on disk; nothing is written when nothing changes.

        A change that cannot be written stays in memory. It is `unsaved`, `trouble` says why, and
        writing is tried again.

        Raises
        ------
        UserError
            When the project is read-only.
        """
        if self.read_only:
            raise UserError(self.read_only)
        self._keeper.update(changes)

    def log(self, what: str, **details: Any) -> None:
        """Add to the history."""
        self.update(history=(*self.record.history, {"when": now(), "what": what, **details}))

    def flush(self) -> None:
        """Wait until everything is on disk; raises an `OSError` when it cannot be written."""
        self._keeper.flush()
        for array in list(self.arrays.values()):
            array.flush()

    @property
    def unsaved(self) -> bool:
        """Whether something is not on disk yet."""
        arrays = list(self.arrays.values())
        return self._keeper.unsaved or any(array.unsaved for array in arrays)

    @property
    def trouble(self) -> Exception | None:
        """Why the last write failed, or why the next one would; None while all is well."""
        try:
            self.check()
        except MissingStoreError as error:
            return error
        failures = [array.trouble for array in list(self.arrays.values())]
        failures.append(self._keeper.trouble)
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
            if self not in _unwritten:
                _unwritten.append(self)
            raise UserError(
                f"'{self.path.name}' cannot be written ({error}); "
                "free some space; saving is retried while napari is open"
            ) from error
        self.folder.release()

    def follow(self, path: Path) -> None:
        """Continue in the folder that was opened, after it was renamed or moved to a path."""
        self.folder.follow(path)
        self._keeper.move_to(path)
        self._move_arrays()

    def move_to(self, path: Path) -> None:
        """Continue in a copy that `copy_project` made."""
        self.folder.release()
        self.folder = ProjectFolder(path)
        if not self.read_only:
            self._keeper.move_to(path, image=read_record(path).image)
        self._move_arrays()

    def _move_arrays(self) -> None:
        for name, array in self.arrays.items():
            array.move_to(self._stored(name), self.check)

    @property
    def _labels(self) -> zarr.Group:
        self.check()
        return open_label_group(self.path, writable=not self.read_only)

    def _stored(self, name: str) -> ZarrArray:
        self.check()
        return open_stored(self.path, name, self.record.image.shape, writable=not self.read_only)


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
    new_level(open_label_group(path), PREDICTED, image.shape, np.dtype(dtype))
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


def _retry_unwritten() -> None:
    """Close the projects that could not be written when they were closed, but can be now."""
    for project in [project for project in _unwritten if not project.unsaved]:
        _unwritten.remove(project)
        project.close()
