"""Downloads that can be interrupted, are checked, and are kept.

A file is streamed into a partial file in the cache, so that what a broken
connection or a pressed cancel leaves behind is continued, not repeated; then
pooch checks it by its hash and moves it to its place in one step.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pooch
import requests
from pooch.hashes import hash_algorithm, hash_matches

from napari_scsam.config import UserError
from napari_scsam.paths import cache_folder
from napari_scsam.steps import Progress

pooch.get_logger().setLevel(
    "WARNING"
)  # it would announce every file on stderr, which belongs to the command line

_CHUNK = 1 << 16
_TIMEOUT = (10.0, 60.0)
"""Seconds to wait for the connection, and for the next bytes."""

ALGORITHMS = ("sha256", "xxh128")
"""Hashes that publishers give, the better first: xxh128 finds damage, but not forgery."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on the web of which the hash is known, and mostly the size."""

    url: str
    size: int
    """Bytes; 0 when nobody states it."""
    hash: str
    """As pooch writes it: hex digits of the sha256, or another algorithm and its digits, ``"xxh128:…"``."""
    name: str = ""
    """What it is called in the cache; the last part of the URL when empty."""

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "name", self.name or unquote(urlsplit(self.url).path.rpartition("/")[2])
        )

    @property
    def host(self) -> str:
        """The server's name."""
        return urlsplit(self.url).netloc

    @property
    def algorithm(self) -> str:
        """The algorithm of its hash, e.g. ``"sha256"``."""
        return str(hash_algorithm(self.hash))

    @property
    def checks(self) -> str:
        """What a download is held against, in words."""
        return (
            f"size and {self.algorithm}"
            if self.size
            else f"{self.algorithm} alone, for nobody states its size"
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RemoteFile:
        """Read ``{"url": ..., "size": ..., "sha256": ...}``, and ``"name"`` where there is one.

        The size may be null; ``"xxh128"`` may stand in the place of ``"sha256"``.
        """
        algorithm = next(a for a in ALGORITHMS if a in data)
        known = f"{algorithm}:{data[algorithm]}".lower()
        return cls(str(data["url"]), int(data["size"] or 0), known, str(data.get("name", "")))


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
        In bytes, of a total of 0 while nobody knows the size; the last one says what
        was checked. Nothing when the file is there already.

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
    if target.is_file() and hash_matches(str(target), file.hash):
        return target
    part = target.with_name(target.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    yield from _stream(file, part, target)
    try:
        # pooch asks for a function that downloads; ours hands over what a generator has fetched, because
        # only a generator can tell its progress and be cancelled.
        pooch.retrieve(
            file.url,
            known_hash=file.hash,
            fname=file.name,
            path=folder,
            downloader=lambda _url, output, _pooch: part.replace(output),
        )
    except ValueError as error:
        why = f"what the server sent is damaged (its {file.algorithm} is wrong) and was deleted"
        raise UserError(_advice(file, target, why)) from error
    yield Progress(_size(target), _size(target), f"{file.name} is whole by {file.checks}")
    return target


def _stream(file: RemoteFile, part: Path, target: Path) -> Iterator[Progress]:
    """Complete the partial file, again and again as long as each try gets further."""
    if file.size and _size(part) > file.size:
        part.unlink()
    _ask_for_space(file, part, target)
    before = -1
    broken = None
    ended = 0 < file.size == _size(part)
    while not ended and before < _size(part):
        before = _size(part)
        broken = None
        try:
            yield from _fetch_rest(file, part, target)
        except requests.RequestException as error:
            broken = error
        ended = _size(part) == file.size if file.size else broken is None
    if not ended:
        got = _size(part)
        of = f" of {file.size}" if file.size else ""
        kept = f"the connection broke after {got}{of} bytes, which are kept"
        raise UserError(
            _advice(
                file, target, kept if got else f"nothing came from {file.host}, are you offline?"
            )
        ) from broken


def _ask_for_space(file: RemoteFile, part: Path, target: Path) -> None:
    missing = file.size - _size(part)
    free = shutil.disk_usage(part.parent).free
    if missing > free:
        raise UserError(
            f"could not download {file.name}: {target.parent} has room for {free / 1e9:.1f} GB, and {missing / 1e9:.1f} GB are to come; "
            "make room, or choose another folder"
        )


def _fetch_rest(file: RemoteFile, part: Path, target: Path) -> Iterator[Progress]:
    """Ask once for the bytes that are missing and append them."""
    done = _size(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    with requests.get(file.url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable and not file.size:
            return  # nothing follows what is here already; the hash will tell whether it is all
        if not answer.ok:
            raise UserError(_advice(file, target, f"the server answered {answer.status_code}"))
        done = done if _continues(answer, done) else 0
        length = answer.headers.get("Content-Length")
        offered = done + int(length) if length is not None else file.size
        if file.size and offered != file.size:
            part.unlink(missing_ok=True)
            raise UserError(
                _advice(
                    file, target, f"the server offers {offered} bytes where {file.size} are right"
                )
            )
        with part.open("ab" if done else "wb") as out:
            for chunk in answer.iter_content(_CHUNK):
                done += out.write(chunk)
                if 0 < file.size < done:
                    break
                yield Progress(done, offered, f"downloading {file.name}")
    if 0 < file.size < done:
        part.unlink()
        raise UserError(
            _advice(
                file, target, f"the server sends more than the {file.size} bytes that are right"
            )
        )


def _continues(answer: requests.Response, done: int) -> bool:
    """Return whether the server goes on where we asked; one that knows no ranges starts anew."""
    return answer.status_code == requests.codes.partial_content and answer.headers.get(
        "Content-Range", ""
    ).startswith(f"bytes {done}-")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _advice(file: RemoteFile, target: Path, why: str) -> str:
    return f"could not download {file.name}: {why}; try again, or fetch {file.url} by hand and put it at {target}"
