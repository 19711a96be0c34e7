"""Kinds of MRC, NRRD, Digital Micrograph and bare numbers."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import SimpleITK
from dm_files import write_dm

from kinds.kind import NM, STACK, Kind


def _mrc(name: str, data: Any = None, size: Any = NM, patches: Any = ()) -> Any:
    """Write by mrcfile, then change numbers of the header."""

    def write(folder: Path) -> str:
        path = folder / name
        with mrcfile.new(path, STACK.astype(np.int16) if data is None else data) as mrc:
            mrc.voxel_size = tuple(10 * side for side in reversed(size))
        with path.open("r+b") as file:
            for at, numbers, dtype in patches:
                file.seek(at)
                file.write(np.array(numbers, dtype).tobytes())
        return str(path)

    return write


def _packed(packer: Any, suffix: str) -> Any:
    def write(folder: Path) -> str:
        path = Path(_mrc("a.mrc")(folder))
        packed = path.with_name(f"a.mrc{suffix}")
        packed.write_bytes(packer.compress(path.read_bytes()))
        return str(packed)

    return write


def _nrrd(name: str, compressed: bool) -> Any:
    def write(folder: Path) -> str:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(STACK), str(folder / name), compressed)
        return str(folder / name)

    return write


def _nrrd_by_hand(folder: Path) -> str:
    head = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 30 20 6\nencoding: raw\n"
    head += 'spacings: 4 5 30\nunits: "nm" "nm" "nm"\n\n'
    (folder / "a.nrrd").write_bytes(head.encode() + STACK.tobytes())
    return str(folder / "a.nrrd")


def _dm(suffix: str) -> Any:
    def write(folder: Path) -> str:
        write_dm(folder / f"a{suffix}", STACK, NM, ("nm", "nm", "nm"))
        return str(folder / f"a{suffix}")

    return write


def _slices(suffix: str) -> Any:
    """Write one file a slice, as a microscope does."""

    def write(folder: Path) -> str:
        (folder / "slices").mkdir()
        for z, plane in enumerate(STACK):
            path = folder / f"slices/s{z}{suffix}"
            if suffix == ".mrc":
                with mrcfile.new(path, plane.astype(np.int16)) as mrc:
                    mrc.voxel_size = (40.0, 50.0, 50.0)
            else:
                write_dm(path, plane, NM[1:], ("nm", "nm"))
        return str(folder / "slices")

    return write


def _numpy(folder: Path) -> str:
    np.save(folder / "a.npy", STACK)
    return str(folder / "a.npy")


def _fortran(folder: Path) -> str:
    np.save(folder / "a.npy", np.asfortranarray(STACK))
    return str(folder / "a.npy")


def _raw(folder: Path) -> str:
    STACK.tofile(folder / "a.raw")
    return f"{folder}/a.raw:6x20x30:uint8"


def array_kinds() -> Iterator[Kind]:
    """Yield the kinds."""
    lib = "mrcfile"
    for suffix in (".mrc", ".rec", ".map", ".st"):
        yield Kind(f"{suffix}, 16 bits", lib, _mrc(f"a{suffix}"))
    yield Kind("MRC, floats", lib, _mrc("a.mrc", STACK.astype(np.float32)), labels=False)
    yield Kind("MRC, big-endian", lib, _mrc("a.mrc", STACK.astype(">i2")))
    turned = [(64, (3, 1, 2), "<i4"), (28, (20, 6, 30), "<i4"), (40, (800.0, 300.0, 9000.0), "<f4")]
    shown = STACK.transpose(2, 0, 1)
    yield Kind("MRC, axes 3, 1, 2", lib, _mrc("a.map", patches=turned), shows=shown)
    yield Kind("MRC without a stamp", lib, _mrc("a.mrc", patches=[(208, (0, 0), "<i4")]))
    yield Kind(
        "MRC, wrong byte order in the stamp", lib, _mrc("a.mrc", patches=[(212, (17, 17), "u1")])
    )
    bits = STACK % 16
    halves = (bits[..., ::2] | bits[..., 1::2] << 4).view(np.int8)
    four = [
        (0, (30, 20, 6, 101), "<i4"),
        (28, (30, 20, 6), "<i4"),
        (40, (1200.0, 1000.0, 1800.0), "<f4"),
    ]
    yield Kind("MRC, 4 bits", lib, _mrc("a.mrc", halves, patches=four), shows=bits)
    yield Kind("MRC, distance of slices never set", lib, _mrc("a.st", size=(0.1, 5.0, 4.0)), NM[1:])
    both = np.stack([STACK, 199 - STACK]).astype(np.int16)
    yield Kind(
        "MRC, stack of volumes", lib, _mrc("a.mrcs", both), shows=both[1], options=(("time", 1),)
    )
    yield Kind(".mrc.gz", lib, _packed(gzip, ".gz"))
    yield Kind(".mrc.bz2", lib, _packed(bz2, ".bz2"))
    yield Kind("DM3", "by hand", _dm(".dm3"))
    yield Kind("DM4", "by hand", _dm(".dm4"))
    yield Kind("folder of DM3 slices", "by hand", _slices(".dm3"), NM[1:])
    yield Kind("folder of DM4 slices", "by hand", _slices(".dm4"), NM[1:])
    yield Kind("folder of MRC slices", lib, _slices(".mrc"), NM[1:])
    yield Kind("NRRD of ITK, raw", "SimpleITK", _nrrd("a.nrrd", False), None)
    yield Kind("NRRD of ITK, gzip", "SimpleITK", _nrrd("a.nrrd", True), None)
    yield Kind("NRRD of ITK, header apart", "SimpleITK", _nrrd("a.nhdr", False), None)
    yield Kind("NRRD with units", "by hand", _nrrd_by_hand)
    yield Kind(".npy", "NumPy", _numpy, None)
    yield Kind(".npy, Fortran order", "NumPy", _fortran, None)
    yield Kind(".raw with its shape", "NumPy", _raw, None)
