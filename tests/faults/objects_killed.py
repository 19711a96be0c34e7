"""Kill `scsam instances` and `scsam measure`, or their workers, at random moments, and go on.

    python tests/faults/objects_killed.py [--rounds 20] [--seed 0] [--workers 2]

In each round, both commands are disturbed until they are done, as in ``workers_killed.py``. A killed
`instances` is continued with ``--resume``; a killed `measure` begins again. Labels and tables must
be those of undisturbed runs, byte for byte, and nothing else may be left. One JSON line a command.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from workers_killed import disturbed
from workers_killed import tree as every_file

from napari_scsam.config import ClassSpec
from napari_scsam.io.labels import write_labels

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "ER"))
SIDE = 288
"""Voxels along each axis: several blocks."""


def write_blobs(path: Path, side: int) -> None:
    """Write labels of many objects, some of which lie in several blocks."""
    random_ = np.random.default_rng(0)
    small = random_.choice(3, (side // 8,) * 3, p=(0.8, 0.1, 0.1)).astype(np.uint8)
    write_labels(path, np.kron(small, np.ones((8, 8, 8), np.uint8)), (8, 8, 8), CLASSES)


def commands(folder: Path, workers: int) -> dict[str, tuple[list[str], tuple[str, ...]]]:
    """Return the commands without their output, and what continues them."""
    scsam = [sys.executable, "-m", "napari_scsam.cli"]
    more = ["--workers", str(workers)] if workers else []
    labels = str(folder / "labels.zarr")
    objects = str(folder / "instances.whole" / "out.zarr")
    return {
        "instances": ([*scsam, "instances", labels, *more], ("--resume",)),
        "measure": ([*scsam, "measure", objects, *more], ()),
    }


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file in a folder, by its path, without when a table was made."""
    files = every_file(folder)
    for name in [name for name in files if name.endswith(".provenance.json")]:
        record = json.loads(files[name])
        files[name] = json.dumps(record | {"created": ""}).encode()
    return files


def main() -> int:
    """Play rounds, and return how many lost something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="0: the command does the work")
    parser.add_argument("--side", type=int, default=SIDE)
    options = parser.parse_args()
    random.seed(options.seed)
    lost = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_blobs(folder / "labels.zarr", options.side)
        for command, (words, again_with) in commands(folder, options.workers).items():
            lost += _rounds(folder, command, words, again_with, options.rounds)
    return lost


def _rounds(
    folder: Path, command: str, words: list[str], again_with: tuple[str, ...], rounds: int
) -> int:
    """Disturb one command again and again."""
    whole = folder / f"{command}.whole"
    suffix = {"instances": "zarr", "measure": "csv"}[command]
    (folder / "whole").mkdir(exist_ok=True)
    undisturbed = folder / "whole" / f"out.{suffix}"
    start = time.perf_counter()
    subprocess.run([*words, "-o", str(undisturbed)], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    expected = tree(folder / "whole")
    lost = 0
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            out = Path(name) / f"out.{suffix}"
            counts = disturbed(words, out, seconds, again_with)
            same = tree(Path(name)) == expected
        lost += not same
        line = {"command": command, "round": number, **counts, "same": same}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    (folder / "whole").rename(whole)
    return lost


if __name__ == "__main__":
    sys.exit(main())
