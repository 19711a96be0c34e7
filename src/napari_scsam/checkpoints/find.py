"""Find checkpoints: the shipped ones, those in the user's folder, or any path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_scsam.checkpoints.card import CheckpointInfo, read_card
from napari_scsam.checkpoints.registry import list_downloads
from napari_scsam.config import UserError
from napari_scsam.errors import MissingFileError
from napari_scsam.paths import user_folder, weights_folder

DEFAULT = "default"
"""Name of the shipped checkpoint."""

_DEFAULT_FILE = "scsam_tiny.safetensors"


def list_checkpoints() -> tuple[CheckpointInfo, ...]:
    """List the checkpoints on this machine, the shipped ones first."""
    folders = (weights_folder(), user_folder())
    paths = [path for folder in folders for path in sorted(folder.glob("*.safetensors"))]
    found = map(_info_if_ours, paths)
    return tuple(info for info in found if info is not None)


def _info_if_ours(path: Path) -> CheckpointInfo | None:
    try:
        return read_card(path)
    except UserError:
        return None


def find_checkpoint(name: str | Path = DEFAULT) -> Path:
    """Turn ``"default"``, a listed name or a path into a path.

    Raises
    ------
    UserError
        When there is no such checkpoint; the message lists the known ones.
    """
    name = str(name)
    if name == DEFAULT:
        return weights_folder() / _DEFAULT_FILE
    path = Path(name).expanduser()
    if path.is_file():
        return path
    listed = {info.name: info.path for info in list_checkpoints()}
    if name in listed:
        return listed[name]
    broken = user_folder() / f"{name}.safetensors"
    if Path(name).name == name and broken.is_file():
        return broken  # who reads it says what is wrong with it
    raise _unknown_checkpoint(name, [DEFAULT, *listed])


def _unknown_checkpoint(name: str, known: Sequence[str]) -> MissingFileError:
    fetch = ""
    if name in {d.name for d in list_downloads()}:
        fetch = f"fetch it with: scsam checkpoints download {name}; or "
    return MissingFileError(
        f"no checkpoint {name!r}; {fetch}give a path, or one of: {', '.join(known)}"
    )


def listed_name(path: Path) -> str | None:
    """Return the name by which `find_checkpoint` finds a file, also on other machines.

    None when only its path finds it.
    """
    try:
        if find_checkpoint(path.stem).samefile(path):
            return path.stem
    except (UserError, OSError):
        pass
    return None


def checkpoint_info(name: str | Path = DEFAULT) -> CheckpointInfo:
    """Read the card of a checkpoint, given its name or path; its weights are not read.

    Raises
    ------
    UserError
        When the file is missing, or is not a ScSAM checkpoint.
    """
    return read_card(find_checkpoint(name))
