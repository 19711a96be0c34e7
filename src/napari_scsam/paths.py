"""Folders and settings outside the program: one place for each environment variable.

| variable | what it sets |
|---|---|
| ``NAPARI_SCSAM_CACHE`` | folder of downloads and of embeddings |
| ``NAPARI_SCSAM_CACHE_GB`` | limit of the embeddings on disk; 0 keeps none |
| ``NAPARI_SCSAM_REMOTE_GB`` | limit of the chunks of remote images on disk; 0 keeps none |
| ``NAPARI_SCSAM_STAGING`` | folder of outputs that are on their way to a bucket |
| ``NAPARI_SCSAM_SIGNED`` | 1 uses your own credentials for ``s3://`` and ``gs://`` |
| ``NAPARI_SCSAM_CHECKPOINTS`` | folder of the user's checkpoints |
| ``NAPARI_SCSAM_USER`` | folder of preferences, such as the list of recent projects |
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import platformdirs

from napari_scsam.errors import UserError

APP = "napari-scsam"
CACHE_LIMIT_VARIABLE = "NAPARI_SCSAM_CACHE_GB"
DEFAULT_CACHE_GB = 20.0
REMOTE_LIMIT_VARIABLE = "NAPARI_SCSAM_REMOTE_GB"
DEFAULT_REMOTE_GB = 10.0


def comparable_path(path: str | os.PathLike[str]) -> str:
    """Return a text that is the same for two paths to one file.

    Names that differ in case only are one file on most disks of Windows and macOS.
    """
    return os.path.realpath(path).casefold()


def weights_folder() -> Path:
    """Return the folder of the shipped checkpoints: in the wheel, or beside ``src`` in a clone."""
    package = Path(__file__).parent
    inside = package / "weights"
    return inside if inside.is_dir() else package.parents[1] / "weights"


def user_folder() -> Path:
    """Return the folder of the user's own and downloaded checkpoints."""
    return _chosen("NAPARI_SCSAM_CHECKPOINTS") or _data_folder() / "checkpoints"


def preferences_folder() -> Path:
    """Return the folder of what is kept between two windows."""
    return _chosen("NAPARI_SCSAM_USER") or _data_folder()


def cache_folder() -> Path:
    """Return the folder of downloads and embeddings."""
    return _chosen("NAPARI_SCSAM_CACHE") or _whole(
        platformdirs.user_cache_path(APP), "NAPARI_SCSAM_CACHE"
    )


def staging_folder() -> Path:
    """Return the folder of outputs that are on their way to a bucket."""
    return _chosen("NAPARI_SCSAM_STAGING") or cache_folder() / "outputs"


def cache_limit_text(otherwise: float = DEFAULT_CACHE_GB) -> str:
    """Return the limit of the embeddings on disk in GB, as the user wrote it.

    Parameters
    ----------
    otherwise
        The limit where the environment variable is not set.
    """
    return os.environ.get(CACHE_LIMIT_VARIABLE, "") or str(otherwise)


def remote_limit_gb() -> float:
    """Return the limit of the chunks of remote images on disk in GB.

    Raises
    ------
    UserError
        When the variable is not a number, or below 0.
    """
    text = os.environ.get(REMOTE_LIMIT_VARIABLE, "") or str(DEFAULT_REMOTE_GB)
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    if not 0 <= limit < math.inf:
        raise UserError(f"{REMOTE_LIMIT_VARIABLE} is {text!r}; give a number of GB, such as 10")
    return limit


def signs_requests() -> bool:
    """Whether the user's own credentials are used for buckets; else they are read as anybody may."""
    return os.environ.get("NAPARI_SCSAM_SIGNED", "") not in ("", "0")


def with_home(path: str | os.PathLike[str]) -> Path:
    """Return a path whose ``~`` is the home folder; it stays where that is not known."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  # that of pathlib raises a RuntimeError


def _data_folder() -> Path:
    return _whole(platformdirs.user_data_path(APP), "NAPARI_SCSAM_USER")


def _whole(folder: Path, variable: str) -> Path:
    """Return a standard folder, unless it would be wherever the program was started.

    Raises
    ------
    UserError
        When it is no whole path, as where a container has no home folder.
    """
    if not folder.is_absolute():
        raise UserError(
            f"the folder {folder} is no whole path, as no home folder is known; "
            f"set HOME or {variable}"
        )
    return folder


def _chosen(variable: str) -> Path | None:
    """Return the folder that an environment variable names, if it is set.

    Raises
    ------
    UserError
        When it begins with the home of somebody whom this computer does not know.
    """
    text = os.environ.get(variable)
    if not text:
        return None
    folder = with_home(text)
    if text.startswith("~") and folder == Path(text):
        raise UserError(
            f"{variable} is {text!r}, but no such home folder is known; give the whole path"
        )
    return folder
