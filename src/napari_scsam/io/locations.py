"""Where an image is: a file or an address, and which of its channels and time points is meant.

``cell.tif:channel=1,time=0`` is the second channel and the first time point of ``cell.tif``. This
spelling is understood wherever an image is named: by commands, in recipes and in projects.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from napari_scsam.errors import UserError

CHOICE = re.compile(r":((?:channel|time)=\d+(?:,(?:channel|time)=\d+)*)$")
"""The end of a name that says which channel and time point is meant."""

ADDRESS = re.compile(r"(?:https?|s3|gs):/{1,2}(?=[^/])", flags=re.IGNORECASE)
"""The beginning of an address; `Path` leaves one of its two slashes."""

LOCAL_ADDRESS = re.compile(r"file:/", flags=re.IGNORECASE)

RAW = re.compile(r"(.+\.raw):(\d+(?:x\d+)+:[<>]?[a-z]+\d+(?::\d+)?)", flags=re.IGNORECASE)
"""A file of bare numbers, and what they are: ``cell.raw:40x512x512:uint8``."""

ZIP_FILE = re.compile(r"(.+\.(?:zip|ozx)):(.*)", flags=re.IGNORECASE)
"""A zarr in a zip, and the path of an image in it: ``cell.zip:/em/raw``."""

HDF5_FILE = re.compile(r"(.+\.(?:h5|hdf5|hdf|ims|emd|hspy|nxs|nc)):(.*)", flags=re.IGNORECASE)


@dataclass(frozen=True)
class Location:
    """What a user named."""

    text: str
    """A path or an address, without the choice."""
    channel: int | None = None
    """Which channel is meant; None when it was not said."""
    time: int | None = None
    """Which time point is meant; None when it was not said."""

    @property
    def is_remote(self) -> bool:
        """Whether it is an address in the network."""
        return ADDRESS.match(self.text) is not None

    def __str__(self) -> str:
        chosen = [
            f"{name}={number}"
            for name, number in (("channel", self.channel), ("time", self.time))
            if number is not None
        ]
        if not chosen:
            return self.text
        return f"{self.text}:{','.join(chosen)}"


def parse_location(text: str, channel: int | None = None, time: int | None = None) -> Location:
    """Read the name of an image.

    Parameters
    ----------
    text
        A path, perhaps with a choice at its end, or an address.
    channel, time
        Which one is meant, instead of what the text says.

    Raises
    ------
    UserError
        When a number is negative, or a ``file://`` address is that of another computer.
    """
    for name, number in (("channel", channel), ("time", time)):
        if number is not None and number < 0:
            raise UserError(f"{name} {number} does not exist; count from 0")
    found = Location(_plain_path(text))
    match = CHOICE.search(found.text)
    if match is not None:
        numbers = dict(part.split("=") for part in match[1].split(","))
        found = Location(
            found.text[: match.start()],
            channel=_number(numbers.get("channel")),
            time=_number(numbers.get("time")),
        )
    if channel is not None:
        found = replace(found, channel=channel)
    if time is not None:
        found = replace(found, time=time)
    return found


def is_address(text: str) -> bool:
    """Whether a name is an address in the network, such as ``https://…`` or ``s3://…``."""
    return parse_location(text).is_remote


def absolute_location(text: str) -> str:
    """Return a name that holds in any folder: an address, or an absolute path."""
    if is_address(text):
        return str(parse_location(text))
    return os.path.abspath(text)  # noqa: PTH100  # may end with the :/path of HDF5


def relative_location(text: str, folder: Path) -> str:
    """Return a path as seen from a folder, with ``/``.

    An address, and a path on another drive of Windows, stay as they are.
    """
    if is_address(text):
        return text
    try:
        return Path(os.path.relpath(text, folder)).as_posix()
    except ValueError:
        return text


def file_of(text: str) -> Path:
    """Return the file of an image on disk, without the choice or the data set after a colon."""
    return Path(split_file(parse_location(text).text)[0])


def split_file(plain: str) -> tuple[str, str]:
    """Return the file in the name of an image, and what follows it, such as ``:/em/raw``."""
    for pattern in (RAW, HDF5_FILE, ZIP_FILE):
        match = pattern.fullmatch(plain)
        if match is not None:
            return match[1], plain[match.end(1) :]
    return plain, ""


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    return int(text)


def _at_home(text: str) -> str:
    """Return a path whose ``~`` is the home folder, unless something is called so."""
    first = text.replace("\\", "/").split("/", 1)[0]
    if not first.startswith("~") or os.path.lexists(first):
        return text
    return os.path.expanduser(text)  # noqa: PTH111  # may end with the :/path of HDF5


def _plain_path(text: str) -> str:
    """Return a path for ``file://``, and an address with both of its slashes."""
    if LOCAL_ADDRESS.match(text):
        parts = urlsplit(re.sub(r"^file:/+", "file:///", text, flags=re.IGNORECASE))
        return url2pathname(parts.path)
    match = ADDRESS.match(text)
    if match is None:
        return _at_home(text)
    scheme = match[0].rstrip("/").lower()
    return f"{scheme}//{text[match.end() :]}"
