"""Kill `scsam segment` and its workers at random moments, resume, and compare every byte.

    python tests/faults/workers_killed.py [--rounds 20] [--seed 0] [--shape 24 320 320]

In each round, a run on two workers is disturbed until it is done: the command itself is killed, or
one of its workers, after a random time. A killed command is continued with ``--resume``. The labels
must be those of an undisturbed run, byte for byte. One JSON line a round.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import torch
import zarr

from napari_scsam.checkpoints.checkpoint import save_checkpoint
from napari_scsam.config import ClassSpec
from napari_scsam.model import ScSAM, ScSAMConfig

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "membrane"))
SHAPE = (24, 320, 320)


def prepare(folder: Path, shape: tuple[int, ...] = SHAPE) -> list[str]:
    """Write an image and a small network, and return the command without its output."""
    image = np.random.default_rng(0).integers(1, 200, shape, dtype=np.uint8)
    zarr.create_array(folder / "em.zarr", data=image, chunks=(4, 128, 128))
    torch.manual_seed(0)
    model = ScSAM(ScSAMConfig(nm_per_pixel=8.0, tile=128, detail=False), CLASSES).eval()
    path = folder / "random.safetensors"
    save_checkpoint(path, model, summary="Random.", licence="BSD-3-Clause", training={})
    image_name = str(folder / "em.zarr")
    return [
        *(sys.executable, "-m", "napari_scsam.cli", "segment", image_name),
        *("--checkpoint", str(path), "--voxel-size", "8", "--device", "cpu", "--workers", "2"),
    ]


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file in a folder, by its path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def is_worker(process: psutil.Process) -> bool:
    """Whether a process is a worker that has not ended meanwhile."""
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def kill_worker(process: subprocess.Popen[bytes]) -> bool:
    """Kill one of the workers of a command; returns whether there was one."""
    children = psutil.Process(process.pid).children(recursive=True)
    workers = [child for child in children if is_worker(child)]
    if not workers:
        return False
    random.choice(workers).kill()
    return True


def disturbed(
    command: list[str], out: Path, seconds: float, again_with: tuple[str, ...] = ("--resume",)
) -> dict[str, int]:
    """Run a command to its end, disturbed at random moments within so many seconds.

    A run that ended before its moment is removed, and another begins with half of the seconds.
    """
    while True:
        counts = played(command, out, seconds, again_with)
        if any(counts.values()):
            return counts
        seconds /= 2
        for path in out.parent.glob(f"{out.stem}.*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def played(
    command: list[str], out: Path, seconds: float, again_with: tuple[str, ...]
) -> dict[str, int]:
    """Run a command to its end, and kill it or a worker if a random moment comes before."""
    counts = {"commands killed": 0, "workers killed": 0}
    on_workers = "--workers" in command
    for again in range(50):
        more = again_with if again else ()
        process = subprocess.Popen([*command, "-o", str(out), *more], stdout=subprocess.DEVNULL)
        try:
            if process.wait(random.uniform(0.3, seconds)) == 0:
                return counts
            raise RuntimeError(f"the command failed with {process.returncode}")
        except subprocess.TimeoutExpired:
            pass
        if again < 5 and (random.random() < 0.5 or not on_workers):
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            counts["commands killed"] += 1
            continue
        counts["workers killed"] += kill_worker(process)
        if process.wait() != 0:
            raise RuntimeError(f"the command failed with {process.returncode}")
        return counts
    raise RuntimeError("it was never done")


def main() -> int:
    """Play rounds, and return how many lost something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shape", type=int, nargs=3, default=SHAPE, metavar=("Z", "Y", "X"))
    options = parser.parse_args()
    random.seed(options.seed)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["NAPARI_SCSAM_CACHE_GB"] = "0"
    lost = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = prepare(folder, tuple(options.shape))
        start = time.perf_counter()
        whole = folder / "whole.zarr"
        subprocess.run([*command, "-o", str(whole)], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        expected = tree(whole)
        for number in range(options.rounds):
            out = folder / f"{number}.zarr"
            counts = disturbed(command, out, seconds)
            same = tree(out) == expected
            lost += not same
            sys.stdout.write(json.dumps({"round": number, **counts, "same": same}) + "\n")
            sys.stdout.flush()
    return lost


if __name__ == "__main__":
    sys.exit(main())
