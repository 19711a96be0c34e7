"""Beginning a project and opening it again: what takes time, as generators."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scsam.config import ClassSpec, UserError, VoxelSize
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.volumes import Volume, open_volume
from napari_scsam.project.image import ImageMovedError, ImageReference, copy_image, fingerprint
from napari_scsam.project.project import SUFFIX, Project, check_place, create_project, mark_ours
from napari_scsam.steps import Progress


@dataclass(frozen=True, eq=False)
class ImageSource:
    """An image that is shown, and where it may have come from."""

    data: Any
    """(Y, X) or (Z, Y, X), read lazily."""
    path: str | None
    """The file that it was opened from, if one is known."""
    voxel_size: VoxelSize | None
    """nm along z, y, x, as the file or layer says."""
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class OpenedProject:
    """A project, and its image; without an image, `question` says what to ask the user."""

    path: Path
    project: Project | None
    image: Volume | None
    question: str = ""

    def close(self) -> None:
        """Let others open the project."""
        if self.project is not None:
            self.project.close()


def project_path(text: str) -> Path:
    """Complete what a user typed to the name of a project."""
    path = Path(text)
    return path.with_name(path.name.removesuffix(".zarr").removesuffix(".scsam") + SUFFIX)


def start_project(
    path: Path,
    image: ImageSource,
    classes: Sequence[ClassSpec],
    *,
    typed: VoxelSize | None = None,
    dtype: npt.DTypeLike = "uint8",
) -> Generator[Progress, None, Project]:
    """Create a project for an image that is shown; it appears when it is complete.

    The image stays where it is, if it can be opened from there again; an image
    that lies in memory is copied into the project.

    Parameters
    ----------
    path
        Of the project.
    image
        What is shown.
    classes
        The class table.
    typed
        Voxel size (z, y, x) in nm, if the user typed it.
    dtype
        Of the class labels.

    Raises
    ------
    UserError
        When there is something at `path` already, or it lies inside a project.
    """
    check_place(path)
    draft = path.with_name(f".{path.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        yield Progress(0, 3, "looking at the image")
        volume = same_volume(image)
        if volume is None:
            mark_ours(draft)
            volume = yield from copy_image(
                draft / "image", image.data, image.voxel_size, image.origin
            )
        yield Progress(1, 3, "making the project")
        reference = ImageReference.of(volume, draft)
        if reference.relative == "image":
            reference = replace(reference, absolute=str(path.absolute() / "image"))
        project = create_project(draft, reference, classes, voxel_size=typed, dtype=dtype)
        yield Progress(2, 3, "measuring the contrast")
        with suppress(UserError):  # an image of one grey can be painted on all the same
            project.update(contrast=measure_contrast(volume.data).to_dict())
        project.close()
        draft.replace(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Project(path)


def open_project(
    path: Path, image_path: str | None = None
) -> Generator[Progress, None, OpenedProject]:
    """Open a project and its image.

    Parameters
    ----------
    path
        Of the project.
    image_path
        Where the user says that the image is now.

    Raises
    ------
    UserError
        When it is no project, is open elsewhere, or the image shown is another one.
    """
    yield Progress(0, 2, f"opening {path.name}")
    project = Project(path)
    try:
        yield Progress(1, 2, "looking for the image")
        if image_path is not None:
            image = project.record.image.check(open_volume(image_path))
            project.update(image=ImageReference.of(image, path))
        else:
            image = project.record.image.find(path)
    except ImageMovedError as error:
        project.close()
        return OpenedProject(path, None, None, str(error))
    except BaseException:
        project.close()
        raise
    return OpenedProject(path, project, image)


def same_volume(image: ImageSource) -> Volume | None:
    """Open the file that an image came from, if it shows the same."""
    if image.path is None:
        return None
    try:
        volume = open_volume(image.path)
    except UserError:
        return None
    same = volume.shape == tuple(image.data.shape) and volume.dtype == np.dtype(image.data.dtype)
    return volume if same and fingerprint(volume.data) == fingerprint(image.data) else None
