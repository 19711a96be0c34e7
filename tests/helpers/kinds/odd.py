"""Kinds of file in which order is unusual: of axes, levels, bits, tiles, parts of one image."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import mrcfile
import numpy as np
import tensorstore
import tifffile
import zarr

from kinds.containers import fill_ome
from kinds.kind import NM, STACK, Kind

TURNED = np.ascontiguousarray(STACK.T)
"""The stack with its axes as x, y, z."""

WIDE = STACK.astype(np.uint16) * 20
PLAIN: dict[str, Any] = {"photometric": "minisblack", "metadata": {"axes": "ZYX"}}
SIZES = {f"PhysicalSize{axis}": side for axis, side in zip("ZYX", NM, strict=True)}
UNITS = {f"PhysicalSize{axis}Unit": "nm" for axis in "ZYX"}


def _two_images(folder: Path) -> str:
    with tifffile.TiffWriter(folder / "a.ome.tif", ome=True) as writer:
        described = {"axes": "ZYX", **SIZES, **UNITS}
        writer.write(STACK, photometric="minisblack", metadata=described)
        writer.write(STACK[0, :8, :8], photometric="minisblack", metadata={"axes": "YX"})
    return str(folder / "a.ome.tif")


def _two_files(folder: Path) -> str:
    sizes = " ".join(f'{key}="{value}"' for key, value in {**SIZES, **UNITS}.items())
    names = [f"{z}.ome.tif" for z in range(2)]
    parts = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{z}</UUID>'
        "</TiffData>"
        for z, name in enumerate(names)
    )
    for z, name in enumerate(names):
        text = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{z}"><Image ID="Image:0"><Pixels ID="Pixels:0" Type="uint8" '
            f'DimensionOrder="XYZCT" SizeX="30" SizeY="20" SizeZ="2" SizeC="1" SizeT="1" {sizes}>'
            f"{parts}</Pixels></Image></OME>"
        )
        plain: dict[str, Any] = {"photometric": "minisblack", "metadata": None}
        tifffile.imwrite(folder / name, STACK[z], description=text, **plain)
    return str(folder / names[0])


def _twelve_bits(folder: Path) -> str:
    bits = np.unpackbits(WIDE[0].astype(">u2").view(np.uint8).reshape(20, 30, 2), axis=-1)
    body = np.packbits(bits[..., 4:].reshape(20, -1), axis=-1).tobytes()
    tags = ((256, 30), (257, 20), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 20))
    pages = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    pages += struct.pack("<HHII", 279, 4, 1, len(body))
    head = struct.pack("<2sHI", b"II", 42, 8 + len(body))
    count = struct.pack("<H", len(tags) + 1)
    (folder / "a.tif").write_bytes(head + body + count + pages + bytes(4))
    return str(folder / "a.tif")


def _solid_tiles(folder: Path) -> str:
    shape: dict[str, Any] = {"tile": (2, 16, 16), "volumetric": True, "compression": "zlib"}
    tifffile.imwrite(folder / "a.tif", STACK, **PLAIN, **shape)
    return str(folder / "a.tif")


def odd_tiffs() -> Iterator[Kind]:
    """Yield kinds of TIFF."""
    lib = "tifffile"
    yield Kind("OME-TIFF, two images, the first", lib, _two_images)
    yield Kind("OME-TIFF, in two files", lib, _two_files, shows=STACK[:2])
    yield Kind("TIFF, 12 bits, packed", "by hand", _twelve_bits, None, WIDE[0])
    yield Kind("TIFF, tiles of several slices", lib, _solid_tiles, None)


def _imod(folder: Path) -> str:
    with mrcfile.new(folder / "a.mrc", STACK.view(np.int8)) as file:
        file.voxel_size = tuple(10 * side for side in NM[::-1])
    with (folder / "a.mrc").open("r+b") as raw:
        raw.seek(152)
        raw.write(struct.pack("<ii", 1146047817, 0))  # IMOD's stamp, and bytes without a sign
    return str(folder / "a.mrc")


def _skipping(folder: Path) -> str:
    (folder / "voxels.raw").write_bytes(b"any header" + STACK.tobytes())
    fields = ("type: uint8", "dimension: 3", "sizes: 30 20 6", "encoding: raw", "byte skip: -1")
    text = "\n".join(["NRRD0004", *fields, "data file: voxels.raw", ""])
    (folder / "a.nhdr").write_text(text)
    return str(folder / "a.nhdr")


def _scaled(folder: Path) -> str:
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("em", data=WIDE, chunks=(2, 8, 8), scaleoffset=0, shuffle=True)
    return str(folder / "a.h5")


def odd_arrays() -> Iterator[Kind]:
    """Yield kinds of MRC, NRRD and HDF5."""
    yield Kind("MRC of IMOD, bytes without a sign", "mrcfile", _imod)
    yield Kind("NRRD, header apart, voxels at the end", "by hand", _skipping, None)
    yield Kind("HDF5, scale and offset", "h5py", _scaled, None, WIDE)


def _named(**attributes: Any) -> Any:
    def write(folder: Path) -> str:
        group = zarr.create_group(folder / "a.zarr", zarr_format=2)
        group.create_array("em", data=TURNED, chunks=(8, 8, 2)).attrs.update(attributes)
        return str(folder / "a.zarr")

    return write


def _coarse_first(folder: Path) -> str:
    fill_ome(folder / "a.zarr")
    group = zarr.open_group(folder / "a.zarr")
    group.create_array("s1", data=STACK[:, ::2, ::2])
    images: Any = group.attrs["multiscales"]
    coarse = {"type": "scale", "scale": [NM[0], 2 * NM[1], 2 * NM[2]]}
    images[0]["datasets"].insert(0, {"path": "s1", "coordinateTransformations": [coarse]})
    group.attrs["multiscales"] = images
    return str(folder / "a.zarr")


def _plate(folder: Path) -> str:
    wells = [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}]
    plate = {"columns": [{"name": "1"}], "rows": [{"name": "A"}], "wells": wells}
    zarr.create_group(folder / "a.zarr", zarr_format=2, attributes={"plate": plate})
    zarr.create_group(folder / "a.zarr/A", zarr_format=2)
    well = {"well": {"images": [{"path": "0"}]}}
    zarr.create_group(folder / "a.zarr/A/1", zarr_format=2, attributes=well)
    fill_ome(folder / "a.zarr/A/1/0")
    return str(folder / "a.zarr")


def _tensorstore(driver: str, data: np.ndarray, **metadata: Any) -> Any:
    def write(folder: Path) -> str:
        place = {"driver": "file", "path": str(folder / "a")}
        spec = {"driver": driver, "kvstore": place, "metadata": metadata}
        tensorstore.open(spec, create=True).result()[...] = data
        return str(folder / "a")

    return write


def _funlib_n5(folder: Path) -> str:
    packing = {"compression": {"type": "gzip"}, "dataType": "uint8"}
    shape = {"dimensions": TURNED.shape, "blockSize": (8, 8, 2)}
    _tensorstore("n5", TURNED, **shape, **packing)(folder)
    described = folder / "a/attributes.json"
    said = {"axes": ["z", "y", "x"], "resolution": NM, "units": ["nm"] * 3}
    described.write_text(json.dumps({**json.loads(described.read_text()), **said}))
    return str(folder / "a")


def odd_chunked() -> Iterator[Kind]:
    """Yield kinds of zarr, OME-Zarr and N5."""
    yield Kind("zarr of xarray, axes x, y, z", "zarr", _named(_ARRAY_DIMENSIONS=list("xyz")), None)
    cosem = {"axes": list("xyz"), "scale": NM[::-1], "translate": [0, 0, 0], "units": ["nm"] * 3}
    yield Kind("zarr array of COSEM, axes x, y, z", "zarr", _named(transform=cosem))
    yield Kind("OME-Zarr, coarse level first", "zarr", _coarse_first)
    yield Kind("OME-Zarr, a plate with one image", "zarr", _plate)
    lib = "tensorstore"
    packed = {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 2}
    old = {"shape": STACK.shape, "chunks": (4, 7, 9), "dtype": ">u2", "order": "F"}
    yield Kind(
        "zarr 2, Fortran order, blosc",
        lib,
        _tensorstore("zarr", WIDE, **old, compressor=packed, dimension_separator="/"),
        None,
        WIDE,
    )
    inner = [{"name": "transpose", "configuration": {"order": (2, 1, 0)}}, {"name": "bytes"}]
    shards = {"chunk_shape": (2, 4, 8), "index_location": "start", "codecs": inner}
    grid = {"name": "regular", "configuration": {"chunk_shape": (6, 20, 32)}}
    codecs = [{"name": "sharding_indexed", "configuration": shards}]
    new = {"shape": STACK.shape, "data_type": "uint8", "chunk_grid": grid, "codecs": codecs}
    yield Kind("zarr 3, shards, index at the start", lib, _tensorstore("zarr3", STACK, **new), None)
    yield Kind("N5 of funlib, axes z, y, x", lib, _funlib_n5)


def odd_kinds() -> Iterator[Kind]:
    """Yield all of them."""
    yield from odd_tiffs()
    yield from odd_arrays()
    yield from odd_chunked()
