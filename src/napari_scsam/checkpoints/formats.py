"""The formats that the headers of our safetensors files state, and their numbers."""

from __future__ import annotations

import re
from pathlib import Path

from napari_scsam.config import UserError

NUMBER = 1
"""Of every format that this version writes."""

FORMAT = re.compile(r"napari-scsam (?:[a-z]+ )*(\d{1,9})(?: [a-z]+)*")


def check_not_newer(path: Path, stated: str | None) -> None:
    """Check that a file was not written by a newer version.

    Parameters
    ----------
    path
        The file.
    stated
        The format in its header, such as ``napari-scsam 1`` or ``napari-scsam 1 mae``.

    Raises
    ------
    UserError
        When its number is higher than `NUMBER`.
    """
    match = FORMAT.fullmatch(stated or "")
    if match is not None and int(match[1]) > NUMBER:
        raise UserError(
            f"{path} was written by a newer version of napari-scsam (format {match[1]}); "
            "update napari-scsam to use it"
        )
