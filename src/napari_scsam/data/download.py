"""Downloads that can be interrupted, are checked, and are kept.

A file is streamed into a partial file in the cache, so that what a broken
connection or a pressed cancel leaves behind is continued, not repeated; then
pooch checks it by its hash and moves it to its place in one step.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import platformdirs
import pooch
import requests

from napari_scsam.config import Progress, UserError

pooch.get_logger().setLevel("WARNING")  # it would announce every file on stderr, which belongs to the command line

_CHUNK = 1 << 16
_TIMEOUT = (10.0, 60.0)
"""Seconds to wait for the connection, and for the next bytes."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on the web of which every byte is known."""

    url: str
    size: int
    """Bytes."""
    sha256: str
    name: str = ""
    """What it is called in the cache; the last part of the URL when empty."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or unquote(urlsplit(self.url).path.rpartition("/")[2]))

    @property
    def host(self) -> str:
        """The server's name."""
        return urlsplit(self.url).netloc

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RemoteFile:
        """Read ``{"url": ..., "size": ..., "sha256": ...}``, and ``"name"`` where there is one."""
        return cls(str(data["url"]), int(data["size"]), str(data["sha256"]).lower(), str(data.get("name", "")))


def cache_folder() -> Path:
    """Give the folder for downloads: ``NAPARI_SCSAM_CACHE`` if set, else the user's cache."""
    chosen = os.environ.get("NAPARI_SCSAM_CACHE")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("napari-scsam")


def download(file: RemoteFile, folder: Path | None = None) -> Generator[Progress, None, Path]:
    """Make sure that a file is in the cache, whole and unchanged.

    Closing the generator stops the download; the next one goes on from there.

    Parameters
    ----------
    file
        What to fetch.
    folder
        Where to keep it; `cache_folder` when not given.

    Yields
    ------
    Progress
        In bytes; nothing when the file is there already.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UserError
        When it cannot be fetched, or what came is not the file; the message says how
        to fetch it by hand.
    """
    folder = cache_folder() if folder is None else folder
    target = folder / file.name
    if target.is_file() and pooch.file_hash(str(target)) == file.sha256:
        return target
    part = target.with_name(target.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    if _size(part) > file.size:
        part.unlink()
    for done in _stream(file, part, target):
        yield Progress(done, file.size, f"downloading {file.name}")
    try:
        # pooch asks for a function that downloads; ours hands over what a generator has fetched, because
        # only a generator can tell its progress and be cancelled.
        pooch.retrieve(
            file.url,
            known_hash=f"sha256:{file.sha256}",
            fname=file.name,
            path=folder,
            downloader=lambda _url, output, _pooch: part.replace(output),
        )
    except ValueError as error:
        raise UserError(_advice(file, target, "what the server sent is damaged (its sha256 is wrong) and was deleted")) from error
    return target


def _stream(file: RemoteFile, part: Path, target: Path) -> Iterator[int]:
    """Complete the partial file, again and again as long as each try gets further, and yield the bytes it has so far."""
    before, broken = -1, None
    while before < _size(part) < file.size:
        before = _size(part)
        try:
            yield from _fetch_rest(file, part, target)
        except requests.RequestException as error:
            broken = error
    got = _size(part)
    if got != file.size:
        why = (
            f"the connection broke after {got} of {file.size} bytes, which are kept"
            if got
            else f"nothing came from {file.host}, are you offline?"
        )
        raise UserError(_advice(file, target, why)) from broken


def _fetch_rest(file: RemoteFile, part: Path, target: Path) -> Iterator[int]:
    """Ask once for the bytes that are missing and append them; yield the bytes there are so far."""
    done = _size(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    with requests.get(file.url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
        if not answer.ok:
            raise UserError(_advice(file, target, f"the server answered {answer.status_code}"))
        done = done if _continues(answer, done) else 0
        announced = answer.headers.get("Content-Length")
        if announced is not None and done + int(announced) != file.size:
            part.unlink(missing_ok=True)
            raise UserError(_advice(file, target, f"the server offers {done + int(announced)} bytes where {file.size} are right"))
        with part.open("ab" if done else "wb") as out:
            for chunk in answer.iter_content(_CHUNK):
                done += out.write(chunk)
                if done > file.size:
                    break
                yield done
    if done > file.size:
        part.unlink()
        raise UserError(_advice(file, target, f"the server sends more than the {file.size} bytes that are right"))


def _continues(answer: requests.Response, done: int) -> bool:
    """Tell whether the server goes on where we asked; one that knows no ranges starts anew."""
    return answer.status_code == requests.codes.partial_content and answer.headers.get("Content-Range", "").startswith(f"bytes {done}-")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _advice(file: RemoteFile, target: Path, why: str) -> str:
    return f"could not download {file.name}: {why}; try again, or fetch {file.url} by hand and put it at {target}"
