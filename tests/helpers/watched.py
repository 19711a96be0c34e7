"""Writing down all that goes into a project's arrays, before it does, in a file that outlives the process."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_scsam.io.saved.saved_array import SavedArray


@dataclass(frozen=True)
class Record:
    """Something that happened."""

    kind: str
    time: float
    """Of the clock that all processes share."""
    name: str
    """Of the array."""
    slices: list[int]
    data: np.ndarray
    """The slices as they are from now on."""
    text: str


class Log:
    """A file to which records are added; what was added is there even when the process is killed the moment after."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def add(
        self,
        kind: str,
        name: str = "",
        data: np.ndarray | None = None,
        slices: Sequence[int] | None = None,
        text: str = "",
    ) -> None:
        """Add a record; without slices, the data are the whole array."""
        raw = np.zeros(0, np.uint8) if data is None else np.ascontiguousarray(data)
        places = list(range(len(raw)) if slices is None else slices)
        head = {
            "kind": kind,
            "time": time.monotonic(),
            "name": name,
            "slices": places,
            "text": text,
        }
        line = json.dumps({**head, "shape": raw.shape, "dtype": raw.dtype.str})
        os.write(self._file, line.encode() + b"\n" + raw.tobytes())


def read_log(path: Path) -> list[Record]:
    """Read the records; one that was being written does not count."""
    records, raw, at = [], path.read_bytes() if path.exists() else b"", 0
    while (end := raw.find(b"\n", at)) >= 0:
        head = json.loads(raw[at:end])
        shape, dtype = head.pop("shape"), np.dtype(head.pop("dtype"))
        at = end + 1 + int(np.prod(shape)) * dtype.itemsize
        if at > len(raw):
            break
        data = np.frombuffer(raw[end + 1 : at], dtype).reshape(shape)
        records.append(Record(**head, data=data))
    return records


class WatchedArray(SavedArray):
    """Writes every change down first, as numpy understands it."""

    mirror: np.ndarray
    log: Log
    name: str

    def __setitem__(self, key: Any, value: Any) -> None:
        before = self.mirror.copy()
        self.mirror[key] = value
        changed = np.flatnonzero((self.mirror != before).any(axis=(1, 2)))
        self.log.add("write", self.name, self.mirror[changed], changed.tolist())
        super().__setitem__(key, value)


def watch(array: SavedArray, name: str, log: Log) -> np.ndarray:
    """Write down what goes into an array from now on; gives a numpy array that follows it."""
    array.__class__ = WatchedArray
    array.mirror, array.log, array.name = np.array(array), log, name
    return array.mirror
