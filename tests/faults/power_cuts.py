"""Run each command that works on a whole volume, and say what a power cut would take from it.

    python tests/faults/power_cuts.py [COMMAND ...]

At each moment at which something is said to be done, all that it relies on must be on disk: data,
``fsync``, then the record (`power_cut` says which moments count). One JSON line a command: the
moments, and what was not on disk.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

import every_step_of_commands
import every_step_of_runs
from power_cut import watch

COMMANDS = {**every_step_of_runs.COMMANDS, **every_step_of_commands.COMMANDS}

RECORDS = (".scsam_progress", "*.resume", "done.txt", ".scsam_moved", "run.json")
"""Ledgers, lists of blocks, states of training, and marks of what has taken its place."""

PASSING = ("*.run", "cache", "*.lock")
"""Curves and pictures of a training, embeddings, and locks: nothing relies on them."""


def moments_of(name: str, folder: Path) -> tuple[int, list[str]]:
    """Run a command, and return how many moments count, and what was not on disk."""
    command = COMMANDS[name]
    every_step_of_runs.make_model()  # once, before the children
    said = every_step_of_runs.asked(lambda: command.prepare(folder))
    if said:
        raise RuntimeError(said)
    return watch(lambda: command.work(folder, False), folder, RECORDS, PASSING)


def main() -> int:
    """Run the commands that are asked for, and return how many would lose something."""
    failed = 0
    for name in sys.argv[1:] or COMMANDS:
        with tempfile.TemporaryDirectory() as folder:
            moments, lost = moments_of(name, Path(folder))
        failed += bool(lost)
        line = {"command": name, "moments": moments, "lost": lost}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(main())
