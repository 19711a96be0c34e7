"""Kinds of TIFF, MRC, NRRD and picture that labs elsewhere bring: other programs, types, names."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import mrcfile
import nrrd
import numpy as np
import SimpleITK
import tifffile
from PIL import Image

from kinds.kind import NM, STACK, Kind

PLAIN: dict[str, Any] = {"photometric": "minisblack"}
WIDE = STACK.astype(np.uint16) * 300
SIGNED = STACK.astype(np.int16) - 100
HOLES = np.where(STACK > 150, np.nan, STACK).astype(np.float32)
SIDES = {f"PhysicalSize{axis}": side for axis, side in zip("ZYX", NM, strict=True)}
OME: dict[str, Any] = {"axes": "ZYX", **SIDES, **{f"PhysicalSize{a}Unit": "nm" for a in "ZYX"}}
SLICE = (NM[1], NM[1], NM[2])
"""The size of a lone slice, whose y counts along z."""


def _tiff(data: np.ndarray = STACK, name: str = "a.tif", **options: Any) -> Any:
    def write(folder: Path) -> str:
        tifffile.imwrite(folder / name, data, **{**PLAIN, **options})
        return str(folder / name)

    return write


def _pyramid(folder: Path) -> str:
    tiles: dict[str, Any] = {"tile": (16, 16), "compression": "zstd", **PLAIN}
    with tifffile.TiffWriter(folder / "a.ome.tif", bigtiff=True, byteorder=">") as writer:
        writer.write(WIDE, subifds=2, metadata=OME, **tiles)
        for step in (2, 4):
            writer.write(WIDE[:, ::step, ::step], subfiletype=1, **tiles)
    return str(folder / "a.ome.tif")


def _thumbnails(folder: Path) -> str:
    with tifffile.TiffWriter(folder / "a.tif") as writer:
        for plane in STACK:
            writer.write(plane, metadata=None, contiguous=False, **PLAIN)
            writer.write(plane[::2, ::2], metadata=None, subfiletype=1, **PLAIN)
    return str(folder / "a.tif")


def _ome(data: np.ndarray, sizes: tuple[float, ...], unit: str | None) -> Any:
    described: dict[str, Any] = {"axes": "ZYX"}
    for axis, size in zip("ZYX"[-len(sizes) :], sizes, strict=True):
        described[f"PhysicalSize{axis}"] = size
        if unit:
            described[f"PhysicalSize{axis}Unit"] = unit
    return _tiff(data, "a.ome.tif", metadata=described)


def _imagej(data: np.ndarray, sizes: tuple[float, ...], unit: str, axes: str = "ZYX") -> Any:
    z, y, x = sizes
    described = {"spacing": z, "unit": unit, "axes": axes}
    return _tiff(data, imagej=True, resolution=(1 / x, 1 / y), metadata=described)


def visiting_tiffs() -> Iterator[Kind]:
    """Yield kinds of TIFF."""
    lib = "tifffile"
    yield Kind("OME-TIFF, pyramid of a big-endian BigTIFF", lib, _pyramid, shows=WIDE)
    yield Kind("TIFF, a small copy after each slice", lib, _thumbnails, None)
    yield Kind(
        "TIFF, bits, packed", lib, _tiff(STACK > 99, compression="packbits"), None, STACK > 99
    )
    yield Kind("TIFF, floats with holes (NaN)", lib, _tiff(HOLES), None, HOLES, labels=False)
    floats = STACK / 7
    yield Kind("TIFF, 64-bit floats", lib, _tiff(floats), None, floats, labels=False)
    yield Kind("TIFF, 16 bits with sign", lib, _tiff(SIGNED), None, SIGNED)
    long = SIGNED.astype(np.int64)
    yield Kind("TIFF, 64 bits with sign", lib, _tiff(long), None, long)
    swapped: dict[str, Any] = {"byteorder": ">", "tile": (16, 16), "compression": "zlib"}
    packed = _tiff(WIDE, predictor=True, **swapped)
    yield Kind("TIFF, big-endian tiles, predictor", lib, packed, None, WIDE)
    yield Kind("TIFF, suffix .TIFF", lib, _tiff(name="A.TIFF"), None)
    micrometres = tuple(side / 1000 for side in NM)
    yield Kind("OME-TIFF, micrometres that nobody names", lib, _ome(STACK, micrometres, None))
    yield Kind("OME-TIFF, pixels as the unit", lib, _ome(STACK, NM, "pixel"), None)
    yield Kind("OME-TIFF, no size along z", lib, _ome(STACK, NM[1:], "nm"), NM[1:])
    yield Kind(
        "OME-TIFF, 32 bits with sign", lib, _ome(SIGNED.astype(np.int32), NM, "nm"), NM, SIGNED
    )
    channels = np.stack([STACK, STACK + 1])[None]
    five = _tiff(channels, "a.ome.tif", metadata={**OME, "axes": "TCZYX"})
    yield Kind("OME-TIFF, T, C, Z", lib, five, NM, STACK + 1, (("channel", 1),))
    yield Kind("TIFF, ImageJ, unit \\u00B5m", lib, _imagej(STACK, micrometres, "\\u00B5m"))
    yield Kind(
        "TIFF, ImageJ, floats with NaN", lib, _imagej(HOLES, NM, "nm"), NM, HOLES, labels=False
    )
    pixels = _imagej(STACK, (1, 1, 1), "pixel")
    yield Kind("TIFF, ImageJ, pixels as the unit", lib, pixels, None)
    for name, unit, length in (("centimetres", 3, 1e7), ("micrometres", 5, 1e3)):
        dots: dict[str, Any] = {"resolution": (length / 4, length / 5), "resolutionunit": unit}
        slice_ = _tiff(STACK[0], metadata=None, **dots)
        yield Kind(f"TIFF, one slice, resolution in {name}", lib, slice_, SLICE, STACK[0])
    screen = _tiff(STACK[0], metadata=None, resolution=(72, 72), resolutionunit=2)
    yield Kind("TIFF, one slice, 72 dots per inch", lib, screen, None, STACK[0])
    for name in ("with space", "größe 細胞", "dots..", "100%20", "scan#1", "a:b", "channel=1"):
        named = _tiff(name=f"{name}.tif")
        yield Kind(f"TIFF called {name}.tif", lib, named, None)
    yield Kind("TIFF in a path of 2,000 letters", lib, _far_away, None)


def _far_away(folder: Path) -> str:
    for _ in range(10):
        folder /= "d" * 200
    folder.mkdir(parents=True)
    return str(_tiff()(folder))


def _mrc(data: np.ndarray = STACK, name: str = "a.mrc", at: int = 0, patch: bytes = b"") -> Any:
    def write(folder: Path) -> str:
        with mrcfile.new(folder / name, data) as file:
            file.voxel_size = tuple(10 * side for side in NM[::-1])
        if patch:
            with (folder / name).open("r+b") as raw:
                raw.seek(at)
                raw.write(patch)
        return str(folder / name)

    return write


def _serial_em(folder: Path) -> str:
    with mrcfile.new(folder / "a.mrc", SIGNED) as file:
        file.voxel_size = tuple(10 * side for side in NM[::-1])
        file.set_extended_header(np.arange(600, dtype=np.uint8))
        file.header.exttyp = b"SERI"
    return str(folder / "a.mrc")


def _itk(suffix: str, data: np.ndarray = STACK, scale: float = 1) -> Any:
    def write(folder: Path) -> str:
        image = SimpleITK.GetImageFromArray(data)
        image.SetSpacing([side * scale for side in NM[::-1]])
        SimpleITK.WriteImage(image, str(folder / f"a.{suffix}"))
        return str(folder / f"a.{suffix}")

    return write


def visiting_mrc() -> Iterator[Kind]:
    """Yield kinds of MRC."""
    lib = "mrcfile"
    holes = _mrc(STACK.astype(np.float32), at=1024, patch=HOLES.tobytes())
    yield Kind("MRC, floats with holes (NaN)", lib, holes, shows=HOLES, labels=False)
    yield Kind("MRC of SerialEM, extended header", lib, _serial_em, shows=SIGNED)
    yield Kind("MRC, no size in the header", lib, _mrc(at=40, patch=bytes(12)), None, WIDE_BYTES)
    steps = _mrc(at=28, patch=bytes(12))
    yield Kind("MRC, no steps in the header", lib, steps, None, WIDE_BYTES)
    origin = _mrc(at=196, patch=struct.pack("<3f", 5, 6, 7))
    yield Kind("MRC, an origin", lib, origin, shows=WIDE_BYTES)
    yield Kind("MRC, suffix .ccp4", lib, _mrc(name="a.ccp4"), shows=WIDE_BYTES)
    yield Kind("MRC of ITK, bytes without a sign", "SimpleITK", _itk("mrc", STACK, 10))
    yield Kind("MRC of ITK, 16 bits", "SimpleITK", _itk("mrc", WIDE, 10), shows=WIDE)


WIDE_BYTES = STACK.astype(np.uint16)
"""What mrcfile makes of bytes without a sign."""


def _nrrd(data: np.ndarray = STACK, suffix: str = "nrrd", **header: Any) -> Any:
    def write(folder: Path) -> str:
        file = folder / f"a.{suffix}"
        apart = suffix == "nhdr"
        nrrd.write(str(file), data, header, detached_header=apart, index_order="C")
        return str(file)

    return write


def visiting_nrrd() -> Iterator[Kind]:
    """Yield kinds of NRRD."""
    lib = "pynrrd"
    axes = np.diag(NM[::-1])
    turned = axes @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    space: dict[str, Any] = {"space dimension": 3, "space units": ["nm"] * 3}
    yield Kind("NRRD, gzip, directions", lib, _nrrd(**{**space, "space directions": axes}))
    yield Kind("NRRD, turned directions", lib, _nrrd(**{**space, "space directions": turned}))
    micrometres = {**space, "space directions": axes / 1000, "space units": ["microns"] * 3}
    yield Kind("NRRD in microns", lib, _nrrd(**micrometres))
    medical = {"space": "left-posterior-superior", "space directions": axes}
    yield Kind("NRRD of 3D Slicer, no units", lib, _nrrd(**medical), None)
    yield Kind("NRRD, header apart, gzip", lib, _nrrd(suffix="nhdr"), None)
    sizes = {"encoding": "raw", "spacings": list(NM[::-1]), "units": ["nm"] * 3}
    yield Kind("NRRD, header apart, spacings", lib, _nrrd(suffix="nhdr", **sizes))
    long = SIGNED.astype(np.int64)
    yield Kind("NRRD, 64 bits with sign", lib, _nrrd(long), None, long)


def _pictures(suffix: str, change: Any = np.asarray) -> Any:
    def write(folder: Path) -> str:
        for z, plane in enumerate(STACK):
            Image.fromarray(change(plane)).save(folder / f"s{z + 8}.{suffix}")
        (folder / "Thumbs.db").write_bytes(b"anything")
        (folder / f"._s8.{suffix}").write_bytes(b"of a Mac")
        return str(folder)

    return write


def _one(name: str, data: np.ndarray) -> Any:
    def write(folder: Path) -> str:
        Image.fromarray(data).save(folder / name)
        return str(folder / name)

    return write


def _jp2(planes: np.ndarray) -> Any:
    def write(folder: Path) -> str:
        for number, plane in enumerate(planes):
            coded = imagecodecs.jpeg2k_encode(plane, level=0, codecformat="jp2", reversible=True)
            (folder / f"{number}.jp2").write_bytes(coded)
        return str(folder if len(planes) > 1 else folder / "0.jp2")

    return write


def _webp(folder: Path) -> str:
    colours = np.repeat(STACK[0][..., None], 3, -1)
    (folder / "a.webp").write_bytes(imagecodecs.webp_encode(colours, lossless=True))
    return str(folder / "a.webp")


def _pgm(plane: np.ndarray, most: int) -> Any:
    def write(folder: Path) -> str:
        header = f"P5 {plane.shape[1]} {plane.shape[0]} {most}\n".encode()
        wide = ">u2" if most > 255 else "u1"
        (folder / "a.pgm").write_bytes(header + plane.astype(wide).tobytes())
        return str(folder / "a.pgm")

    return write


def _zipped_mrc(folder: Path) -> str:
    plain = Path(_mrc()(folder))
    packed = folder / "a.rec.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    return str(packed)


def visiting_pictures() -> Iterator[Kind]:
    """Yield kinds of picture, and folders of them."""
    lib = "Pillow"
    yield Kind("PNG, 16 bits", lib, _one("a.png", WIDE[0]), None, WIDE[0])
    yield Kind("PNG, one bit", lib, _one("a.png", STACK[0] > 99), None, STACK[0] > 99)
    yield Kind("BMP, one bit", lib, _one("a.bmp", STACK[0] > 99), None, STACK[0] > 99)
    yield Kind("folder of BMP slices", lib, _pictures("bmp"), None)
    equal = _pictures("png", lambda plane: np.repeat(plane[..., None], 3, -1))
    yield Kind("folder of PNG slices, equal colours", lib, equal, None)
    yield Kind("folder of slices, suffix .TIF", lib, _pictures("TIF"), None)
    yield Kind(".rec.gz", "mrcfile", _zipped_mrc, shows=WIDE_BYTES)
    lib = "imagecodecs"
    yield Kind("JPEG 2000", lib, _jp2(STACK[:1]), None, STACK[0])
    yield Kind("JPEG 2000, 16 bits", lib, _jp2(WIDE[:1]), None, WIDE[0])
    yield Kind("folder of JPEG 2000 slices", lib, _jp2(STACK), None)
    yield Kind("WebP, lossless, equal colours", lib, _webp, None, STACK[0])
    lib = "by hand"
    yield Kind("PGM", lib, _pgm(STACK[0], 255), None, STACK[0])
    yield Kind("PGM, 16 bits", lib, _pgm(WIDE[0], 65535), None, WIDE[0])


def visiting_files() -> Iterator[Kind]:
    """Yield all of them."""
    yield from visiting_tiffs()
    yield from visiting_mrc()
    yield from visiting_nrrd()
    yield from visiting_pictures()
