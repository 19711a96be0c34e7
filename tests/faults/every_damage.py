"""Damage every file of a project in every way, and open it.

    python tests/faults/every_damage.py

`damaged_project` says what must be true. One JSON line for each case that fails, and a last one
with the counts.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

from damaged_project import make, try_case
from damages import cases


def main() -> int:
    """Try every case; returns how many failed."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        origin, values = make(Path(folder))
        for file, kind in cases(origin):
            wrong = try_case(origin, Path(folder) / "damaged.scsam.zarr", file, kind, values)
            counts["cases"] += 1
            counts["failed"] += bool(wrong)
            if wrong:
                line = {"file": str(file), "kind": kind.name, "wrong": wrong}
                sys.stdout.write(json.dumps(line) + "\n")
                sys.stdout.flush()
    sys.stdout.write(json.dumps(counts) + "\n")
    return counts["failed"]


if __name__ == "__main__":
    sys.exit(bool(main()))
