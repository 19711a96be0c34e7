"""Change bytes, values and whole folders at random, each change decided by a seed."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgpack

NUMBERS = (0, 1, 2, 7, 8, 64, 255, 256, 4095, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1, 2**63)
"""Numbers at the ends of what a field can hold."""

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**40, 0.5, -2.5, 1e300, float("nan")),
    *(float("inf"), "", "a", "abc", "0", "../..", "/etc/passwd", "\0", "é" * 300, "nanometer"),
    *([], [[]], [1, 2, 3], ["a"], [None], {}, {"a": 1}, [0] * 70, [-1, -1, -1]),
)
"""What takes the place of a value in JSON."""

METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs")


def mutate(content: bytes, name: str, rng: random.Random, others: list[bytes]) -> bytes:
    """Return changed bytes: JSON and TOML mostly by value, everything else by byte."""
    if name in METADATA or name.endswith(".json"):
        if rng.random() < 0.85:
            return mutate_json(content, rng)
    elif name.endswith(".toml") and rng.random() < 0.7:
        return mutate_text(content, rng)
    elif name.endswith((".safetensors", ".resume")) and rng.random() < 0.6:
        return mutate_safetensors(content, rng)
    elif name.endswith(".frames") and rng.random() < 0.6:
        return mutate_frames(content, rng)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        content = mutate_bytes(content, rng, others)
    return content


def mutate_bytes(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """Make one change to bytes, more often near their beginning, where headers are."""
    data = bytearray(content)
    if not data:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(1, 64)))
    end = len(data)
    if rng.random() < 0.5:
        end = min(end, 600)
    at = rng.randrange(end)
    kind = rng.randrange(9)
    if kind == 0:
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif kind in (2, 3):
        width = rng.choice((2, 4, 4, 8))
        number = rng.choice(NUMBERS) % 256**width
        data[at : at + width] = number.to_bytes(width, rng.choice(("little", "big")))
    elif kind == 4:
        del data[at : at + rng.choice((1, 2, 4, 16, 100))]
    elif kind == 5:
        piece = data[at : at + rng.choice((1, 4, 16, 100))]
        data[at:at] = piece * rng.choice((1, 2, 50))
    elif kind == 6:
        del data[rng.randrange(len(data)) :]
    elif kind == 7:
        other = rng.choice(others)
        start = rng.randrange(max(1, len(other)))
        data[at : at + 32] = other[start : start + 32]
    else:
        return _other_number(bytes(data), rng)
    return bytes(data)


def _other_number(content: bytes, rng: random.Random) -> bytes:
    """Replace one decimal number in a text, such as XML."""
    found = list(re.finditer(rb"\d+(\.\d+)?", content))
    if not found:
        return content
    match = rng.choice(found)
    new = rng.choice((b"0", b"-1", b"99999999999999999999", b"1e999", b"nan", b"x", b""))
    return content[: match.start()] + new + content[match.end() :]


def mutate_text(content: bytes, rng: random.Random) -> bytes:
    """Change the value, or the name, of a line of TOML."""
    lines = content.decode().splitlines()
    at = rng.randrange(len(lines))
    kind = rng.randrange(4)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, lines[at])
    elif "=" in lines[at]:
        name, _, _value = lines[at].partition("=")
        new = rng.choice(("0", "-1", "1e999", '"a"', '""', "[]", "{}", "true", "nan", "9" * 30))
        lines[at] = f"{name}= {new}"
    else:
        lines[at] = lines[at].replace("[", "", 1)
    return "\n".join(lines).encode()


def mutate_safetensors(content: bytes, rng: random.Random) -> bytes:
    """Change a value in the header of a safetensors file, or in the JSON of its metadata."""
    length = int.from_bytes(content[:8], "little")
    header: dict[str, Any] = json.loads(content[8 : 8 + length])
    metadata = header.get("__metadata__", {})
    inner = [key for key, value in metadata.items() if value[:1] in "{["]
    if inner and rng.random() < 0.7:
        key = rng.choice(inner)
        changed = mutate_json(metadata[key].encode(), rng).decode(errors="replace")
        metadata[key] = changed
        text = json.dumps(header).encode()
    else:
        text = mutate_json(json.dumps(header).encode(), rng)
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def mutate_frames(content: bytes, rng: random.Random) -> bytes:
    """Change a value in a message of a server, which fits into one frame."""
    value = msgpack.unpackb(content[1:], strict_map_key=False)
    for _ in range(rng.choice((1, 1, 2, 3))):
        value = _mutate_value(value, rng)
    try:
        return content[:1] + msgpack.packb(value)
    except (OverflowError, ValueError):  # a number that has no place in msgpack
        return mutate_bytes(content, rng, [content])


def mutate_json(content: bytes, rng: random.Random) -> bytes:
    """Change one or a few values of a JSON text."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return mutate_bytes(content, rng, [content])
    if rng.random() < 0.01:
        return b"[" * 100_000
    for _ in range(rng.choice((1, 1, 2, 4))):
        value = _mutate_value(value, rng)
    return json.dumps(value).encode()


def _mutate_value(value: Any, rng: random.Random) -> Any:
    places = list(_places(value))
    if not places or rng.random() < 0.02:
        return rng.choice(VALUES)
    parent, key = rng.choice(places)
    kind = rng.randrange(5)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, list):
        parent.insert(key, deepcopy(parent[key]))
    elif kind == 2 and isinstance(parent[key], (int, float)):
        parent[key] = rng.choice((-parent[key], parent[key] * 10**6, parent[key] + 1, 0, 1e-9))
    elif kind == 3:
        _, other = rng.choice(places)
        parent[key] = other
    else:
        parent[key] = deepcopy(rng.choice(VALUES))  # else a list may come to hold itself
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what holds each member of a JSON value, and its key there; they may be deeply nested."""
    left = [value]
    while left:
        holder = left.pop()
        if isinstance(holder, dict):
            members = list(holder.items())
        elif isinstance(holder, list):
            members = list(enumerate(holder))
        else:
            continue
        for key, member in members:
            yield holder, key
            left.append(member)


def mutate_path(path: Path, rng: random.Random, others: list[bytes]) -> None:
    """Change a file, or one or a few files in a folder, in place."""
    if path.is_file():
        path.write_bytes(mutate(path.read_bytes(), path.name, rng, others))
        return
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        files = sorted(file for file in path.rglob("*") if file.is_file())
        if not files:
            return
        metadata = [file for file in files if file.name in METADATA]
        file = rng.choice(metadata if metadata and rng.random() < 0.6 else files)
        if rng.random() < 0.04:
            file.unlink()
        else:
            file.write_bytes(mutate(file.read_bytes(), file.name, rng, others))
