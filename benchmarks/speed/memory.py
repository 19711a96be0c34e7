"""Peak memory of segmenting one slice, each case in its own process."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

from benchmarks.speed.clock import Figure

CASES = (("shipped", 448), ("vit_b", 512), ("vit_b", 1024))
QUICK = (("shipped", 96),)


def measure(*, quick: bool) -> list[Figure]:
    """Run every case."""
    return [
        figure for name, side in (QUICK if quick else CASES) for figure in in_a_process(name, side)
    ]


def in_a_process(name: str, side: int) -> list[Figure]:
    """Run this file on a case and read its output."""
    command = [sys.executable, "-m", "benchmarks.speed.memory", name, str(side)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    peaks = json.loads(printed.splitlines()[-1])
    return [
        Figure(f"{name}, one tile of {side} px: {what}", megabytes, "MB")
        for what, megabytes in peaks.items()
    ]


def peaks_of(name: str, side: int) -> dict[str, float]:
    """Segment a slice that is one tile, and return peaks in MB."""
    import torch
    from benchmarks.speed.models import shipped, stack, with_vit_b

    from napari_scsam.infer.predictor import Predictor

    image = stack(1, side)[0]
    imported = resident()
    predictor = Predictor(shipped() if name == "shipped" else with_vit_b(side))
    predictor.batch_limits.tile = side
    weights = sum(p.nbytes for p in predictor.model.parameters()) / 1e6
    predictor.set_image(image)
    predictor.segment()
    peaks = {
        "peak resident memory": resident(),
        "of it Python and libraries": imported,
        "of it weights": weights,
    }
    if predictor.device.type == "cuda":
        peaks["peak device memory"] = torch.cuda.max_memory_allocated() / 1e6
    return peaks


def resident() -> float:
    """Return the peak resident memory of this process so far, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    print(json.dumps(peaks_of(sys.argv[1], int(sys.argv[2]))))
