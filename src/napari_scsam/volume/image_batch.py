"""Images of which each gets a file of labels: which they are, and where the labels go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.errors import MissingFileError, TakenError
from napari_scsam.io.contents import Contents, check_outside, what_is
from napari_scsam.io.formats.numbers import RAW_SUFFIX
from napari_scsam.io.formats.slice_names import sorted_by_number
from napari_scsam.io.label_files.kinds import LABEL_FILE_KINDS
from napari_scsam.io.labels import read_class_table
from napari_scsam.io.volumes import READERS
from napari_scsam.paths import comparable_path

SUFFIX = ".tif"
"""Of the labels of an image."""

SUFFIXES = frozenset(READERS) - {RAW_SUFFIX}
"""Of images whose names alone say how they are opened."""


def find_images(folder: Path, pattern: str = "*") -> tuple[Path, ...]:
    """Return the images in a folder, in the order of the numbers in their names.

    Files of other kinds, hidden ones and labels of napari-scsam are left out.

    Parameters
    ----------
    folder
        Where they are.
    pattern
        Of their names, such as ``*.tif``.

    Raises
    ------
    UserError
        When there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise MissingFileError(f"there is no folder {folder}; choose the folder of the images")
    try:
        files = [path for path in folder.glob(pattern or "*") if is_image_name(path)]
    except (ValueError, NotImplementedError) as error:
        raise UserError(f"{pattern!r} is not a pattern of names; give one such as *.tif") from error
    images = [path for path in files if what_is(path) is not Contents.LABELS]
    if not images:
        raise UserError(f"no image in {folder} is called {pattern}; choose other names or a folder")
    return tuple(sorted_by_number(images))


def is_image_name(path: Path) -> bool:
    """Whether a file or folder is called like an image that can be opened."""
    return not path.name.startswith(".") and path.suffix.lower() in SUFFIXES


@dataclass(frozen=True)
class ImageBatch:
    """Images, and the folder of their labels."""

    images: tuple[Path, ...]
    folder: Path
    resume: bool = False
    """Whether images whose labels are finished are left out."""
    overwrite: bool = False
    """Whether labels that are there are replaced."""
    failed: dict[Path, str] = field(default_factory=dict)
    """Why an image could not be segmented."""
    outdated: set[Path] = field(default_factory=set)
    """Images whose labels are made again although they are to be kept."""
    chosen: list[Path] = field(default_factory=list)
    """Images that are segmented, once this is known."""

    def labels_of(self, image: Path) -> Path:
        """Return where the labels of an image go."""
        stem = image.stem
        if image.is_dir() and image.suffix != ".zarr":  # a folder of slices may have dots
            stem = image.name
        return self.folder / f"{stem.removesuffix('.ome')}{SUFFIX}"

    def left(self) -> tuple[Path, ...]:
        """Return the images that are to be segmented.

        Raises
        ------
        UserError
            When two images have one name, or an image would be written over.
        TakenError
            When labels are there, or something else, and may not be replaced.
        """
        _check_folder(self.folder)
        targets: dict[Path, Path] = {}
        places: dict[str, Path] = {}
        for image in self.images:
            target = self.labels_of(image)
            earlier = places.setdefault(comparable_path(target), image)
            if earlier is not image:
                raise UserError(
                    f"{earlier} and {image} would both be written to {target}; "
                    "segment them into two folders"
                )
            if os.path.realpath(target) == os.path.realpath(image):
                raise UserError(
                    f"the labels would overwrite the image {image}; name another folder"
                )
            targets[target] = image
        return tuple(
            image
            for target, image in targets.items()
            if not self._is_finished(target) or image in self.outdated
        )

    def check_kept(self, left: Sequence[Path], names: Sequence[str] | None) -> None:
        """Check that labels that are kept have the classes that are asked for.

        Parameters
        ----------
        left
            Images that are to be segmented; the labels of the others are kept.
        names
            Of the classes that are asked for; None asks for no certain ones.

        Raises
        ------
        TakenError
            When a file of labels lacks one of them.
        """
        for image in self.images:
            if names is None or image in left:
                continue
            target = self.labels_of(image)
            known = {name for spec in read_class_table(target) or () for name in _names(spec)}
            lacking = [name for name in names if name not in known]
            if lacking:
                raise TakenError(
                    f"{target} was written with other classes, without {lacking[0]!r}; "
                    "add --overwrite to replace it, or name another folder"
                )

    def _is_finished(self, target: Path) -> bool:
        found = what_is(target)
        if found is Contents.NOTHING:
            return False
        if found is not Contents.LABELS:
            raise TakenError(
                f"{target} already exists and is not a label file of napari-scsam; "
                "name another folder, or move it away"
            )
        if not (self.resume or self.overwrite):
            raise TakenError(
                f"{target} already exists, and its labels may have been corrected; "
                "add --resume to keep them, or --overwrite to replace them"
            )
        return self.resume


def _names(spec: ClassSpec) -> tuple[str, str]:
    return spec.name, spec.known_as


def _check_folder(folder: Path) -> None:
    if folder.suffix.lower() in (".zarr", *LABEL_FILE_KINDS):
        raise UserError(
            f"several images do not go into one {folder.name}; give a folder for their labels"
        )
    check_outside(folder)
    if folder.exists() and not folder.is_dir():
        raise TakenError(f"{folder} is a file; give a folder for the labels of several images")
    if what_is(folder) in (Contents.LABELS, Contents.PROJECT):
        raise TakenError(f"{folder} holds labels or a project; give a folder of another name")
