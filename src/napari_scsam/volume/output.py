"""What a segmentation may write over: nothing that somebody may have corrected, unless asked to."""

from __future__ import annotations

from pathlib import Path

from napari_scsam.config import UserError
from napari_scsam.io.labels import is_ours, read_class_table
from napari_scsam.io.lazy import READ_ERRORS
from napari_scsam.project.project import is_project
from napari_scsam.volume.ledger import LEDGER


def is_taken(out: Path) -> bool:
    """Return whether there is something at `out` that a run does not go on from: an empty folder or file and a stopped run do not count."""
    if out.is_dir():
        return not (out / LEDGER).is_file() and any(out.iterdir())
    return out.exists() and out.stat().st_size > 0


def check_output(out: Path, overwrite: bool) -> None:
    """Stop before anything of the user's is lost.

    Parameters
    ----------
    out
        Where labels are to go.
    overwrite
        Whether finished labels there may be replaced. A project never is: what
        was reviewed in it would no longer belong to its labels.

    Raises
    ------
    UserError
        When `out` is taken; it says what to do.
    """
    if is_project(out):
        raise UserError(
            f"{out} is an annotation project, whose labels are never replaced; give the new ones another name"
        )
    if not is_taken(out):
        return
    if not (is_ours(out) if out.is_dir() else _is_label_tiff(out)):
        raise UserError(
            f"{out} is there already and is no label file of napari-scsam; choose another name, or move it away"
        )
    if not overwrite:
        raise UserError(
            f"{out} is there already, and its labels may have been corrected; give another name, or --overwrite to replace them"
        )


def _is_label_tiff(path: Path) -> bool:
    try:
        return read_class_table(path) is not None
    except (UserError, *READ_ERRORS):
        return False
