"""What a segmentation may write over: nothing that somebody may have corrected, unless asked to."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from napari_scsam.config import UserError
from napari_scsam.errors import TakenError
from napari_scsam.io.contents import (
    Contents,
    check_no_link,
    check_not_read_only,
    check_outside,
    what_is,
)
from napari_scsam.io.formats.slices import SLICE_SUFFIXES
from napari_scsam.io.label_files.kinds import is_label_file
from napari_scsam.volume.writing.run_labels import find_stopped, finished_run


def is_taken(out: Path) -> bool:
    """Whether something is at `out` that a run does not continue; a stopped run does not count."""
    return find_stopped(out) is None and what_is(out) is not Contents.NOTHING


def check_output(out: Path, overwrite: bool, resume: bool = False) -> None:
    """Stop before anything of the user's is lost.

    Parameters
    ----------
    out
        Where labels are to go.
    overwrite
        Whether finished labels or a stopped run there may be replaced. A project never is: what
        was reviewed in it would no longer belong to its labels.
    resume
        Whether a stopped run is continued. A finished one is left as it is.

    Raises
    ------
    TakenError
        When `out` is taken; it says what to do.
    UserError
        When it is inside an image.
    """
    check_outside(out, "choose a place outside of it, or use --into IMAGE.zarr")
    found = what_is(out)
    stopped = find_stopped(out) is not None
    if found is Contents.PROJECT:
        raise TakenError(
            f"{out} is an annotation project, whose labels are never replaced; "
            "give the new ones another name"
        )
    if found is Contents.FOREIGN and not stopped:
        raise TakenError(
            f"{out} already exists and is not a label file of napari-scsam; "
            "choose another name, or move it away"
        )
    if stopped and not (resume or overwrite):
        raise TakenError(
            f"{out} holds a stopped run; add --resume to continue it, or --overwrite to start again"
        )
    if found is not Contents.LABELS or out.suffix.lower() != ".zarr":
        check_no_link(out)
    continued = resume and (stopped or finished_run(out) is not None)
    if found is Contents.LABELS and not (continued or overwrite or stopped):
        raise TakenError(
            f"{out} already exists, and its labels may have been corrected; "
            "give another name, or --overwrite to replace them"
        )
    _check_wishes(out, overwrite=overwrite, resume=resume)


def check_no_slice(out: Path, image: Path | None) -> None:
    """Check that labels would not become a slice of the image, which is a folder of slices.

    Raises
    ------
    UserError
        When they would.
    """
    if image is None or out.suffix.lower() not in SLICE_SUFFIXES:
        return
    if os.path.realpath(out.parent) == os.path.realpath(image):
        raise UserError(
            f"{out} would become a slice of the image {image}; choose a place outside of it"
        )


def make_writable_folder(out: Path) -> None:
    """Create the folder of `out`, and check that files can be written there.

    A file that is written at the end would fail there only after hours of work.

    Raises
    ------
    UserError
        When they cannot, the folder belongs to an image, or what is at `out` is read-only.
    """
    check_outside(out)
    check_not_read_only(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise UserError(
            f"{out} cannot be written ({error.strerror}); choose another place"
        ) from error


def _check_wishes(out: Path, *, overwrite: bool, resume: bool) -> None:
    if overwrite and resume:
        raise UserError(
            "--resume continues a run and --overwrite starts it again; choose one of them"
        )
    if resume and is_label_file(out):
        raise UserError(
            f"a run into {out.name} cannot be resumed, because such a file is written at the end; "
            "end the name in .zarr, or leave out --resume"
        )
