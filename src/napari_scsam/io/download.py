"""Downloads that can be interrupted, are checked, and are kept.

A file is streamed into a partial file in the cache. So a download that a broken connection or the
user stopped is resumed, not repeated. Then pooch checks its hash and moves it to its place in one
step. pooch and requests are imported with the first download, as this takes a third of a second.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from napari_scsam.config import UserError
from napari_scsam.paths import cache_folder
from napari_scsam.steps import Progress

if TYPE_CHECKING:
    import requests

_CHUNK = 1 << 16
_TIMEOUT = (10.0, 60.0)
"""Seconds to wait for the connection, and for the next bytes."""

ALGORITHMS = ("sha256", "xxh128")
"""Hashes that publishers use, the better first: xxh128 finds damage, but not forgery."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on the web with a known hash, and usually a known size."""

    url: str
    size: int
    """Bytes; 0 when it is unknown."""
    hash: str
    """As pooch writes it: hex digits of the sha256, or another algorithm, ``"xxh128:…"``."""
    name: str = ""
    """Its name in the cache; the last part of the URL when empty."""

    def __post_init__(self) -> None:
        last = unquote(urlsplit(self.url).path.rpartition("/")[2])
        object.__setattr__(self, "name", self.name or last)

    @property
    def host(self) -> str:
        """The server's name."""
        return urlsplit(self.url).netloc

    @property
    def algorithm(self) -> str:
        """The algorithm of its hash, e.g. ``"sha256"``."""
        from pooch.hashes import hash_algorithm

        return str(hash_algorithm(self.hash))

    @property
    def checks(self) -> str:
        """What a download is compared with, in words."""
        if self.size:
            return f"size and {self.algorithm}"
        return f"{self.algorithm} only, because its size is unknown"

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RemoteFile:
        """Read ``{"url": …, "size": …, "sha256": …}``, with ``"name"`` if there is one.

        The size may be null; ``"xxh128"`` may replace ``"sha256"``.
        """
        algorithm = next(a for a in ALGORITHMS if a in data)
        known = f"{algorithm}:{data[algorithm]}".lower()
        return cls(str(data["url"]), int(data["size"] or 0), known, str(data.get("name", "")))


def download(file: RemoteFile, folder: Path | None = None) -> Generator[Progress, None, Path]:
    """Download a file, unless it is in the cache, whole and unchanged.

    Closing the generator stops the download; the next one resumes it.

    Parameters
    ----------
    file
        The file to fetch.
    folder
        Where to keep it; `cache_folder` when not given.

    Yields
    ------
    Progress
        In bytes, of a total of 0 while the size is unknown; the last one says what was checked.
        Nothing when the file is already in the cache.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UserError
        When it cannot be fetched, or what came is not the file; the message says how to fetch it
        by hand.
    """
    import pooch
    from pooch.hashes import hash_matches

    # It would announce every file on stderr, which belongs to the command line.
    pooch.get_logger().setLevel("WARNING")
    folder = cache_folder() if folder is None else folder
    target = folder / file.name
    if target.is_file() and hash_matches(str(target), file.hash):
        return target
    part = target.with_name(target.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    yield from _stream(file, part, target)
    try:
        # pooch needs a function that downloads. This one hands over what the generator fetched,
        # because only a generator can report its progress and be cancelled.
        pooch.retrieve(
            file.url,
            known_hash=file.hash,
            fname=file.name,
            path=folder,
            downloader=lambda _url, output, _pooch: part.replace(output),
        )
    except ValueError as error:
        why = f"what the server sent is damaged (wrong {file.algorithm}) and was deleted"
        raise UserError(_advice(file, target, why)) from error
    yield Progress(_size(target), _size(target), f"{file.name} is whole by {file.checks}")
    return target


def _stream(file: RemoteFile, part: Path, target: Path) -> Iterator[Progress]:
    """Complete the partial file; try again as long as each try gets further."""
    import requests

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
        raise UserError(_advice(file, target, _why_stopped(file, part))) from broken


def _why_stopped(file: RemoteFile, part: Path) -> str:
    got = _size(part)
    if not got:
        return f"nothing came from {file.host}, are you offline?"
    of = ""
    if file.size:
        of = f" of {file.size}"
    return f"the connection broke after {got}{of} bytes, which are kept"


def _ask_for_space(file: RemoteFile, part: Path, target: Path) -> None:
    missing = file.size - _size(part)
    free = shutil.disk_usage(part.parent).free
    if missing > free:
        raise UserError(
            f"could not download {file.name}: {target.parent} has room for {free / 1e9:.1f} GB, "
            f"and {missing / 1e9:.1f} GB are missing; make room, or choose another folder"
        )


def _headers(done: int) -> dict[str, str]:
    """Return the headers of a request for the bytes after those that are there."""
    headers = {"Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    return headers


def _fetch_rest(file: RemoteFile, part: Path, target: Path) -> Iterator[Progress]:
    """Ask once for the bytes that are missing and append them."""
    import requests

    done = _size(part)
    with requests.get(file.url, headers=_headers(done), stream=True, timeout=_TIMEOUT) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable and not file.size:
            return  # there is nothing more; the hash tells whether the file is whole
        if not answer.ok:
            raise UserError(_advice(file, target, f"the server answered {answer.status_code}"))
        if not _continues(answer, done):
            done = 0
        offered = _offered_size(answer, done, file)
        _check_offered(file, part, target, offered)
        yield from _append(file, part, answer, done, offered)
    if 0 < file.size < _size(part):
        part.unlink()
        why = f"the server sent more than the expected {file.size} bytes"
        raise UserError(_advice(file, target, why))


def _check_offered(file: RemoteFile, part: Path, target: Path, offered: int) -> None:
    if file.size and offered != file.size:
        part.unlink(missing_ok=True)
        why = f"the server offers {offered} bytes instead of the expected {file.size}"
        raise UserError(_advice(file, target, why))


def _offered_size(answer: requests.Response, done: int, file: RemoteFile) -> int:
    """Return the size of the whole file as the server states it."""
    length = answer.headers.get("Content-Length")
    if length is None:
        return file.size
    return done + int(length)


def _append(
    file: RemoteFile, part: Path, answer: requests.Response, done: int, offered: int
) -> Iterator[Progress]:
    """Write what the server sends behind the bytes that are done; stop when it is too much."""
    with part.open("ab" if done else "wb") as out:
        for chunk in answer.iter_content(_CHUNK):
            done += out.write(chunk)
            if 0 < file.size < done:
                break
            yield Progress(done, offered, f"downloading {file.name}")


def _continues(answer: requests.Response, done: int) -> bool:
    """Whether the server continues where we asked; without ranges it starts from the beginning."""
    import requests

    if answer.status_code != requests.codes.partial_content:
        return False
    return answer.headers.get("Content-Range", "").startswith(f"bytes {done}-")


def _size(path: Path) -> int:
    if not path.is_file():
        return 0
    return path.stat().st_size


def _advice(file: RemoteFile, target: Path, why: str) -> str:
    return (
        f"could not download {file.name}: {why}; "
        f"try again, or fetch {file.url} by hand and put it at {target}"
    )
