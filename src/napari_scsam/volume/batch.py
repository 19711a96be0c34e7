"""Many images, one after another: a file of labels for each; what fails costs itself alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_scsam.config import UserError
from napari_scsam.errors import PartlyDoneError, TakenError, describe_os_error, without_drafts
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contents import Contents, what_is
from napari_scsam.io.label_files.kinds import KINDS
from napari_scsam.io.volumes import Volume
from napari_scsam.steps import Progress, Steps, as_part
from napari_scsam.volume.run import segment_volume

SUFFIX = ".tif"
"""Of the labels of an image."""


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
        for image in self.images:
            target = self.labels_of(image)
            if target in targets:
                raise UserError(
                    f"{targets[target]} and {image} would both be written to {target}; "
                    "segment them into two folders"
                )
            if os.path.realpath(target) == os.path.realpath(image):
                raise UserError(
                    f"the labels would overwrite the image {image}; name another folder"
                )
            targets[target] = image
        return tuple(image for target, image in targets.items() if not self._is_finished(target))

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


def _check_folder(folder: Path) -> None:
    if folder.suffix.lower() in (".zarr", *KINDS):
        raise UserError(
            f"several images do not go into one {folder.name}; give a folder for their labels"
        )
    if folder.exists() and not folder.is_dir():
        raise TakenError(f"{folder} is a file; give a folder for the labels of several images")
    if what_is(folder) in (Contents.LABELS, Contents.PROJECT):
        raise TakenError(f"{folder} holds labels or a project; give a folder of another name")


def segment_images(
    batch: ImageBatch, opened: Callable[[Path], Volume], predictor: Predictor, **options: Any
) -> Steps[None]:
    """Label each image; yields after each slice, with all images as the total.

    Parameters
    ----------
    batch
        What goes where.
    opened
        Opens an image.
    predictor
        Holds the checkpoint and the device.
    options
        Of `segment_volume`: ``classes`` and ``average_z``.

    Raises
    ------
    UserError
        Before anything is done, as `ImageBatch.left`.
    PartlyDoneError
        At the end, when some images failed. The others are done.
    """
    left = batch.left()
    yield Progress(0, len(left), "opening images")
    for done, image in enumerate(left):
        yield Progress(done, len(left), image.name)
        try:
            steps = segment_volume(
                opened(image),
                predictor,
                batch.labels_of(image),
                overwrite=batch.overwrite,
                **options,
            )
            yield from as_part(_as_one(steps, image.name), done, len(left))
        except UserError as error:
            batch.failed[image] = str(error)
        except OSError as error:
            batch.failed[image] = describe_os_error(error)
    yield Progress(len(left), len(left), "done")
    _report(batch, left)


def _as_one(steps: Steps[None], name: str) -> Steps[None]:
    """Return the steps of an image as a single one, which a run can be stopped after."""
    for _ in steps:
        yield Progress(0, 1, name)


def _report(batch: ImageBatch, left: Sequence[Path]) -> None:
    """Name the images that failed.

    Raises
    ------
    PartlyDoneError
        When there are any.
    """
    if not batch.failed:
        return
    named = "; ".join(f"{path.name}: {without_drafts(why)}" for path, why in batch.failed.items())
    others = ""
    if len(left) > len(batch.failed):
        others = ", and the others are done"
    raise PartlyDoneError(
        f"{len(batch.failed)} of {len(left)} images could not be segmented{others}: {named}"
    )
