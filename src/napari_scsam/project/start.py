"""Creating a project and opening it again; both take time, so they are generators."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scsam.atomic import replacing_folder
from napari_scsam.config import ClassSpec, UserError, VoxelSize
from napari_scsam.errors import saying_os_errors
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.volumes import Volume, open_volume
from napari_scsam.project.damage import Damage, find_damage, image_damage
from napari_scsam.project.image import (
    ImageChangedError,
    ImageMovedError,
    ImageReference,
    copy_image,
    fingerprint,
)
from napari_scsam.project.project import Project, create_project
from napari_scsam.project.record import PROJECT_SUFFIX, check_project_path, mark_ours
from napari_scsam.steps import Progress, Steps


@dataclass(frozen=True, eq=False)
class ImageSource:
    """A displayed image, and the file it may have come from."""

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
    changed: str = ""
    """The file of the image, if it shows something else than before."""
    fits: bool = False
    """Whether the labels fit the changed image, so that the user may go on with it."""
    damage: tuple[Damage, ...] = ()
    """What of the project cannot be read."""

    def close(self) -> None:
        """Close the project, so that others can open it."""
        if self.project is not None:
            self.project.close()


def project_path(text: str) -> Path:
    """Return what a user typed as the name of a project, with its suffix."""
    path = Path(text)
    return path.with_name(path.name.removesuffix(".zarr").removesuffix(".scsam") + PROJECT_SUFFIX)


def start_project(
    path: Path,
    image: ImageSource,
    classes: Sequence[ClassSpec],
    *,
    typed: VoxelSize | None = None,
    dtype: npt.DTypeLike = "uint8",
) -> Generator[Progress, None, Project]:
    """Create a project for a displayed image; it appears when it is complete.

    The image stays where it is if it can be opened from there again. An image in memory is copied
    into the project.

    Parameters
    ----------
    path
        Of the project.
    image
        The displayed image.
    classes
        The class table.
    typed
        Voxel size (z, y, x) in nm, if the user typed it.
    dtype
        Of the class labels.

    Raises
    ------
    UserError
        When there is something at `path`, it is inside a project, or it cannot be written.
    """
    check_project_path(path)
    with saying_os_errors():
        yield from _write_project(path, image, classes, typed, dtype)
    return Project(path)


def _write_project(
    path: Path,
    image: ImageSource,
    classes: Sequence[ClassSpec],
    typed: VoxelSize | None,
    dtype: npt.DTypeLike,
) -> Steps[None]:
    with replacing_folder(path, lambda _: False) as draft:
        yield Progress(0, 3, "looking at the image")
        mark_ours(draft)
        volume = same_volume(image)
        if volume is None:
            copied = draft / "image"
            volume = yield from copy_image(copied, image.data, image.voxel_size, image.origin)
        yield Progress(1, 3, "creating the project")
        reference = ImageReference.of(volume, draft)
        if reference.relative == "image":
            place = str(path.absolute() / "image")
            reference = reference.model_copy(update={"absolute": place})
        project = create_project(draft, reference, classes, voxel_size=typed, dtype=dtype)
        with closing(project):
            yield Progress(2, 3, "measuring the contrast")
            with suppress(UserError):  # an image of one grey can still be painted on
                project.update(contrast=measure_contrast(volume.data).to_dict())


def open_project(
    path: Path, image_path: str | None = None, *, accept_changes: bool = False
) -> Generator[Progress, None, OpenedProject]:
    """Open a project and its image; what of it cannot be read is named in the result.

    Parameters
    ----------
    path
        Of the project.
    image_path
        Where the user says that the image is now.
    accept_changes
        Whether an image with other pixels, and of the same shape, is the project's from now on.

    Raises
    ------
    UserError
        When it is not a project, is open elsewhere, or `image_path` is another image.
    """
    yield Progress(0, 3, f"opening {path.name}")
    project = Project(path)
    try:
        yield Progress(1, 3, "looking for the image")
        image = _find_image(project, image_path, accept_changes=accept_changes)
        yield Progress(2, 3, "checking the labels")
        damage = yield from find_damage(project)
        damage = (*image_damage(project, image), *damage)
    except ImageChangedError as error:
        project.close()
        place = str(error.volume.path)
        return OpenedProject(path, None, None, str(error), changed=place, fits=error.fits)
    except ImageMovedError as error:
        project.close()
        return OpenedProject(path, None, None, str(error))
    except BaseException:
        project.close()
        raise
    return OpenedProject(path, project, image, damage=damage)


def _find_image(project: Project, image_path: str | None, *, accept_changes: bool) -> Volume:
    """Open the image where it was, or where the user says that it is."""
    reference = project.record.image
    if image_path is None:
        try:
            return reference.find(project.path)
        except ImageChangedError as error:
            if not (accept_changes and error.fits):
                raise
            image = error.volume
    else:
        image = open_volume(image_path)
        if not accept_changes or image.shape != reference.shape:
            reference.check(image)
    difference = reference.difference(image)
    if not project.read_only:
        project.update(image=ImageReference.of(image, project.path))
        if difference:
            project.log("went on with a changed image", difference=difference)
    return image


def same_volume(image: ImageSource) -> Volume | None:
    """Open the file that an image came from, if it shows the same."""
    if image.path is None:
        return None
    try:
        volume = open_volume(image.path)
    except UserError:
        return None
    same = volume.shape == tuple(image.data.shape) and volume.dtype == np.dtype(image.data.dtype)
    if same and fingerprint(volume.data) == fingerprint(image.data):
        return volume
    return None
