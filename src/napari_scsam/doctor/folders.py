"""The folders of checkpoints, cache and preferences: sizes, free space, and whether they work."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_scsam.checkpoints.card import read_card
from napari_scsam.doctor.finding import Finding, size_text
from napari_scsam.errors import UserError
from napari_scsam.paths import (
    CACHE_LIMIT_VARIABLE,
    cache_folder,
    cache_limit_text,
    preferences_folder,
    remote_limit_gb,
    user_folder,
)

PREFIX = "NAPARI_SCSAM_"
"""How the names of our environment variables begin; none of them holds a secret."""

LITTLE_SPACE = 2e9
"""Bytes of free space below which the cache and new checkpoints may not fit."""


def examine_folders() -> tuple[Finding, ...]:
    """Return the folders that this program writes into."""
    return (_checkpoints(user_folder()), _cache(cache_folder()), _preferences(), _variables())


def _variables() -> Finding:
    """Return the environment variables of this program that are set."""
    found = {name: os.environ[name] for name in sorted(os.environ) if name.startswith(PREFIX)}
    text = ", ".join(f"{name}={value}" for name, value in found.items()) or "none is set"
    return Finding("variables", text, found)


def _checkpoints(folder: Path) -> Finding:
    files = sorted(folder.glob("*.safetensors"))
    facts = _facts(folder)
    text = f"{facts['folder']}: {len(files)} checkpoints, {_sizes(facts)}"
    return Finding("models", text, facts, (*_complaints(folder), *_broken(files)))


def _broken(files: list[Path]) -> Iterator[str]:
    for file in files:
        try:
            read_card(file)
        except UserError as error:
            yield str(error)


def _cache(folder: Path) -> Finding:
    facts = {**_facts(folder), "limit_gigabytes": cache_limit_text()}
    text = f"{facts['folder']}: {_sizes(facts)}, at most {cache_limit_text()} GB of embeddings"
    complaints = [*_complaints(folder)]
    if not _is_limit(cache_limit_text()):
        complaints.append(
            f"{CACHE_LIMIT_VARIABLE} is {cache_limit_text()!r}; "
            "set it to a number of gigabytes, or to 0 for no cache"
        )
    try:
        remote_limit_gb()
    except UserError as error:
        complaints.append(str(error))
    return Finding("cache", text, facts, tuple(complaints))


def _is_limit(text: str) -> bool:
    try:
        return 0 <= float(text) < float("inf")
    except ValueError:
        return False


def _preferences() -> Finding:
    folder = preferences_folder()
    shown = str(folder)
    return Finding("preferences", shown, {"folder": shown}, tuple(_not_writable(folder)))


def _facts(folder: Path) -> dict[str, Any]:
    """Return path, size and free space of a folder as JSON values."""
    free = None
    with suppress(OSError):  # what is wrong with the folder is found when it is written into
        free = shutil.disk_usage(_existing(folder)).free
    return {
        "folder": str(folder),
        "exists": folder.is_dir(),
        "bytes": bytes_in(folder),
        "free_bytes": free,
    }


def _sizes(facts: dict[str, Any]) -> str:
    text = size_text(facts["bytes"])
    if facts["free_bytes"] is not None:
        text += f", {size_text(facts['free_bytes'])} free"
    return text


def bytes_in(folder: Path) -> int:
    """Return the bytes of all files in a folder; what cannot be read counts as nothing."""
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(above, name)).st_size  # noqa: PTH118 - many files
            except OSError:
                continue
    return total


def _complaints(folder: Path) -> Iterator[str]:
    """Yield what is wrong with a folder that large files are written into."""
    trouble = list(_not_writable(folder))
    yield from trouble
    if trouble:
        return
    free = shutil.disk_usage(_existing(folder)).free
    if free < LITTLE_SPACE:
        yield (
            f"the disk of {folder} has {size_text(free)} of free space; "
            "free some, or name another folder (scsam doctor --help lists the variables)"
        )


def _not_writable(folder: Path) -> Iterator[str]:
    """Yield a sentence when nothing can be written into a folder, or where it is to be created."""
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            pass
    except OSError as error:
        yield (
            f"{folder} cannot be written ({error.strerror or error}); "
            "mend its permissions, or name another folder (scsam doctor --help lists the variables)"
        )


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest existing one above it."""
    for each in (folder, *folder.parents):
        if each.exists():
            return each
    return folder
