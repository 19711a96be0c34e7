"""Kinds of TIFF, and of single pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
import tifffile
from PIL import Image

from kinds.kind import NM, STACK, Kind

IMAGEJ = {"imagej": True, "resolution": (1 / NM[2], 1 / NM[1])}
FEI = "[Scan]\nPixelWidth=4e-09\nPixelHeight=5e-09\n"
ZEISS = "1\nAP_IMAGE_PIXEL_SIZE\nImage Pixel Size = 5.0 nm\n"
RAMP = np.arange(256, dtype=np.uint16) * 257


def _ome(**more: Any) -> dict[str, Any]:
    sizes = {f"PhysicalSize{axis}": size / 1000 for axis, size in zip("ZYX", NM, strict=True)}
    units = {f"PhysicalSize{axis}Unit": "µm" for axis in "ZYX"}
    return {"ome": True, "metadata": {"axes": "ZYX", **sizes, **units, **more}}


def _tiff(name: str, data: np.ndarray = STACK, **options: Any) -> Any:
    def write(folder: Path) -> str:
        tifffile.imwrite(folder / name, data, **options)
        return str(folder / name)

    return write


def _pyramid(folder: Path) -> str:
    with tifffile.TiffWriter(folder / "a.ome.tif", ome=True) as writer:
        writer.write(STACK, subifds=1, tile=(16, 16), metadata=_ome()["metadata"])
        writer.write(STACK[:, ::2, ::2], subfiletype=1, tile=(16, 16))
    return str(folder / "a.ome.tif")


def _itk(folder: Path) -> str:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(STACK), str(folder / "a.tif"))
    return str(folder / "a.tif")


def _pillow(name: str, mode: str = "L", **options: Any) -> Any:
    def write(folder: Path) -> str:
        picture = Image.fromarray(STACK[0])
        if mode == "P":
            picture = picture.convert("RGB").quantize(256)
        picture.convert(mode).save(folder / name, **options)
        return str(folder / name)

    return write


def _folder(*names: str) -> Any:
    def write(folder: Path) -> str:
        (folder / "slices").mkdir()
        for plane, name in zip(STACK, names, strict=False):
            Image.fromarray(plane).save(folder / "slices" / name, quality=100)
        return str(folder / "slices")

    return write


def _makers_folder(folder: Path) -> str:
    (folder / "slices").mkdir()
    for z, plane in enumerate(STACK):
        tag: Any = (34682, 2, 0, FEI, True)
        tifffile.imwrite(folder / f"slices/{z}.tif", plane, extratags=[tag], metadata=None)
    return str(folder / "slices")


def _as_shown(name: str) -> Any:
    """Return what Pillow shows of a picture, decoded anew by the test."""

    def shown(opened: str) -> np.ndarray:
        path = Path(opened)
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        planes = np.stack([np.asarray(Image.open(file).convert("L")) for file in files])
        return planes if path.is_dir() else planes[0]

    shown.__name__ = name
    return shown


def tiff_kinds() -> Iterator[Kind]:
    """Yield kinds of TIFF."""
    lib = "tifffile"
    plain = {"photometric": "minisblack", "metadata": {"axes": "ZYX"}}
    yield Kind("TIFF, no units", lib, _tiff("a.tif", **plain), None)
    yield Kind(
        "TIFF, ImageJ stack",
        lib,
        _tiff("a.tif", **IMAGEJ, metadata={"axes": "ZYX", "unit": "nm", "spacing": 30.0}),
    )
    yield Kind(
        "TIFF, ImageJ, negative spacing",
        lib,
        _tiff("a.tif", **IMAGEJ, metadata={"axes": "ZYX", "unit": "nm", "spacing": -30.0}),
    )
    yield Kind(
        "TIFF, ImageJ, no spacing",
        lib,
        _tiff("a.tif", **IMAGEJ, metadata={"axes": "ZYX", "unit": "nm"}),
        NM[1:],
    )
    yield Kind(
        "TIFF, ImageJ, lookup table in colour",
        lib,
        _tiff(
            "a.tif",
            STACK[0],
            imagej=True,
            photometric="palette",
            colormap=np.stack([RAMP, RAMP[::-1], RAMP]),
        ),
        None,
        STACK[0],
    )
    hyper = np.stack([STACK, 255 - STACK], 1)
    yield Kind(
        "TIFF, ImageJ, two channels",
        lib,
        _tiff("a.tif", hyper, **IMAGEJ, metadata={"axes": "ZCYX", "unit": "nm", "spacing": 30.0}),
        shows=255 - STACK,
        options=(("channel", 1),),
    )
    yield Kind("OME-TIFF", lib, _tiff("a.ome.tif", **_ome()))
    yield Kind(
        "OME-TIFF, 1 nm",
        lib,
        _tiff("a.ome.tif", **_ome(**{f"PhysicalSize{a}": 0.001 for a in "XYZ"})),
        (1.0, 1.0, 1.0),
    )
    times = np.stack([STACK, 255 - STACK])
    yield Kind(
        "OME-TIFF, two time points",
        lib,
        _tiff("a.ome.tif", times, **_ome(axes="TZYX")),
        shows=255 - STACK,
        options=(("time", 1),),
    )
    yield Kind("OME-TIFF, pyramid in tiles", lib, _pyramid)
    yield Kind("BigTIFF", lib, _tiff("a.btf", bigtiff=True, **_ome()))
    for packing in ("zlib", "lzw", "zstd", "packbits", "lzma"):
        yield Kind(f"TIFF, {packing}", lib, _tiff("a.tif", compression=packing, **plain), None)
    yield Kind(
        "TIFF, tiles, zlib", lib, _tiff("a.tif", tile=(16, 16), compression="zlib", **plain), None
    )
    wide = STACK.astype(np.uint16) * 300
    yield Kind(
        "TIFF, 16 bits, big-endian", lib, _tiff("a.tif", wide, byteorder=">", **plain), None, wide
    )
    yield Kind(
        "TIFF, 32-bit floats",
        lib,
        _tiff("a.tif", STACK.astype(np.float32), **plain),
        None,
        labels=False,
    )
    yield Kind(
        "TIFF, 0 is white",
        lib,
        _tiff("a.tif", photometric="miniswhite", metadata={"axes": "ZYX"}),
        None,
        255 - STACK,
        label_values=STACK,
    )
    yield Kind(
        "TIFF, RGB with equal colours",
        lib,
        _tiff("a.tif", np.stack([STACK] * 3, -1), photometric="rgb"),
        None,
    )
    yield Kind(
        "TIFF, RGB in planes, equal",
        lib,
        _tiff("a.tif", np.stack([STACK[0]] * 3), photometric="rgb", planarconfig="separate"),
        None,
        STACK[0],
        label_values=np.stack([STACK[0]] * 3),  # labels have no colours: three slices, alike
    )
    yield Kind(
        "TIFF, RGB, one colour chosen",
        lib,
        _tiff("a.tif", np.stack([STACK[0], STACK[1], STACK[2]], -1), photometric="rgb"),
        None,
        STACK[1],
        (("channel", 1),),
    )
    yield Kind(
        "TIFF, palette of greys",
        lib,
        _tiff("a.tif", STACK[0], photometric="palette", colormap=np.stack([RAMP[::-1]] * 3)),
        None,
        255 - STACK[0],
        label_values=STACK[0],
    )
    alpha = np.stack([STACK[0], np.full_like(STACK[0], 255)], -1)
    yield Kind(
        "TIFF, grey with alpha",
        lib,
        _tiff(
            "a.tif",
            alpha,
            photometric="minisblack",
            planarconfig="contig",
            extrasamples=["unassalpha"],
        ),
        None,
        STACK[0],
    )
    fei: Any = (34682, 2, 0, FEI, True)
    zeiss: Any = (34118, 2, 0, ZEISS, True)
    yield Kind(
        "TIFF, Thermo Fisher (FEI)",
        lib,
        _tiff("a.tif", STACK[0], extratags=[fei], metadata=None),
        (5.0, 5.0, 4.0),
        STACK[0],
    )
    yield Kind(
        "TIFF, Zeiss",
        lib,
        _tiff("a.tif", STACK[0], extratags=[zeiss], metadata=None),
        (5.0, 5.0, 5.0),
        STACK[0],
    )
    yield Kind("TIFF of ITK", "SimpleITK", _itk, None)
    yield Kind("TIFF of Pillow, one slice", "Pillow", _pillow("a.tif"), None, STACK[0])


def picture_kinds() -> Iterator[Kind]:
    """Yield kinds of single pictures and of folders with slices."""
    lib = "Pillow"
    yield Kind("PNG", lib, _pillow("a.png"), None, STACK[0])
    yield Kind("PNG, RGB with equal colours", lib, _pillow("a.png", "RGB"), None, STACK[0])
    yield Kind("PNG, grey with alpha", lib, _pillow("a.png", "LA"), None, STACK[0])
    yield Kind(
        "PNG, palette of greys",
        lib,
        _pillow("a.png", "P"),
        None,
        _as_shown("png"),
        label_values=False,
    )
    yield Kind("BMP", lib, _pillow("a.bmp"), None, STACK[0])
    yield Kind("JPEG, grey", lib, _pillow("a.jpg"), None, _as_shown("jpg"), labels=False)
    yield Kind(
        "JPEG, RGB with equal colours",
        lib,
        _pillow("a.jpeg", "RGB"),
        None,
        _as_shown("jpg"),
        labels=False,
    )
    yield Kind("folder of TIFF slices", lib, _folder(*(f"s{z}.tif" for z in range(6))), None)
    yield Kind(
        "folder of .tif and .tiff",
        lib,
        _folder(*(f"s{z}.tif{'f' * (z % 2)}" for z in range(6))),
        None,
    )
    yield Kind("folder of PNG slices", lib, _folder(*(f"s{z}.png" for z in range(6))), None)
    yield Kind(
        "folder of .jpg and .jpeg",
        lib,
        _folder(*(f"s{z}.{['jpg', 'jpeg'][z % 2]}" for z in range(6))),
        None,
        _as_shown("jpgs"),
        labels=False,
    )
    yield Kind("folder of slices of Thermo Fisher (FEI)", "tifffile", _makers_folder, NM[1:])
