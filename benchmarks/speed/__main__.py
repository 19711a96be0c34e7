"""Measure speed and memory: ``python -m benchmarks.speed``; each part runs in its own process."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.speed.report import table, write

HERE = Path(__file__).resolve().parent
PARTS = ("encoder", "tile", "switch", "stack", "cache", "memory")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=PARTS,
        default=list(PARTS),
        help="measure these, and keep what is known of the others",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small and once, to see that all of it works; needs --out",
    )
    parser.add_argument(
        "--out", type=Path, help="folder for the results (benchmarks/speed/results)"
    )
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.quick and given.out is None:
        parser.error("--quick needs --out, so that its figures never replace real ones")
    given.out = given.out or HERE / "results"
    return given


def main(arguments: list[str] | None = None) -> int:
    """Measure, write and print."""
    given = parse(arguments)
    for part in given.only:
        if given.here:
            measure(part, given.out, quick=given.quick)
        else:
            print(f"{part} …", file=sys.stderr, flush=True)
            command = [
                sys.executable,
                "-m",
                "benchmarks.speed",
                "--here",
                "--only",
                part,
                "--out",
                str(given.out),
            ]
            subprocess.run([*command, *(["--quick"] if given.quick else [])], check=True)
    if not given.here:
        print(table(given.out, PARTS))
    return 0


def measure(part: str, out: Path, *, quick: bool) -> None:
    """Measure one part in this process."""
    start = time.perf_counter()
    figures = importlib.import_module(f"benchmarks.speed.{part}").measure(quick=quick)
    write(out, part, figures, time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main())
