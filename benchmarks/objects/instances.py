"""Time and memory of `scsam instances` by the size of the volume, and of its graph alone.

Usage: python -m benchmarks.objects.instances [--gigabytes 1 4] [--objects 10000000]
[--watershed] [-o results.json]. The volumes are real mitochondria, repeated. The graph alone has
provisional labels and touching pairs as a volume of so many objects would have, without voxels.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from benchmarks.objects.volumes import side_of, write_labels

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "instances.json"
MEASURED = """
import json, re, sys, time
from pathlib import Path
from napari_scsam.cli import main
begin = time.perf_counter()
code = main(sys.argv[1:])
seconds = time.perf_counter() - begin
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
print(json.dumps(
    {"code": code, "seconds": seconds, "cpu_seconds": time.process_time(), "peak_mb": peak / 1024}
))
"""


def measure_command(*arguments: str) -> dict[str, float]:
    """Run ``scsam`` in a process of its own, with one thread; return seconds and peak memory."""
    command = [sys.executable, "-c", MEASURED, *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if result.pop("code"):
        raise SystemExit(done.stderr)
    return {name: round(value, 1) for name, value in result.items()}


def measure_volume(folder: Path, gigabytes: float, options: list[str]) -> dict[str, object]:
    """Find the objects of one volume."""
    labels = folder / "labels.zarr"
    out = folder / "out.zarr"
    side = side_of(gigabytes)
    write_labels(labels, side)
    result = measure_command("instances", str(labels), "-o", str(out), *options)
    voxels = side**3
    shutil.rmtree(labels)
    shutil.rmtree(out)
    return {
        "gigabytes": round(voxels / 2**30, 2),
        "side": side,
        "options": options,
        **result,
        "cpu_nanoseconds_a_voxel": round(result["cpu_seconds"] / voxels * 1e9, 2),
    }


def measure_graph(objects: int) -> dict[str, object]:
    """Join and number provisional labels: each object is in one to four blocks."""
    from napari_scsam.volume.instances.graph import number_objects, roots_of

    random = np.random.default_rng(0)
    pieces = random.integers(1, 5, objects)
    count = int(pieces.sum())
    shuffled = random.permutation(count)
    ends = np.cumsum(pieces)
    joined = np.ones(count, bool)
    joined[ends - 1] = False  # the last piece of an object has no next one
    where = np.flatnonzero(joined)
    pairs = np.stack([shuffled[where], shuffled[where + 1]], axis=1)
    first = random.permutation(count).astype(np.int64)
    voxels = random.integers(1, 1000, count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    numbering = number_objects(roots_of(count, pairs), first, voxels, 1)
    seconds = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if numbering.count != objects:
        raise SystemExit(f"{numbering.count} objects, not {objects}")
    return {
        "objects": objects,
        "provisional_labels": count,
        "pairs": len(pairs),
        "cpu_seconds": round(seconds, 1),
        "peak_mb": round(peak / 1024),
        "of_which_input_mb": round(before / 1024),
    }


def main() -> None:
    """Measure, print and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, nargs="*", default=[1, 4])
    parser.add_argument("--objects", type=int, default=10_000_000)
    parser.add_argument("--watershed", action="store_true")
    parser.add_argument("-o", "--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    options = ["--watershed"] if arguments.watershed else []
    results: dict[str, object] = {"machine": platform.machine(), "cores": os.cpu_count()}
    if arguments.out.exists():
        results |= json.loads(arguments.out.read_text(encoding="utf-8"))
    if arguments.objects:
        results["graph"] = measure_graph(arguments.objects)
        print(results["graph"], flush=True)
    volumes = []
    for gigabytes in arguments.gigabytes:
        with tempfile.TemporaryDirectory() as folder:
            volumes.append(measure_volume(Path(folder), gigabytes, options))
        print(volumes[-1], flush=True)
    if volumes:
        results["watershed" if arguments.watershed else "volumes"] = volumes
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
