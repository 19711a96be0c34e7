"""Damage every file of a project, in many ways."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs import Zstd

Act = Callable[[Path], None]


@dataclass(frozen=True)
class DamageKind:
    """A way to damage a file."""

    name: str
    act: Act


def truncate(file: Path) -> None:
    """Keep the first half."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def empty(file: Path) -> None:
    """Keep nothing."""
    file.write_bytes(b"")


def zero(file: Path) -> None:
    """Set all bytes to zero, as a file system does after a power cut."""
    file.write_bytes(bytes(file.stat().st_size))


def garble(file: Path) -> None:
    """Write random bytes."""
    size = max(40, file.stat().st_size)
    file.write_bytes(np.random.default_rng(0).integers(0, 256, size).astype(np.uint8).tobytes())


def flip(file: Path) -> None:
    """Change one byte in the middle."""
    content = bytearray(file.read_bytes() or b" ")
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(bytes(content))


def replace_by_folder(file: Path) -> None:
    """Put a folder in place of the file."""
    file.unlink()
    file.mkdir()


def replace_by_link(file: Path) -> None:
    """Put a link that leads nowhere in place of the file."""
    file.unlink()
    file.symlink_to("nowhere")


def remove(file: Path) -> None:
    """Remove the file."""
    file.unlink()


WAYS = tuple(
    DamageKind(act.__name__, act)
    for act in (truncate, empty, zero, garble, flip, replace_by_folder, replace_by_link)
)
"""For every file."""


def write_json(value: Any) -> Act:
    """Return what replaces a file by a JSON value."""
    return lambda file: file.write_text(json.dumps(value), encoding="utf-8") and None


def set_key(*keys: Any, value: Any) -> Act:
    """Return what changes one value in a JSON file, if it has it."""

    def act(file: Path) -> None:
        document = json.loads(file.read_text(encoding="utf-8"))
        place = document
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
        file.write_text(json.dumps(document), encoding="utf-8")

    return act


def drop_key(*keys: Any) -> Act:
    """Return what removes one key from a JSON file."""

    def act(file: Path) -> None:
        document = json.loads(file.read_text(encoding="utf-8"))
        place = document
        for key in keys[:-1]:
            place = place[key]
        del place[keys[-1]]
        file.write_text(json.dumps(document), encoding="utf-8")

    return act


OF_METADATA = (
    DamageKind("remove", remove),
    DamageKind("a list", write_json([])),
    DamageKind("a text", write_json("zarr")),
    DamageKind("a number", write_json(3)),
    DamageKind("null", write_json(None)),
    DamageKind("an empty object", write_json({})),
    DamageKind("nested too deep", lambda file: file.write_text("[" * 10**5) and None),
    DamageKind("zarr version 2", set_key("zarr_format", value=2)),
    DamageKind("zarr version of text", set_key("zarr_format", value="three")),
    DamageKind("another kind of node", set_key("node_type", value="tree")),
    DamageKind("attributes are a list", set_key("attributes", value=[])),
)
OF_RECORD = tuple(
    DamageKind(f"{'.'.join(keys)} is {value!r}", set_key("attributes", "scsam", *keys, value=value))
    for keys, value in (
        (("format",), "new"),
        (("format",), -1),
        (("format",), None),
        (("format",), True),
        (("project",), []),
        (("project", "image"), None),
        (("project", "image", "shape"), "wide"),
        (("project", "history"), 5),
        (("project", "history"), [{}]),
        (("project", "created"), 5),
        (("project", "voxel_size"), [1.0]),
        (("project", "taught"), [{"class": 3}]),
        (("project", "reviewed_classes"), {"x": [1]}),
        (("project", "chosen"), {"classes": 4}),
        (("project", "checkpoint"), {"name": 5}),
        (("project", "contrast"), "high"),
        (("project", "view"), "wide"),
    )
)
OF_VIEW = tuple(
    DamageKind(f"view is {value!r}", set_key("attributes", "scsam", "project", "view", value=value))
    for value in (
        {"layers": 5},
        {"layers": [5]},
        {"layers": [{"kind": "points", "state": {"name": "a", "data": "b"}}]},
        {"layers": [{"kind": "labels", "of": "classes", "state": {"name": 5}, "locked": 3}]},
        {"camera": {"zoom": "near"}, "dims": {"order": [0, 1, 2]}, "active": 4},
        {"camera": [], "dims": "none"},
    )
)
OF_ARRAYS = (
    DamageKind("another shape", set_key("shape", value=[1, 2, 3])),
    DamageKind("a shape of text", set_key("shape", value="wide")),
    DamageKind("another type", set_key("data_type", value="float32")),
    DamageKind("an unknown type", set_key("data_type", value="uint7")),
    DamageKind("no codecs", drop_key("codecs")),
    DamageKind("an unknown codec", set_key("codecs", value=[{"name": "magic"}])),
    DamageKind(
        "other chunks", set_key("chunk_grid", "configuration", "chunk_shape", value=[1, 7, 7])
    ),
)
OF_LABELS = (
    DamageKind("a class table of text", set_key("attributes", "scsam", "classes", value="many")),
    DamageKind("classes without ids", set_key("attributes", "scsam", "classes", value=[{}])),
    DamageKind("no levels", set_key("attributes", "ome", "multiscales", value=[])),
    DamageKind("ome is a list", set_key("attributes", "ome", value=[])),
)
OF_LIST = (
    DamageKind("no list", set_key("attributes", "ome", "labels", value=None)),
    DamageKind("an empty list", set_key("attributes", "ome", "labels", value=[])),
    DamageKind("a list of numbers", set_key("attributes", "ome", "labels", value=[1])),
)


def short_chunk(file: Path) -> None:
    """Write a chunk that decodes to fewer bytes than it should."""
    file.write_bytes(Zstd().encode(b"\x01" * 7))


def long_chunk(file: Path) -> None:
    """Write a chunk that decodes to more bytes than it should."""
    file.write_bytes(Zstd().encode(bytes(10**6)))


OF_CHUNKS = (
    DamageKind("too short when decoded", short_chunk),
    DamageKind("too long when decoded", long_chunk),
)


def is_chunk(file: Path) -> bool:
    """Whether a file holds voxels."""
    return "c" in file.parts and file.name.isdecimal()


def kinds_of(file: Path) -> Iterator[DamageKind]:
    """Yield the ways to damage a file of a project, by its path in the project."""
    yield from WAYS
    if is_chunk(file):
        yield from OF_CHUNKS
    if file.name != "zarr.json" or ".copies" in file.parts:
        return
    yield from OF_METADATA
    if file.parts == ("zarr.json",):
        yield from (*OF_RECORD, *OF_VIEW)
    elif file.parts == ("labels", "zarr.json"):
        yield from OF_LIST
    elif file.parent.name.isdecimal() or file.parent.name == "predicted":
        yield from OF_ARRAYS
    elif file.parent.parent.name == "labels":
        yield from OF_LABELS


def cases(project: Path) -> Iterator[tuple[Path, DamageKind]]:
    """Yield every file of a project, and every way to damage it."""
    for file in sorted(f.relative_to(project) for f in project.rglob("*") if f.is_file()):
        for kind in kinds_of(file):
            yield file, kind


def copy_to(project: Path, place: Path) -> Path:
    """Copy a project beside its image, in place of an earlier copy."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(project, place)
    return place
