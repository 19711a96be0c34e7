"""How small slices of real EM become without loss, and how small their noise lets them become.

``python -m benchmarks.slice_sizes ../shared/data`` encodes the middle slice of each EM volume of a
folder by the codecs that come with the package, and writes ``benchmarks/slice_sizes.json``.

The floor is what white noise of the slice's own strength costs by itself. Its strength is estimated
from the finest diagonal details (Donoho and Johnstone 1994); the entropy of Gaussian noise of a
standard deviation s is log2(s √(2πe)) bits a pixel. No lossless code is below it, on average, where
noise is like that.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numcodecs import Zstd
from numpy.typing import NDArray

from napari_scsam.io.volumes import open_volume

OUT = Path(__file__).with_name("slice_sizes.json")

IMAGES = ("*/raw.tif", "*/dev_raw.tif", "*/train_raw.tif", "*/*sample?.tif", "*/*crop.tif")
"""Names of the EM images, and not of labels."""


def delta_zstd(image: NDArray[Any]) -> bytes:
    """Encode differences along rows by Zstandard."""
    return bytes(Zstd(19).encode(np.diff(image, axis=1, prepend=image.dtype.type(0))))


CODECS: dict[str, Callable[[NDArray[Any]], bytes]] = {
    "JPEG-LS": imagecodecs.jpegls_encode,
    "JPEG XL, effort 3": lambda image: imagecodecs.jpegxl_encode(
        image, lossless=True, effort=3, numthreads=1
    ),
    "JPEG XL, effort 7": lambda image: imagecodecs.jpegxl_encode(
        image, lossless=True, effort=7, numthreads=1
    ),
    "JPEG 2000": lambda image: imagecodecs.jpeg2k_encode(image, reversible=True, level=0),
    "PNG": lambda image: imagecodecs.png_encode(image, level=9),
    "differences, Zstandard": delta_zstd,
    "Zstandard": lambda image: bytes(Zstd(19).encode(image)),
}


def noise_floor(image: NDArray[Any]) -> float:
    """Return the bytes a pixel that white noise of the strength of a slice costs by itself."""
    even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2].astype(np.float64)
    detail = (even[::2, ::2] - even[::2, 1::2] - even[1::2, ::2] + even[1::2, 1::2]) / 2
    strength = float(np.median(np.abs(detail))) / 0.6745
    return max(0.0, math.log2(max(strength, 0.25) * math.sqrt(2 * math.pi * math.e))) / 8


def measure(path: Path) -> dict[str, Any]:
    """Return bytes a pixel, and seconds a megapixel, of each codec on the middle slice."""
    volume = open_volume(path)
    image = np.ascontiguousarray(volume.plane(volume.depth // 2))
    found: dict[str, Any] = {"shape": image.shape, "noise_floor": round(noise_floor(image), 3)}
    for name, encode in CODECS.items():
        start = time.process_time()
        size = len(encode(image))
        seconds = time.process_time() - start
        found[name] = round(size / image.size, 3)
        found[f"{name}, s"] = round(seconds / image.size * 1e6, 2)
    return found


def main() -> None:
    """Measure all EM of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    paths = sorted({path for pattern in IMAGES for path in given.folder.glob(pattern)})
    found: dict[str, Any] = {}
    for path in paths:
        name = path.relative_to(given.folder).as_posix()
        one = measure(path)
        found[name] = one
        sizes = ", ".join(f"{codec} {one[codec]}" for codec in CODECS)
        print(f"{name}: floor {one['noise_floor']}; {sizes}", flush=True)
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
