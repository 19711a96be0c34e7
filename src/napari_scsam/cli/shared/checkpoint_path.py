"""Where a command writes a checkpoint."""

from __future__ import annotations

from pathlib import Path

from napari_scsam.config import UserError

CHECKPOINT_SUFFIX = ".safetensors"


def check_checkpoint_path(path: Path, *, overwrite: bool) -> None:
    """Check, before anything is computed, that the checkpoint can be written.

    Raises
    ------
    UserError
        When it has another suffix, exists and must not be replaced, or its folder cannot be
        written.
    """
    from napari_scsam.checkpoints.replace import check_replaceable
    from napari_scsam.volume.output import make_writable_folder

    if path.suffix != CHECKPOINT_SUFFIX:
        raise UserError(f"{path} is not a checkpoint's name; let it end in {CHECKPOINT_SUFFIX}")
    check_replaceable(path)
    if path.exists() and not overwrite:
        raise UserError(f"{path} already exists; add --overwrite to replace it")
    make_writable_folder(path)
