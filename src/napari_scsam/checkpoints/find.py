"""Find checkpoints: the shipped ones, those in the user's folder, or any path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_scsam.checkpoints.beside import with_beside
from napari_scsam.checkpoints.card import JOINED, CheckpointInfo, read_card
from napari_scsam.checkpoints.registry import list_downloads
from napari_scsam.config import UserError
from napari_scsam.errors import MissingFileError
from napari_scsam.paths import user_folder, weights_folder, with_home

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
    path = with_home(name)
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

    ``default+er`` is the shipped checkpoint with the imported network ``er`` beside it.

    Raises
    ------
    UserError
        When the file is missing, is not a ScSAM checkpoint, or cannot work beside another.
    """
    main, *others = [read_card(find_checkpoint(each)) for each in split_names(name)]
    if not others:
        return main
    return with_beside(main, others)


def split_names(name: str | Path) -> tuple[str, ...]:
    """Return the names that ``+`` joins; a name or a path may hold a ``+`` itself.

    What is not found stays one name, which `find_checkpoint` then explains.
    """
    left = str(name).split(JOINED)
    if len(left) == 1:
        return (str(name),)
    found = []
    while left:
        longest_first = range(len(left), 0, -1)
        known = (count for count in longest_first if _is_known(JOINED.join(left[:count])))
        count = next(known, len(left))
        found.append(JOINED.join(left[:count]))
        left = left[count:]
    return tuple(found)


def _is_known(name: str) -> bool:
    try:
        find_checkpoint(name)
    except UserError:
        return False
    return True


def absolute_names(name: str | Path) -> str:
    """Return names of checkpoints with absolute paths, which another process finds."""
    names = split_names(name)
    return JOINED.join(str(Path(n).absolute()) if Path(n).exists() else n for n in names)
