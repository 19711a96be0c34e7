"""Copying a project to another place."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

from napari_scsam.atomic import replacing_folder
from napari_scsam.config import UserError
from napari_scsam.errors import saying_os_errors
from napari_scsam.project.image import ImageReference
from napari_scsam.project.project import Project
from napari_scsam.project.record import check_project_path, read_record, write_record
from napari_scsam.steps import Progress


def copy_project(
    project: Project, path: Path, *, moving: bool = False
) -> Generator[Progress, None, Path]:
    """Copy a project; the copy appears when it is complete. Returns its place.

    Parameters
    ----------
    project
        What is copied.
    path
        Of the copy.
    moving
        Whether `Project.move_to` follows. Then what the disk of the project does not take, as a
        full one, is no error: it is written into the copy.

    Raises
    ------
    UserError
        When there is something at `path`, it is inside a project, or one of both cannot be written.
    """
    check_project_path(path)
    project.check()
    yield Progress(0, 2, "writing what is not on disk yet")
    with suppress(OSError) if moving else saying_os_errors():
        project.flush()
    yield Progress(1, 2, f"copying to {path.name}")
    _copy_files(project, path)
    if not project.read_only:  # a record of a newer version is copied as it is
        _refer_to_image(path, project.path)
    return path


def _copy_files(project: Project, path: Path) -> None:
    skipped = shutil.ignore_patterns(".lock", ".open", "*.partial", ".*.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing_folder(path, lambda _: False) as draft:
            shutil.copytree(project.path, draft, ignore=skipped, dirs_exist_ok=True)
    except OSError as error:
        why = error.strerror or "not all of it could be copied"
        raise UserError(
            f"'{path.name}' cannot be written ({why}); choose another place, or make room there"
        ) from error


def _refer_to_image(path: Path, original: Path) -> None:
    """Write into the record of a copy where its image is."""
    record = read_record(path)
    with suppress(UserError):
        volume = record.image.find(original)
        image = record.image  # it was copied with the project, unless it is outside
        if original not in Path(str(volume.path)).parents:
            image = ImageReference.of(volume, path)
        write_record(path, record.model_copy(update={"image": image}))
