"""Errors that every room shares; `napari_scsam.config` has them too."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

DRAFT = re.compile(r"\.([^/\\]+?)\.\d+\.(?:part|old)\b")
"""Name of a draft that `napari_scsam.atomic` writes; the group is the name that the user knows."""

WORK = re.compile(r"\.([^/\\]+?)\.[^./\\]+\.work\b[^\s'\")]*")
"""A path in a folder for what is computed on the way; the group is the name of the result."""

RUN = re.compile(r"(?:(?<=[/\\\s'\"(])|^)\.([^/\\]+?)\.instances(?:[/\\][^\s'\")]*|\.lock\b)")
"""A path in the folder of a run of ``scsam instances``, or its lock; the group is its result."""

NAMED_RUNS = 3
"""Runs of slices that a sentence names, where there may be thousands."""

ZARR_DRAFT = re.compile(r"\.[0-9a-f]{32}\.partial\b")
"""What zarr adds to the name of a file that it writes."""


NETWORK_PACKAGES = ("torch", "torchvision", "timm", "segment_anything")
"""What networks need on this computer: the extra ``[local]``."""

INSTALL_LOCAL = 'pip install "napari-scsam[local]"'


class UserError(ValueError):
    """A mistake that the user can correct.

    The message is one sentence: what was wrong, and what to do. The command
    line prints it and exits with 2; the widget shows it as a notification.
    Some are also the error of Python that callers expect: a missing file is a `FileNotFoundError`.
    """


class MissingFileError(UserError, FileNotFoundError):
    """A file or folder that does not exist."""


class TakenError(UserError, FileExistsError):
    """A place that holds something which must not be replaced."""


class PartlyDoneError(UserError):
    """Work that is done but for a part, which the message names; the command line exits with 1."""


class NoClassesError(UserError):
    """A request for classes to a network that has learned none."""

    def __init__(self) -> None:
        super().__init__(
            "this network answers clicks and boxes only; "
            "choose one with classes, or train it on your labels (scsam train)"
        )


class ImportedNetworkError(UserError):
    """A request for prompts, strokes or training to a network that was imported."""

    def __init__(self) -> None:
        super().__init__(
            "this network was imported and finds its own classes only; "
            "choose a ScSAM checkpoint for clicks, strokes and training"
        )


class NoTorchError(UserError, ImportError):
    """Work that needs a network, where neither torch is installed nor a server is used.

    Parameters
    ----------
    otherwise
        How to use a server instead.
    """

    def __init__(self, otherwise: str = "use a server (docs/server.md)") -> None:
        super().__init__(
            f"networks cannot run here, because torch is missing; run {INSTALL_LOCAL}, "
            f"or {otherwise}"
        )


def torch_is_installed() -> bool:
    """Whether networks can run on this computer; nothing is imported."""
    try:
        return all(importlib.util.find_spec(name) is not None for name in NETWORK_PACKAGES)
    except (ImportError, ValueError):  # blocked, or half imported
        return False


def is_missing_torch(error: ImportError) -> bool:
    """Whether an import failed because networks cannot run on this computer."""
    return (error.name or "").partition(".")[0] in NETWORK_PACKAGES


def describe_os_error(error: OSError) -> str:
    """Return a sentence on a file that cannot be read or written."""
    what = "a file"
    if error.filename:
        what = os.fsdecode(error.filename)
    why = error.strerror or str(error)
    if error.errno is not None and "errno = " in why:  # HDF5 tells much of itself
        why = os.strerror(error.errno)
    return (
        f"{without_drafts(what)} cannot be read or written ({without_drafts(why)}); "
        "check the path, its permissions and the free disk space"
    )


@contextmanager
def saying_os_errors() -> Iterator[None]:
    """Raise a `UserError` with a sentence in place of an `OSError`."""
    try:
        yield
    except UserError:  # one that is an `OSError`, too, says it already
        raise
    except OSError as error:
        raise UserError(describe_os_error(error)) from error


def without_drafts(text: str) -> str:
    """Return a text in which temporary files are called by the names that they will have."""
    for temporary in (WORK, RUN, DRAFT):
        text = temporary.sub(r"\1", text)
    return ZARR_DRAFT.sub("", text)


def list_slices(slices: Iterable[int], most: int | None = None) -> str:
    """Return slices in words, e.g. ``slices 0 to 15 and 32``.

    Parameters
    ----------
    slices
        Their numbers, at least one.
    most
        Runs of neighbours that are named; None: all.
    """
    runs: list[list[int]] = []
    for z in sorted(slices):
        if runs and z == runs[-1][1] + 1:
            runs[-1][1] = z
        else:
            runs.append([z, z])
    words = [str(a) if a == b else f"{a} to {b}" for a, b in runs]
    title = "slice" if runs[0][0] == runs[-1][1] else "slices"
    if most is not None and len(words) > most:
        return f"{title} {', '.join(words[:most])} and more"
    if len(words) == 1:
        return f"{title} {words[0]}"
    return f"{title} {', '.join(words[:-1])} and {words[-1]}"
