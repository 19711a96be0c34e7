"""Which data clients may name: what is in some folders, or behind some addresses, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from napari_scsam.config import UserError
from napari_scsam.io.locations import Location, is_address, parse_location, split_file
from napari_scsam.paths import with_home

MOST_ENTRIES = 5_000_000
"""Files and folders of one image that are looked at for links."""


class NotServedError(UserError):
    """Data that clients may not name."""


@dataclass(frozen=True)
class DataPlaces:
    """Folders and addresses whose data clients may name."""

    folders: tuple[Path, ...] = ()
    """Without links in their paths."""
    addresses: tuple[str, ...] = ()
    """What is below them is allowed, too."""

    @classmethod
    def of(cls, places: Sequence[str]) -> DataPlaces:
        """Read the places that a server is started with.

        Raises
        ------
        UserError
            When a folder is missing, or an address is none.
        """
        folders = []
        addresses = []
        for place in places:
            if is_address(place):
                _split_address(parse_location(place).text)
                addresses.append(parse_location(place).text.rstrip("/"))
                continue
            folder = with_home(place)
            if not folder.is_dir():
                raise UserError(f"there is no folder {place} to serve data from; check the path")
            folders.append(folder.resolve())
        return cls(tuple(folders), tuple(addresses))

    def check(self, text: str) -> str:
        """Return the name of an image with its path resolved.

        Parameters
        ----------
        text
            A path in one of the folders, absolute or as seen from it, or an address.

        Raises
        ------
        UserError
            When it is elsewhere, or a link in it leads elsewhere. Whether there is anything
            elsewhere is not told.
        """
        try:
            wanted = parse_location(text)
            if wanted.is_remote:
                return self._check_address(wanted)
            return self._check_path(wanted)
        except UserError:
            raise
        except (OSError, ValueError, RuntimeError):
            raise self._refusal(text) from None

    def _check_path(self, wanted: Location) -> str:
        file, inside = split_file(wanted.text)
        for folder in self.folders:
            path = Path(os.path.realpath(folder / file))
            if not path.is_relative_to(folder) or not (path.is_file() or path.is_dir()):
                continue
            if path.is_dir():
                check_links(path, folder)
            return str(replace(wanted, text=f"{path}{inside}"))
        raise self._refusal(str(wanted))

    def _check_address(self, wanted: Location) -> str:
        parts = _split_address(wanted.text)
        for place in self.addresses:
            allowed = urlsplit(place)
            same = (parts.scheme, parts.netloc) == (allowed.scheme, allowed.netloc)
            below = parts.path.rstrip("/") == allowed.path.rstrip("/") or parts.path.startswith(
                f"{allowed.path.rstrip('/')}/"
            )
            if same and below:
                return str(wanted)
        raise self._refusal(str(wanted))

    def _refusal(self, text: str) -> NotServedError:
        if not self.folders and not self.addresses:
            return NotServedError(
                "this server opens no data; start it with --data, or send the slices"
            )
        return NotServedError(
            f"{text[:200]!r} is not among the data that the server opens; name an image in the "
            "folders or addresses of its --data"
        )


def _split_address(text: str) -> SplitResult:
    """Return the parts of an address that can mean one thing only.

    Raises
    ------
    UserError
        When it has a password, a query, or steps up in its path.
    """
    parts = urlsplit(text)
    plain = unquote(unquote(parts.path))
    steps = plain.replace("\\", "/").split("/")
    odd = plain.count("/") != parts.path.count("/") or not {".", ".."}.isdisjoint(steps)
    if odd or "@" in parts.netloc or parts.query or parts.fragment or not parts.netloc:
        raise NotServedError(
            f"{text[:200]!r} is not a plain address; write it without .., a password and a query"
        )
    return parts


def check_links(path: Path, folder: Path) -> None:
    """Raise an error if a link in a folder leads out of the folders that are served.

    Parameters
    ----------
    path
        Of the image, a folder.
    folder
        That is served.
    """
    seen = 0
    left = [path]
    visited = {path}
    while left:
        with os.scandir(left.pop()) as entries:
            for entry in entries:
                seen += 1
                if seen > MOST_ENTRIES:
                    raise UserError(f"{path.name} has too many files; name a part of it")
                real = Path(entry.path)
                if entry.is_symlink():
                    real = Path(os.path.realpath(entry.path))
                    _check_inside(real, folder, path.name)
                if entry.is_dir() and real not in visited:
                    visited.add(real)
                    left.append(real)


def _check_inside(real: Path, folder: Path, name: str) -> None:
    """Raise an error if a link leads out of a folder."""
    if not real.is_relative_to(folder):
        raise NotServedError(
            f"{name} holds a link that leads out of the data of the server; "
            "replace it by what it leads to"
        )
