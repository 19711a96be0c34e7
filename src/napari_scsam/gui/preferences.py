"""Preferences that outlive a window: short lists of words, one JSON file each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from napari_scsam.json_files import read_json, replace_json
from napari_scsam.paths import preferences_folder

RECENT = "recent_projects"
"""Name of the list."""

SERVERS = "servers"
"""Name of the list of addresses of servers, the last one first; tokens are never in it."""

SERVER_IN_USE = "server_in_use"
"""Name of the list that holds the address of the server that windows begin with, if any."""

MAX_RECENT = 8
"""Most projects in the list."""


def list_file(name: str) -> Path:
    """Return the file of a list."""
    return preferences_folder() / f"{name}.json"


def read_list(name: str) -> list[str]:
    """Read a list; a missing or damaged one is empty."""
    listed = read_json(list_file(name))
    if not isinstance(listed, list):
        return []
    return [word for word in listed if isinstance(word, str)]


def write_list(name: str, words: Sequence[str]) -> None:
    """Write a list; one that cannot be written is left out."""
    file = list_file(name)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_json(file, list(words))


def recent_servers() -> list[str]:
    """Return the addresses of servers that were used, the last one first."""
    return read_list(SERVERS)


def remember_server(address: str) -> None:
    """Put a server first in the list, and let windows begin with it."""
    others = [other for other in recent_servers() if other != address]
    write_list(SERVERS, [address, *others][:MAX_RECENT])
    write_list(SERVER_IN_USE, [address])


def forget_server_in_use() -> None:
    """Make this computer the device that windows begin with."""
    if server_in_use():
        write_list(SERVER_IN_USE, [])


def server_in_use() -> str:
    """Return the address of the server that windows begin with; empty for this computer."""
    return next(iter(read_list(SERVER_IN_USE)), "")


def recent_projects() -> list[Path]:
    """Return the recent projects that still exist."""
    return [path for path in map(Path, read_list(RECENT)) if path.is_dir()]


def remember_project(path: Path) -> None:
    """Put a project first in the list of recent ones."""
    path = path.absolute()
    listed = [path, *(other for other in recent_projects() if other != path)][:MAX_RECENT]
    write_list(RECENT, [str(p) for p in listed])
