"""Read damaged files until a time is over, and keep what is answered wrongly.

    python -m fuzz [--minutes 30] [--reader tiff ...] [--first SEED]      (in tests, or: make fuzz)

Every reader is given files that were whole and are changed at random, in a process of its own with
limits on memory and time. Only success and a sentence for the user (`UserError`) are right. The
result is one line a reader, with the CPU minutes it took; each finding is kept in
``tests/fuzz/findings`` until it is mended, and after that as a test.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fuzz.corpus import CORPORA

FINDINGS = Path(__file__).parent / "findings"
BATCH = 400
"""Files that one process reads."""

PATIENCE = 3600.0
"""Seconds after which a process counts as hung, beyond two a file.

A file that takes long ends by its limit of CPU time; a busy machine may give it none for minutes.
"""


def make_corpus(reader: str, folder: Path) -> None:
    """Write the whole files of a reader."""
    whole = folder / reader / "whole"
    whole.mkdir(parents=True)
    CORPORA[reader](whole)


def run_worker(
    reader: str, folder: Path, first: int, count: int, files: list[Path] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield what a process reports; a process that dies is a finding, too."""
    seed = folder / "seed"
    seed.unlink(missing_ok=True)
    command = [sys.executable, "-m", "fuzz.worker", reader, str(folder), str(first), str(count)]
    command += map(str, files or ())
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parents[1]), environment.get("PYTHONPATH", "")]
    )
    try:
        done = subprocess.run(  # noqa: PLW1510
            command, capture_output=True, text=True, env=environment, timeout=PATIENCE + 2 * count
        )
        output, code = done.stdout, done.returncode
        tail = done.stderr[-300:]
    except subprocess.TimeoutExpired as error:
        output, code, tail = _text(error.stdout), -1, "hung"
    for line in output.splitlines():
        if line.startswith("{"):
            yield json.loads(line)
    if code:
        at = seed.read_text() if seed.is_file() else ""
        yield {
            "reader": reader,
            "seed": at or "none",
            "wrong": f"process ended with {code}: {tail}",
        }


def _text(output: bytes | str | None) -> str:
    if isinstance(output, bytes):
        return output.decode()
    return output or ""


def campaign(reader: str, minutes: float, first: int) -> dict[str, Any]:
    """Read damaged files for some CPU minutes; return counts, and keep the findings."""
    cpu = 0.0
    seed = first
    wrong: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_corpus(reader, folder)
        while cpu < minutes * 60:
            last = seed + BATCH
            while seed < last:
                seed, spent = _batch(reader, folder, seed, last, wrong)
                cpu += spent
    return {"reader": reader, "files": seed - first, "cpu_minutes": cpu / 60, "wrong": wrong}


def _batch(
    reader: str, folder: Path, first: int, last: int, wrong: dict[str, str]
) -> tuple[int, float]:
    """Run one process; return the next seed and the CPU seconds."""
    before = os.times()
    after = last
    for report in run_worker(reader, folder, first, last - first):
        if "wrong" in report:
            _keep(report, folder, wrong)
            if report["wrong"].startswith("process ended"):
                after = int(report["seed"]) + 1 if report["seed"].isdigit() else last
    now = os.times()
    spent = now.children_user + now.children_system
    return after, spent - before.children_user - before.children_system


def _keep(report: dict[str, Any], folder: Path, wrong: dict[str, str]) -> None:
    """Keep the damaged file of the first finding of each kind."""
    reader, seed, what = report["reader"], report["seed"], report["wrong"]
    kind = what.rpartition("(")[2] or what
    print(f"{reader} {seed}: {what}", flush=True)  # noqa: T201
    if kind in wrong or not seed.isdigit():
        return
    wrong[kind] = what
    rebuild = [sys.executable, "-c", _REBUILD, reader, str(folder), seed]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run(rebuild, check=True, env=environment)
    case = next((folder / reader / "now").iterdir())
    kept = FINDINGS / reader / f"{seed}_{case.name}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    if case.is_dir():
        shutil.copytree(case, kept, dirs_exist_ok=True)
    else:
        shutil.copy(case, kept)


_REBUILD = """
import sys; from pathlib import Path; from fuzz.worker import cases
next(cases(sys.argv[1], Path(sys.argv[2]) / sys.argv[1], int(sys.argv[3]), 1))
"""


def main() -> None:
    """Run the campaigns that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="CPU minutes for each reader")
    parser.add_argument("--reader", nargs="+", choices=list(CORPORA), default=list(CORPORA))
    parser.add_argument("--first", type=int, default=0, help="first seed")
    arguments = parser.parse_args()
    failed = False
    for reader in arguments.reader:
        result = campaign(reader, arguments.minutes, arguments.first)
        failed = failed or bool(result["wrong"])
        print(  # noqa: T201
            f"{reader}: {result['files']} damaged files in {result['cpu_minutes']:.1f} CPU minutes, "
            f"{len(result['wrong'])} findings",
            flush=True,
        )
    sys.exit(failed)


if __name__ == "__main__":
    main()
