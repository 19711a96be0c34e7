"""One process that reads damaged files, with limits on its memory and time.

    python -m fuzz.worker READER,... FOLDER FIRST COUNT [FILE ...]

Reads the damaged files of COUNT seeds from FIRST on, or the given files, whose folders have the
names of their readers. Prints a JSON line for each that is answered by anything but success or a `UserError`. FOLDER/READER/whole holds the
whole files; the one that is read at the moment is beside it.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import random
import resource
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zarr

from fuzz.mutate import mutate_path
from fuzz.targets import TARGETS
from napari_scsam.errors import UserError

MEMORY = 4 << 30
"""Bytes of address space beyond what the process has at its start."""

GROWTH = 1 << 30
"""Bytes of memory that reading a small file may take."""

SECONDS = 20
"""Most CPU time for one file."""


class TooSlowError(BaseException):
    """A file took longer than `SECONDS`."""


def limit_process() -> None:
    """Bound memory and threads, so that a bomb ends this process and not the machine."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        pages = int(file.read().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    zarr.config.set({"threading.max_workers": 1, "async.concurrency": 1})
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")

    def stop(*_: Any) -> None:
        raise TooSlowError

    signal.signal(signal.SIGPROF, stop)


def peak() -> int:
    """Return the most bytes of memory that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def cases(reader: str, folder: Path, first: int, count: int) -> Iterator[tuple[str, Path]]:
    """Yield each damaged file with the name of its seed."""
    wholes = sorted((folder / "whole").iterdir())
    files = [f for whole in wholes for f in ([whole] if whole.is_file() else whole.rglob("*"))]
    others = [file.read_bytes()[:4096] for file in files if file.is_file()]
    for seed in range(first, first + count):
        rng = random.Random(f"{reader} {seed}")
        whole = rng.choice(wholes)
        case = folder / "now" / whole.name
        shutil.rmtree(case.parent, ignore_errors=True)
        case.parent.mkdir()
        if whole.is_dir():
            shutil.copytree(whole, case)
        else:
            shutil.copy(whole, case)
        mutate_path(case, rng, others)
        yield str(seed), case


def judge(reader: str, case: Path) -> str:
    """Read a file; return what was wrong with the answer, or nothing."""
    before = peak()
    try:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        TARGETS[reader](case)
    except UserError as error:
        if "\n" in str(error).strip():
            return f"more than one line: {error}"
    except TooSlowError:
        return f"took more than {SECONDS} s of CPU time"
    except Exception as error:  # noqa: BLE001  # whatever it is, it is a finding
        at = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({Path(at.filename).name}:{at.lineno})"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if peak() - before > GROWTH:
        return f"took {(peak() - before) >> 20} MiB"
    return ""


def report(line: dict[str, Any]) -> None:
    """Print a JSON line for the process that started this one."""
    print(json.dumps(line), flush=True)  # noqa: T201


def main() -> None:
    """Read what the command line says."""
    readers, place, first, count, *files = sys.argv[1:]
    limit_process()
    if files:
        found = ((Path(file).parent.name, file, Path(file)) for file in files)
    else:
        found = (
            (reader, seed, case)
            for reader in readers.split(",")
            for seed, case in cases(reader, Path(place) / reader, int(first), int(count))
        )
    for reader, name, case in found:
        (Path(place) / "seed").write_text(name)
        wrong = judge(reader, case)
        if wrong:
            report({"reader": reader, "seed": name, "wrong": wrong[:300]})
        gc.collect(0)
    times = os.times()
    report({"cpu": times.user + times.system})


if __name__ == "__main__":
    main()
