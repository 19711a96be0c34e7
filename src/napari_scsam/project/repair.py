"""Restore the damaged metadata of a project from their copies.

Each ``zarr.json`` of a project has a copy in ``labels/.copies``. Metadata that cannot be used are
moved to ``labels/.damaged``, and their copy takes their place.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import zarr
from pydantic import ValidationError

from napari_scsam.atomic import replacing
from napari_scsam.config import UserError, parse_classes
from napari_scsam.json_files import read_json_object, replace_json
from napari_scsam.project.record import (
    COPIES,
    GROUP_METADATA,
    ProjectRecord,
    copy_of,
    is_newer,
    write_copy,
)

DAMAGED = "labels/.damaged"
"""Folder in a project for files that could not be read; nothing reads them again."""
_PARTS = ("", "labels/", "labels/*/", "labels/*/*/", "strokes/", "strokes/*/", "image/", "image/*/")
"""Where a project has metadata."""

Document = dict[str, Any]


def _restore(file: Path, project: Path) -> None:
    """Replace a file of a project by its copy; the damaged one is set aside."""
    set_aside(project, file)
    with replacing(file) as draft:
        draft.write_bytes(copy_of(file, project).read_bytes())


def repair_metadata(path: Path) -> tuple[str, ...]:
    """Restore each damaged ``zarr.json`` of a project from its copy, and renew the copies.

    Returns
    -------
    tuple of str
        The files that were restored, relative to the project.
    """
    if is_newer(path):
        return ()
    restored = []
    for file in sorted(_metadata_files(path)):
        if _is_usable(file, path):
            _renew_copy(file, path)
        elif _is_usable(file, path, copy_of(file, path)):
            _restore(file, path)
            restored.append(file.relative_to(path).as_posix())
    if list_again(path):
        restored.append(f"labels/{GROUP_METADATA}")
    return tuple(restored)


def renew_copies(path: Path) -> None:
    """Copy the metadata of a project that have changed and can be used."""
    for file in _metadata_files(path):
        if _is_usable(file, path):
            _renew_copy(file, path)


def has_record(path: Path) -> bool:
    """Whether the record of a project can be read, from its file or from its copy."""
    file = path / GROUP_METADATA
    copy = copy_of(file, path)
    return _has_record(read_json_object(file)) or _has_record(read_json_object(copy))


def set_aside(path: Path, file: Path) -> None:
    """Move a file of a project that cannot be read into its folder `DAMAGED`."""
    if not (file.exists() or file.is_symlink()):
        return
    target = path / DAMAGED / file.relative_to(path)
    number = 1
    while target.exists():
        number += 1
        target = target.with_name(f"{file.name}.{number}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(file, target)


def list_again(path: Path) -> bool:
    """List the label images of a project by their folders, if their list cannot be read."""
    file = path / "labels" / GROUP_METADATA
    if _is_usable(file, path) or not file.parent.is_dir():
        return False
    names = [
        folder.name
        for folder in sorted(file.parent.iterdir())
        if _kind_of(read_json_object(folder / GROUP_METADATA)) == "group"
    ]
    if not names:
        return False
    set_aside(path, file)
    ome = {"version": "0.5", "labels": names}
    document = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}}
    replace_json(file, document)
    return True


def _metadata_files(path: Path) -> Iterator[Path]:
    """Yield the metadata of a project, also those of which only the copy is left."""
    found = {
        file.relative_to(path) for part in _PARTS for file in path.glob(f"{part}{GROUP_METADATA}")
    }
    copies = path / COPIES
    found |= {
        f.relative_to(copies) for part in _PARTS for f in copies.glob(f"{part}{GROUP_METADATA}")
    }
    hidden = {relative for relative in found if any(p.startswith(".") for p in relative.parts)}
    for relative in sorted(found - hidden):
        if (path / relative).parent.is_dir():  # else its folder was removed, and with it the labels
            yield path / relative


def _renew_copy(file: Path, path: Path) -> None:
    copy = copy_of(file, path)
    if copy.is_dir():  # whoever damaged it so
        set_aside(path, copy)
    if not copy.is_file() or copy.read_bytes() != file.read_bytes():
        write_copy(file, path)


def _is_usable(file: Path, path: Path, copy: Path | None = None) -> bool:
    """Whether metadata, or their copy, are whole and fit to where they are."""
    document = read_json_object(copy or file)
    if document is None or document.get("zarr_format") != 3:
        return False
    if len(file.relative_to(path).parts) > 1 and _kind_of(document) == "array":
        return _is_array(document, read_json_object(copy_of(file, path)))
    if _kind_of(document) != "group" or not isinstance(document.get("attributes"), dict):
        return False
    check = _GROUP_CHECKS.get(file.parent.relative_to(path).parts)
    if check is None:
        check = _is_label_group if file.parent.parent == path / "labels" else _is_group
    return check(document)


def _kind_of(document: Document | None) -> Any:
    return (document or {}).get("node_type")


def _is_array(document: Document, copy: Document | None) -> bool:
    """Whether metadata of an array are whole; they never change, so their copy knows them."""
    if copy is not None and copy != document:
        return not _opens(copy)
    return _opens(document)


def _opens(document: Document) -> bool:
    """Whether zarr understands the metadata of an array."""
    store = zarr.storage.MemoryStore()
    content = zarr.core.buffer.default_buffer_prototype().buffer.from_bytes(
        json.dumps(document).encode()
    )
    try:
        zarr.core.sync.sync(store.set(GROUP_METADATA, content))
        array = zarr.open_array(store, mode="r")
    except Exception:  # noqa: BLE001  # zarr has no error of its own for damaged metadata
        return False
    return 0 not in array.shape


def _has_record(document: Document | None) -> bool:
    try:
        stored = (document or {})["attributes"]["scsam"]
        number = stored["format"]
        ProjectRecord.from_dict(stored["project"])
    except (LookupError, TypeError, AttributeError, ValidationError):
        return False
    return type(number) is int and number > 0


def _lists_labels(document: Document) -> bool:
    ome = document["attributes"].get("ome")
    names = ome.get("labels") if isinstance(ome, dict) else None
    return isinstance(names, list) and bool(names) and all(isinstance(n, str) for n in names)


def _is_label_group(document: Document) -> bool:
    attributes = document["attributes"]
    try:
        levels = attributes["ome"]["multiscales"][0]["datasets"]
        paths = [level["path"] for level in levels]
        classes = attributes["scsam"]["classes"]
        if classes:
            parse_classes(classes)
    except (LookupError, TypeError, UserError):
        return False
    return isinstance(classes, list) and paths[:1] == ["0"]


def _is_group(_document: Document) -> bool:
    return True


_GROUP_CHECKS: dict[tuple[str, ...], Callable[[Document], bool]] = {
    (): _has_record,
    ("labels",): _lists_labels,
}
