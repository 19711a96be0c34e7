"""Time and peak memory of measuring objects, beside scikit-image's ``regionprops_table``.

Run from the project's root: ``python -m benchmarks.objects.measure FOLDER [--side 1024]``. FOLDER
gets the volumes. Each program measures the same labels in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
CHUNK = 128
SIZE_NM = (8.0, 8.0, 8.0)
PROPERTIES = (
    "label",
    "area",
    "bbox",
    "centroid",
    "axis_major_length",
    "inertia_tensor_eigvals",
)
"""What both measure; scikit-image has no surface in three dimensions without a mesh for each."""


def main(arguments: list[str] | None = None) -> None:
    """Make the volumes, measure each way and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.objects.measure")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--cells", type=int, default=22, help="objects along each axis")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=WAYS,
        default=list(WAYS),
        help="measure these, and keep what is known of the others",
    )
    parser.add_argument("--out", type=Path, default=HERE / "results" / "measure.json")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    labels = given.folder / f"objects_{given.side}_{given.cells}.zarr"
    if given.here:
        print(json.dumps(timed(given.here, labels)))
        return
    if not labels.exists():
        make_objects(labels, given.side, given.cells)
    figures = known_figures(given) | {way: in_a_process(way, given) for way in given.only}
    record = {
        "voxels": given.side**3,
        "objects": given.cells**3,
        "scikit-image": version("scikit-image"),
        "load_before": os.getloadavg()[0],
        "figures": figures,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))


def known_figures(given: argparse.Namespace) -> dict[str, Any]:
    """Return the kept figures of the same volume; those that are not measured again stay."""
    if not given.out.exists():
        return {}
    kept = json.loads(given.out.read_text(encoding="utf-8"))
    if (kept["voxels"], kept["objects"]) != (given.side**3, given.cells**3):
        return {}
    figures: dict[str, Any] = kept["figures"]
    return figures


def make_objects(path: Path, side: int, cells: int) -> None:
    """Write labels of ellipsoids, one in each cell of a grid, and classes and grey values."""
    labels = zarr.create_array(path, shape=(side,) * 3, chunks=(CHUNK,) * 3, dtype="uint16")
    shared: dict[str, Any] = {"shape": labels.shape, "chunks": labels.chunks, "dtype": "uint8"}
    grey = zarr.create_array(grey_path(path), **shared)
    random = np.random.default_rng(0)
    cell = side / cells
    centres = (np.indices((cells,) * 3).reshape(3, -1).T + 0.5) * cell
    centres += random.uniform(-0.1, 0.1, centres.shape) * cell
    radii = random.uniform(0.15, 0.38, centres.shape) * cell
    for start in range(0, side, CHUNK):
        stop = min(start + CHUNK, side)
        slab = np.zeros((stop - start, side, side), np.uint16)
        for number, (centre, radius) in enumerate(zip(centres, radii, strict=True), start=1):
            draw(slab, start, centre, radius, number)
        labels[start:stop] = slab
        noise = random.integers(0, 40, slab.shape, np.uint8)
        grey[start:stop] = noise + np.where(slab > 0, np.uint8(60), np.uint8(140))


def draw(
    slab: NDArray[Any], start: int, centre: NDArray[Any], radius: NDArray[Any], number: int
) -> None:
    """Draw the part of an ellipsoid that lies in some slices."""
    low = np.maximum(np.floor(centre - radius).astype(int), 0)
    high = np.minimum(np.ceil(centre + radius).astype(int) + 1, slab.shape[2])
    low[0] = max(low[0], start)
    high[0] = min(high[0], start + len(slab))
    if low[0] >= high[0]:
        return
    axes = [np.arange(a, b) for a, b in zip(low, high, strict=True)]
    away = [((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radius, strict=True)]
    inside = away[0][:, None, None] + away[1][:, None] + away[2] <= 1
    part = slab[low[0] - start : high[0] - start, low[1] : high[1], low[2] : high[2]]
    part[inside] = number


def grey_path(labels: Path) -> Path:
    """Return where the grey values of labels are."""
    return labels.with_name(f"grey_{labels.name}")


def in_a_process(way: str, given: argparse.Namespace) -> dict[str, float]:
    """Measure in a process of its own, for its peak memory."""
    print(f"{way} …", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks.objects.measure", str(given.folder)]
    options = ["--side", str(given.side), "--cells", str(given.cells), "--here", way]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *options], check=True, capture_output=True, text=True, env=environment
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def timed(way: str, labels: Path) -> dict[str, float]:
    """Return seconds, processor seconds and peak memory of one way, and how many objects it saw."""
    before = time.perf_counter()
    found = WAYS[way](labels)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "objects": found,
        "seconds": round(time.perf_counter() - before, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_gb": round(peak_bytes() / 1e9, 2),
    }


def peak_bytes() -> int:
    """Return the most memory that this process has held, without that of the one it came from."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not say how much memory a process has held")


def ours(labels: Path, image: Path | None = None) -> int:
    """Measure with `measure_objects`."""
    from napari_scsam import measure_objects
    from napari_scsam.steps import drive

    return len(drive(measure_objects(labels, image=image, instances=True, voxel_size=SIZE_NM)))


def contacts(labels: Path) -> int:
    """Measure with `measure_objects`, and find all contacts of at most 30 nm."""
    from napari_scsam import measure_objects
    from napari_scsam.steps import drive

    table = labels.with_suffix(".csv")
    measured = measure_objects(labels, contacts=table, instances=True, voxel_size=SIZE_NM)
    return len(drive(measured))


def scikit_image(labels: Path, image: Path | None = None) -> int:
    """Measure with `regionprops_table`."""
    from skimage.measure import regionprops_table

    values = zarr.open_array(labels, mode="r")[...]
    properties = PROPERTIES
    grey = None
    if image is not None:
        grey = zarr.open_array(image, mode="r")[...]
        properties = (*PROPERTIES, "intensity_mean", "intensity_std")
    table = regionprops_table(values, grey, properties, spacing=SIZE_NM)
    return len(table["label"])


WAYS: dict[str, Callable[[Path], int]] = {
    "measure_objects": ours,
    "regionprops_table": scikit_image,
    "measure_objects with grey values": lambda path: ours(path, grey_path(path)),
    "measure_objects with contacts": contacts,
    "regionprops_table with grey values": lambda path: scikit_image(path, grey_path(path)),
}


if __name__ == "__main__":
    main()
