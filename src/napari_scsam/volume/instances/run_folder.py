"""The folder of a run beside its output: what is kept until the instances are finished.

It is called ``.NAME.instances``. It holds the settings of the run, records of blocks, provisional
labels, and the growing output. A finished output takes its place in one step.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import zarr

from napari_scsam.atomic import exchange_folders, finish_replacing, sync
from napari_scsam.config import UserError
from napari_scsam.drafts import DRAFT_MARK
from napari_scsam.io.contents import Contents, check_no_link, check_not_read_only, what_is
from napari_scsam.io.own_files import LABEL_IMAGE, foreign_files, list_files
from napari_scsam.io.read_errors import READ_ERRORS
from napari_scsam.io.zarr_access import is_zarr
from napari_scsam.json_files import read_json_object, replace_json

SETTINGS = "run.json"
"""What two runs must share, so that one may continue the other."""

MOVED = ".scsam_moved"
"""File in an output that has taken its place, while the folder of its run is being removed."""

SETTINGS_KEY = "instances"
"""Key of the settings in the metadata of an output."""

OWN_FILES = (
    r"zarr\.json",
    r"labels/zarr\.json",
    rf"labels/[^/]+/{LABEL_IMAGE}",
    MOVED.replace(".", r"\."),
    DRAFT_MARK.replace(".", r"\."),
)
"""Names of files in an output."""


class InstanceFolder:
    """Keeps a run.

    Parameters
    ----------
    out
        Where the finished instances go.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.path = out.parent / f".{out.name}.instances"
        self.draft = self.path / "out.zarr"
        """The output as it grows."""

    @property
    def settings(self) -> dict[str, Any] | None:
        """The settings of a stopped run; None when there is none that can be continued."""
        return read_json_object(self.path / SETTINGS)

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Create the folder, without what a stopped run left in it."""
        self.remove()
        self.path.mkdir(parents=True)
        replace_json(self.path / SETTINGS, settings)

    def remove(self) -> None:
        """Remove the folder, its settings last, so that a killed removal continues.

        Raises
        ------
        UserError
            When it is not the folder of a run.
        """
        if not self.path.exists():
            return
        names = [child.name for child in self.path.iterdir()]
        if SETTINGS not in names and not all(name.startswith(f".{SETTINGS}") for name in names):
            raise UserError(f"{self.path} is not of a run of scsam instances; move it away")
        for child in self.path.iterdir():
            if child.name != SETTINGS:
                _remove(child)
        (self.path / SETTINGS).unlink(missing_ok=True)
        self.path.rmdir()

    def tidy(self) -> None:
        """Finish what a run left that was killed while its output took its place."""
        finish_replacing(self.out)
        if not (self.out / MOVED).is_file():
            return
        self.remove()
        (self.out / MOVED).unlink()
        sync(self.out)

    def finish(self) -> None:
        """Put the output in its place, instead of an older one, and remove the folder."""
        (self.draft / MOVED).touch()
        sync(self.draft)
        if self.out.exists() and any(self.out.iterdir()):
            exchange_folders(self.draft, self.out)
        else:
            with suppress(FileNotFoundError):
                self.out.rmdir()
            self.draft.rename(self.out)
            sync(self.out.parent)
        self.tidy()


def check_instances_output(run: InstanceFolder, *, resume: bool, overwrite: bool) -> None:
    """Stop before anything is lost.

    Raises
    ------
    UserError
        When there is something at the output that this run may not replace or continue.
    """
    out = run.out
    if resume and overwrite:
        raise UserError(
            "--resume continues a run and --overwrite starts it again; choose one of them"
        )
    stopped = run.path.exists()
    if stopped and not (resume or overwrite):
        raise UserError(
            f"{out} holds a stopped run; add --resume to continue it, or --overwrite to start again"
        )
    found = what_is(out)
    if not resume:
        check_no_link(out)
        check_not_read_only(out)
    if found is Contents.NOTHING:
        return
    if found is Contents.PROJECT:
        raise UserError(
            f"{out} is an annotation project, which is never replaced; "
            "give the instances another name"
        )
    if found is Contents.FOREIGN or (out.is_dir() and finished_settings(out) is None):
        raise UserError(
            f"{out} already exists and holds no instances; choose another name, or move it away"
        )
    if not (overwrite or resume):
        raise UserError(
            f"{out} already exists, and its objects may have been corrected; "
            "give another name, or --overwrite to replace them"
        )
    _check_foreign_files(out)


def _check_foreign_files(out: Path) -> None:
    if not out.is_dir():
        return
    foreign = foreign_files(out, OWN_FILES)
    if foreign:
        raise UserError(
            f"{out} also holds {list_files(foreign)}, so it is not replaced; "
            "move that away, or give another name"
        )


def finished_settings(out: Path) -> dict[str, Any] | None:
    """Return the settings of the run that wrote an output; None for anything else."""
    if not (out.is_dir() and is_zarr(out)):
        return None
    try:
        record = zarr.open_group(out, mode="r").attrs.get("scsam")
    except READ_ERRORS:
        return None
    settings = record.get(SETTINGS_KEY) if isinstance(record, dict) else None
    return settings if isinstance(settings, dict) else None


def _remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
