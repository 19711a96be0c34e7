"""What whole volumes cost: memory, bytes read, workers, and the scheduler's share.

Run from the project's root: python benchmarks/volumes.py [PART ...] [--gigabytes 1 4] [--out FILE]

Parts: reading, memory, workers, scheduler. Volumes are made of real EM where shared/data is
beside the project, and of a synthetic cell elsewhere, repeated and jittered, in a temporary
folder. The network is the shipped one, unless SCSAM_TINY is set: then a
small one with random weights, which is enough for memory and for the scheduler.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import mrcfile
import numpy as np
import psutil
import tifffile
import zarr
from numpy.typing import NDArray

from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.slabs import with_slabs
from napari_scsam.io.volumes import open_volume
from napari_scsam.samples.phantom import make_phantom
from napari_scsam.steps import drive
from napari_scsam.volume.workers import run_tasks

HERE = Path(__file__).parent
REAL = HERE.resolve().parents[1] / "shared" / "data" / "hippocampus_stack" / "raw.tif"
SIDE = 2048
"""Side of a slice of large volumes."""

CHUNKS = (32, 256, 256)
WORKERS_SIDE = 320
WORKERS_DEPTH = 64
"""Sides of the volume by which workers are compared: a quarter of a minute of one core."""

TURNS = 3
"""Runs of each kind, in turn; the medians count."""

TASKS = 800
"""Tasks that do nothing, by which the scheduler is measured."""


def slabs(gigabytes: float, seed: int = 0) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield slabs of 32 slices, repeated and jittered."""
    cell = small_block()
    random = np.random.default_rng(seed)
    tiled = np.tile(cell, (1, SIDE // 256, SIDE // 256))
    for first in range(0, depth_of(gigabytes), 32):
        noise = random.integers(0, 8, (1, SIDE, SIDE), dtype=np.uint8)
        yield first, (tiled // 2 + noise + random.integers(0, 20)).astype(np.uint8)


def small_block() -> NDArray[np.uint8]:
    """Return 32×256×256 voxels of real EM, or of a synthetic cell where there is none."""
    if not REAL.is_file():
        return make_phantom((32, 256, 256), (5.0, 5.0, 5.0)).image
    stack: NDArray[np.uint8] = tifffile.imread(REAL)
    return stack[:32, :256, :256]


def depth_of(gigabytes: float) -> int:
    """Return the slices of a volume, a multiple of 32."""
    return max(32, round(gigabytes * 1e9 / SIDE**2 / 32) * 32)


def write_zarr(path: Path, gigabytes: float, chunks: tuple[int, ...] = CHUNKS) -> Path:
    """Write a volume as uncompressed zarr."""
    shape = (depth_of(gigabytes), SIDE, SIDE)
    array = zarr.create_array(path, shape=shape, dtype=np.uint8, chunks=chunks, compressors=None)
    for first, slab in slabs(gigabytes):
        array[first : first + 32] = slab
    return path


def write_hdf5(path: Path, gigabytes: float) -> Path:
    """Write a volume as chunked HDF5."""
    with h5py.File(path, "w") as file:
        shape = (depth_of(gigabytes), SIDE, SIDE)
        data = file.create_dataset("em", shape, np.uint8, chunks=CHUNKS)
        for first, slab in slabs(gigabytes):
            data[first : first + 32] = slab
    return path


def write_tiff(path: Path, gigabytes: float) -> Path:
    """Write a volume as BigTIFF."""
    planes = (plane for _, slab in slabs(gigabytes) for plane in slab)
    shape = (depth_of(gigabytes), SIDE, SIDE)
    tifffile.imwrite(
        path, planes, shape=shape, dtype=np.uint8, bigtiff=True, metadata={"axes": "ZYX"}
    )
    return path


def write_mrc(path: Path, gigabytes: float) -> Path:
    """Write a volume as MRC."""
    shape = (depth_of(gigabytes), SIDE, SIDE)
    with mrcfile.new_mmap(path, shape, mrc_mode=6) as file:
        for first, slab in slabs(gigabytes):
            file.data[first : first + 32] = slab
    return path


FORMATS: dict[str, tuple[str, Callable[[Path, float], Path]]] = {
    "zarr 32×256²": (".zarr", write_zarr),
    "zarr 1×1024²": (".zarr", lambda path, size: write_zarr(path, size, (1, 1024, 1024))),
    "HDF5 32×256²": (".h5", write_hdf5),
    "TIFF": (".tif", write_tiff),
    "MRC": (".mrc", write_mrc),
}


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def bytes_read() -> int:
    """Return the bytes that this process has read by calls; mapped files are not counted."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(lines[0].split()[1])


def peak_rss() -> int:
    """Return the most memory of its own that this process has had, in bytes."""
    # `getrusage` would also count what the parent had before this program was started.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def read_all(path: str) -> dict[str, float]:
    """Measure the contrast of a volume and read every slice, as a run does."""
    before = bytes_read()
    start = time.perf_counter()
    volume = with_slabs(open_volume(path))
    measure_contrast(volume.data)
    contrast_seconds = time.perf_counter() - start
    contrast_bytes = bytes_read() - before
    for z in range(volume.depth):
        volume.plane(z)
    size = volume.data.nbytes
    return {
        "contrast, s": round(contrast_seconds, 2),
        "contrast, share read": round(contrast_bytes / size, 3),
        "all, s": round(time.perf_counter() - start, 1),
        "all, share read": round((bytes_read() - before) / size, 3),
        "peak RSS, MB": round(peak_rss() / 1e6),
    }


def reading(sizes: list[float], folder: Path) -> dict[str, Any]:
    """Measure reading, in a process for each volume."""
    found: dict[str, Any] = {}
    for name, (suffix, write) in FORMATS.items():
        for size in sizes:
            path = write(folder / f"em{suffix}", size)
            case = f"{name}, {size:g} GB"
            found[case] = in_process("read_all", str(path))
            print(case, found[case], flush=True)
            remove(path)
    return found


def in_process(name: str, *arguments: str) -> Any:
    """Call a function of this file in a process of its own."""
    code = f"import json, volumes; print(json.dumps(volumes.{name}{arguments!r}))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path[1:]])}
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(answer.stdout.splitlines()[-1])


def segment(path: str, out: str, workers: str = "", slices: str = "") -> dict[str, float]:
    """Segment a volume."""
    import torch

    from napari_scsam.volume.run import segment_volume

    torch.set_num_threads(1)
    volume = open_volume(path, (5.0, 5.0, 5.0))
    start = time.perf_counter()
    steps = segment_volume(
        volume,
        checkpoint(Path(out).parent),
        out,
        workers=int(workers) if workers else None,
        slices=[int(z) for z in slices.split(",")] if slices else None,
    )
    ends: list[float] = []
    drive(steps, lambda _: ends.append(time.perf_counter()))
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "steady, s a slice": round((ends[-2] - ends[1]) / max(1, len(ends) - 3), 3),
        "peak RSS, MB": round(peak_rss() / 1e6),
    }


def checkpoint(folder: Path) -> str:
    """Return the checkpoint to use: the shipped one, or a small one with random weights."""
    if "SCSAM_TINY" not in os.environ:
        return "default"
    import torch

    from napari_scsam.checkpoints.checkpoint import save_checkpoint
    from napari_scsam.config import ClassSpec
    from napari_scsam.model import ScSAM, ScSAMConfig

    path = folder / "tiny.safetensors"
    if not path.exists():
        torch.manual_seed(0)
        classes = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "membrane"))
        model = ScSAM(ScSAMConfig(nm_per_pixel=40.0, tile=320, detail=False), classes)
        save_checkpoint(path, model, summary="Random.", licence="BSD-3-Clause", training={})
    return str(path)


def memory(sizes: list[float], folder: Path) -> dict[str, Any]:
    """Measure the peak memory of segmenting volumes of several sizes, a few slices of each."""
    found = {}
    for size in sizes:
        path = write_zarr(folder / "em.zarr", size)
        depth = depth_of(size)
        some = ",".join(str(z) for z in range(0, depth, max(1, depth // 6)))
        found[f"{size:g} GB"] = in_process("segment", str(path), str(folder / "o.zarr"), "", some)
        remove(path)
        remove(folder / "o.zarr")
    return found


def cpu_seconds() -> dict[int, float]:
    """Return the seconds of CPU that this process and those below it have used, by their ids."""
    found = {}
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):
            times = process.cpu_times()
            found[process.pid] = times.user + times.system
    return found


def cpu_of_run(path: str, out: str, workers: str = "") -> dict[str, float]:
    """Segment a volume, and measure what each process computes once all have begun.

    CPU time hardly depends on what else the machine does, unlike the time on the clock.
    """
    import torch

    from napari_scsam.volume.run import segment_volume

    torch.set_num_threads(1)
    volume = open_volume(path, (5.0, 5.0, 5.0))
    count = int(workers or 0) or None
    steps = segment_volume(
        volume, checkpoint(Path(out).parent), out, workers=count, average_z=False
    )
    seen: list[tuple[int, float, dict[int, float]]] = []
    drive(steps, lambda step: seen.append((step.done, time.perf_counter(), cpu_seconds())))
    # The first groups end while the network is still being loaded elsewhere.
    begun = next(each for each in seen if each[0] >= 2 * (count or 1))
    ended = next(each for each in reversed(seen) if each[0] < volume.depth)
    slices = ended[0] - begun[0]
    used = {pid: cpu - begun[2].get(pid, 0.0) for pid, cpu in ended[2].items()}
    own = used.pop(os.getpid())
    busiest = max(used.values(), default=0.0)
    return {
        "slices": slices,
        "clock, s a slice": round((ended[1] - begun[1]) / slices, 3),
        "CPU of this process, s a slice": round(own / slices, 4),
        "CPU of all workers, s a slice": round(sum(used.values()) / slices, 4),
        "CPU of the busiest worker, s a slice": round(busiest / slices, 4),
    }


def workers(_sizes: list[float], folder: Path) -> dict[str, Any]:
    """Measure no worker, one and two on the same slices of one tile each.

    Two separate runs at once share nothing but the machine, so no workers can be faster.
    """
    cell = next(slabs(0.1))[1][:, :WORKERS_SIDE, :WORKERS_SIDE]
    deep = np.concatenate([cell] * (WORKERS_DEPTH // len(cell) or 1))[:WORKERS_DEPTH]
    path = folder / "em.zarr"
    zarr.create_array(path, data=deep, chunks=(8, WORKERS_SIDE, WORKERS_SIDE), compressors=None)
    found: dict[str, Any] = {"load of the machine before": round(os.getloadavg()[0], 1)}
    runs: dict[int, list[dict[str, float]]] = {0: [], 1: [], 2: []}
    for turn in range(TURNS):
        for count, kept in runs.items():
            out = folder / f"w{count}_{turn}.zarr"
            kept.append(in_process("cpu_of_run", str(path), str(out), str(count)))
            print(f"{count} workers", kept[-1], flush=True)
            remove(out)
    none, one, two = (medians(each) for each in runs.values())
    found |= {"0 workers": none, "1 workers": one, "2 workers": two}
    clock = "clock, s a slice"
    own = one["CPU of this process, s a slice"]
    with_one = one["CPU of all workers, s a slice"] + own
    alone = none["CPU of this process, s a slice"]
    found["overhead of one worker, share of the CPU"] = round(with_one / alone - 1, 3)
    found["overhead of one worker, share of the clock"] = round(one[clock] / none[clock] - 1, 3)
    found["scheduler and tasks, share of the CPU"] = round(own / with_one, 3)
    found["two workers, times as fast as one"] = round(one[clock] / two[clock], 2)
    found["two workers, times as fast as none"] = round(none[clock] / two[clock], 2)
    with ThreadPoolExecutor(2) as pool:
        outs = (str(folder / "a.zarr"), str(folder / "b.zarr"))
        pair = list(pool.map(lambda out: in_process("cpu_of_run", str(path), out, "0"), outs))
    both = sum(each[clock] for each in pair) / len(pair)
    found["two separate runs, times as fast as one"] = round(2 * none[clock] / both, 2)
    return found


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def nothing(number: int) -> int:
    """Do nothing, as a task."""
    return number


def scheduler(_sizes: list[float], _folder: Path) -> dict[str, Any]:
    """Measure what the scheduler costs a task that does nothing."""
    found = {}
    for count in (1, 2):
        times = [time.perf_counter()]
        times += [time.perf_counter() for _ in run_tasks(nothing, range(TASKS), count)]
        steady = times[-1] - times[TASKS // 4]
        found[f"{count} workers, ms a task"] = round(1e3 * steady / (TASKS - TASKS // 4), 2)
        found[f"{count} workers, s to start"] = round(times[1] - times[0], 1)
    return found


PARTS = {
    "reading": reading,
    "memory": memory,
    "workers": workers,
    "scheduler": scheduler,
}


def main() -> None:
    """Print the figures as JSON, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART")
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[1.0, 4.0])
    parser.add_argument("--out", type=Path, default=HERE / "volumes.json")
    arguments = parser.parse_args()
    kept = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    kept["machine"] = {"cores": os.cpu_count(), "system": platform.system()}
    for part in arguments.parts:
        with tempfile.TemporaryDirectory() as folder:
            kept[part] = PARTS[part](arguments.gigabytes, Path(folder))
        arguments.out.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
        print(part, json.dumps(kept[part], indent=2, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
