"""What a segmentation may write over: nothing that somebody may have corrected, unless asked to."""

from __future__ import annotations

from pathlib import Path

from napari_scsam.config import UserError
from napari_scsam.io.contents import Contents, what_is
from napari_scsam.volume.ledger import LEDGER


def is_taken(out: Path) -> bool:
    """Whether something is at `out` that a run does not continue; a stopped run does not count."""
    stopped = out.is_dir() and (out / LEDGER).is_file()
    return not stopped and what_is(out) is not Contents.NOTHING


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
    found = what_is(out)
    if found is Contents.PROJECT:
        raise UserError(
            f"{out} is an annotation project, whose labels are never replaced; "
            "give the new ones another name"
        )
    if not is_taken(out):
        return
    if found is Contents.FOREIGN:
        raise UserError(
            f"{out} already exists and is not a label file of napari-scsam; "
            "choose another name, or move it away"
        )
    if not overwrite:
        raise UserError(
            f"{out} already exists, and its labels may have been corrected; "
            "give another name, or --overwrite to replace them"
        )
