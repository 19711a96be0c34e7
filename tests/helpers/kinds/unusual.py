"""Kinds of file that are rare, each of a common format: compressions, types, layouts, headers."""

from __future__ import annotations

import bz2
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import mrcfile
import numcodecs
import numpy as np
import tensorstore
import tifffile
import zarr
from PIL import Image
from zarr.codecs import BloscCodec, BytesCodec, TransposeCodec, ZstdCodec

from kinds.kind import NM, STACK, Kind

BITS = STACK[0] > 100
WIDE = STACK.astype(np.uint16) * 300
PLAIN: dict[str, Any] = {"photometric": "minisblack", "metadata": {"axes": "ZYX"}}
HALVES = np.concatenate([STACK[:2], np.full_like(STACK[2:], 9)])
"""What is read where only the first two slices were written, and 9 fills the rest."""


def _tiff(data: np.ndarray = STACK, name: str = "a.tif", **options: Any) -> Any:
    def write(folder: Path) -> str:
        tifffile.imwrite(folder / name, data, **{**PLAIN, **options})
        return str(folder / name)

    return write


def _two_series(folder: Path) -> str:
    with tifffile.TiffWriter(folder / "a.tif") as writer:
        writer.write(STACK, photometric="minisblack")
        writer.write(STACK[0, ::4, ::4], photometric="minisblack", subfiletype=1)
    return str(folder / "a.tif")


def _pillow(*planes: np.ndarray, **options: Any) -> Any:
    def write(folder: Path) -> str:
        first, *others = [Image.fromarray(plane) for plane in planes]
        first.save(folder / "a.tif", save_all=True, append_images=others, **options)
        return str(folder / "a.tif")

    return write


def rare_tiffs() -> Iterator[Kind]:
    """Yield kinds of TIFF."""
    lib = "tifffile"
    for packing in ("jpeg2000", "png", "lerc"):
        yield Kind(f"TIFF, {packing}", lib, _tiff(compression=packing), None)
    yield Kind("TIFF, LZW, predictor", lib, _tiff(WIDE, compression="lzw", predictor=2), None, WIDE)
    thirds = STACK.astype(np.float32) / 3
    floats = _tiff(thirds, compression="zlib", predictor=3)
    yield Kind("TIFF, floats, predictor", lib, floats, None, thirds, labels=False)
    half = STACK.astype(np.float16)
    yield Kind("TIFF, 16-bit floats", lib, _tiff(half), None, half, labels=False)
    signed = (STACK.astype(int) - 100).astype(np.int8)
    yield Kind("TIFF, 8 bits with sign", lib, _tiff(signed), None, signed)
    huge = STACK.astype(np.uint64) << 33
    yield Kind("TIFF, 64 bits", lib, _tiff(huge), None, huge)
    big: dict[str, Any] = {"bigtiff": True, "byteorder": ">", "compression": "zlib"}
    yield Kind("BigTIFF, big-endian, zlib", lib, _tiff(WIDE, **big), None, WIDE)
    yield Kind("TIFF, strips of a row", lib, _tiff(rowsperstrip=1, compression="zlib"), None)
    yield Kind("TIFF with a small copy", lib, _two_series, None)
    single = {"metadata": None}
    yield Kind("TIFF, singleton axes", lib, _tiff(STACK[None, :, None], metadata={}), None)
    yield Kind("TIFF, one slice, plain", lib, _tiff(STACK[0], **single), None, STACK[0])
    hyper = np.stack([np.stack([STACK, STACK + 2], 1)] * 3)
    imagej: dict[str, Any] = {"imagej": True, "metadata": {"axes": "TZCYX"}}
    options = (("channel", 1), ("time", 2))
    yield Kind("TIFF, ImageJ, T, Z, C", lib, _tiff(hyper, **imagej), None, STACK + 2, options)
    units = {"X": (40, "Å"), "Y": (5e-6, "mm"), "Z": (3e-8, "m")}
    sizes = {f"PhysicalSize{axis}": size for axis, (size, _) in units.items()}
    named = {f"PhysicalSize{axis}Unit": unit for axis, (_, unit) in units.items()}
    ome = {"axes": "ZYX", **sizes, **named}
    yield Kind("OME-TIFF in Å, mm and m", lib, _tiff(name="a.ome.tif", metadata=ome))
    yield Kind(
        "TIFF of one bit, group 4", "Pillow", _pillow(BITS, compression="group4"), None, BITS
    )
    yield Kind("TIFF of Pillow, several pages", "Pillow", _pillow(*STACK), None)


def _mrc(data: np.ndarray, header: int = 0, kind: bytes = b"") -> Any:
    def write(folder: Path) -> str:
        with mrcfile.new(folder / "a.mrc", data) as file:
            z, y, x = (10 * side for side in NM)
            file.voxel_size = (x, y, z)
            if header:
                file.set_extended_header(np.ones(header, np.uint8))
                file.header.exttyp = kind
        return str(folder / "a.mrc")

    return write


def _nrrd(head: str, body: bytes) -> Any:
    def write(folder: Path) -> str:
        lines = ["NRRD0004", "dimension: 3", "sizes: 30 20 6", head, "", ""]
        (folder / "a.nrrd").write_bytes("\n".join(lines).encode() + body)
        return str(folder / "a.nrrd")

    return write


def _npy(data: np.ndarray) -> Any:
    def write(folder: Path) -> str:
        np.save(folder / "a.npy", data)
        return str(folder / "a.npy")

    return write


def rare_arrays() -> Iterator[Kind]:
    """Yield kinds of MRC, NRRD and NumPy files."""
    half = STACK.astype(np.float16)
    yield Kind("MRC, 16-bit floats", "mrcfile", _mrc(half), shows=half, labels=False)
    signed = (STACK.astype(int) - 100).astype(np.int8)
    yield Kind("MRC, 8 bits with sign", "mrcfile", _mrc(signed), shows=signed)
    yield Kind("MRC, 16 bits, no sign", "mrcfile", _mrc(WIDE), shows=WIDE)
    yield Kind("MRC, extended header of FEI", "mrcfile", _mrc(STACK.astype(np.int16), 768, b"FEI1"))
    packed = _nrrd("type: uint8\nencoding: bzip2", bz2.compress(STACK.tobytes()))
    yield Kind("NRRD, bzip2", "by hand", packed, None)
    swapped = _nrrd("type: uint16\nencoding: raw\nendian: big", WIDE.astype(">u2").tobytes())
    yield Kind("NRRD, big-endian", "by hand", swapped, None, WIDE)
    yield Kind(".npy, big-endian", "NumPy", _npy(WIDE.astype(">i4")), None, WIDE)
    yield Kind(".npy, 16-bit floats", "NumPy", _npy(half), None, half, labels=False)


def _hdf5(**options: Any) -> Any:
    def write(folder: Path) -> str:
        with h5py.File(folder / "a.h5", "w") as file:
            file.create_dataset("em/raw", data=STACK, chunks=(2, 8, 8), **options)
        return str(folder / "a.h5")

    return write


def _cremi(folder: Path) -> str:
    with h5py.File(folder / "a.h5", "w") as file:
        file["volumes/raw"] = STACK
        file["volumes/raw"].attrs["resolution"] = NM
        for name in ("neuron_ids", "clefts"):
            file[f"volumes/labels/{name}"] = STACK.astype(np.uint64)
    return str(folder / "a.h5")


def _virtual(folder: Path) -> str:
    layout = h5py.VirtualLayout(STACK.shape, np.uint8)
    for z, plane in enumerate(STACK):
        with h5py.File(folder / f"{z}.h5", "w") as part:
            part["plane"] = plane
        layout[z] = h5py.VirtualSource(str(folder / f"{z}.h5"), "plane", plane.shape)
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_virtual_dataset("raw", layout)
    return str(folder / "a.h5")


def _ilastik(folder: Path) -> str:
    tags = {"axes": [{"key": axis, "typeFlags": 2, "resolution": 0} for axis in "tzyxc"]}
    with h5py.File(folder / "a.h5", "w") as file:
        file["exported_data"] = STACK[None, ..., None]
        file["exported_data"].attrs["axistags"] = json.dumps(tags)
    return str(folder / "a.h5")


def rare_hdf5() -> Iterator[Kind]:
    """Yield kinds of HDF5."""
    yield Kind("HDF5 of CREMI with labels", "h5py", _cremi)
    yield Kind("HDF5, virtual, of six files", "h5py", _virtual, None)
    yield Kind("HDF5, LZF", "h5py", _hdf5(compression="lzf"), None)
    checked = {"compression": "gzip", "shuffle": True, "fletcher32": True}
    yield Kind("HDF5, gzip, shuffled, checksums", "h5py", _hdf5(**checked), None)
    yield Kind("HDF5 of ilastik, axes t, z, y, x, c", "h5py", _ilastik, None)


def _zarr(data: np.ndarray = STACK, **options: Any) -> Any:
    def write(folder: Path) -> str:
        zarr.create_array(folder / "a.zarr", data=data, chunks=(2, 5, 5), **options)
        return str(folder / "a.zarr")

    return write


def _partly(version: Any) -> Any:
    def write(folder: Path) -> str:
        place = folder / "a.zarr"
        settings = {"shape": STACK.shape, "dtype": np.uint8, "fill_value": 9}
        array = zarr.create_array(place, chunks=(2, 8, 8), zarr_format=version, **settings)
        array[:2] = STACK[:2]
        return str(place)

    return write


def _xarray(folder: Path) -> str:
    group = zarr.open_group(folder / "a.zarr", mode="w", zarr_format=2)
    arrays = {"em": STACK, **{axis: np.arange(4.0) for axis in "zyx"}}
    for name, data in arrays.items():
        array = group.create_array(name, data=data)
        array.attrs["_ARRAY_DIMENSIONS"] = list("zyx") if name == "em" else [name]
    return str(folder / "a.zarr")


def _old_ome(version: str) -> Any:
    def write(folder: Path) -> str:
        group = zarr.open_group(folder / "a.zarr", mode="w", zarr_format=2)
        shape = STACK.shape if version == "0.3" else (1, 1, *STACK.shape)
        group.create_array("0", data=STACK.reshape(shape))
        image: dict[str, Any] = {"version": version, "datasets": [{"path": "0"}]}
        if version == "0.3":
            image["axes"] = ["z", "y", "x"]
        group.attrs["multiscales"] = [image]
        return str(folder / "a.zarr")

    return write


def rare_zarr() -> Iterator[Kind]:
    """Yield kinds of zarr."""
    slashes = {"name": "v2", "separator": "/"}
    old: dict[str, Any] = {"zarr_format": 2}
    yield Kind("zarr 2, chunks in folders", "zarr", _zarr(chunk_key_encoding=slashes, **old), None)
    yield Kind("zarr 2, Fortran order", "zarr", _zarr(order="F", **old), None)
    yield Kind("zarr 2, delta", "zarr", _zarr(filters=[numcodecs.Delta("u1")], **old), None)
    yield Kind("zarr 2, LZ4", "zarr", _zarr(compressors=numcodecs.LZ4(), **old), None)
    yield Kind("zarr 2, big-endian", "zarr", _zarr(WIDE.astype(">u2"), **old), None, WIDE)
    yield Kind("zarr 2, chunks missing", "zarr", _partly(2), None, HALVES)
    yield Kind("zarr 3, chunks missing", "zarr", _partly(3), None, HALVES)
    for name, codec in (("zstd", ZstdCodec()), ("blosc", BloscCodec())):
        sharded = _zarr(shards=(4, 10, 10), compressors=codec)
        yield Kind(f"zarr 3, shards, {name}", "zarr", sharded, None)
    yield Kind("zarr 3, transposed", "zarr", _zarr(filters=[TransposeCodec(order=(2, 1, 0))]), None)
    swapped = _zarr(WIDE, serializer=BytesCodec(endian="big"))
    yield Kind("zarr 3, big-endian", "zarr", swapped, None, WIDE)
    yield Kind("zarr of xarray, with coordinates", "zarr", _xarray, None)
    yield Kind("OME-Zarr 0.1", "zarr", _old_ome("0.1"), None)
    yield Kind("OME-Zarr 0.3", "zarr", _old_ome("0.3"), None)


def _fill(spec: dict[str, Any], data: np.ndarray) -> None:
    store = tensorstore.open(spec, create=True).result()
    turned = np.ascontiguousarray(data.T)
    store[...] = turned.reshape(store.shape)


def _n5(compression: str, dtype: str = "uint8") -> Any:
    def write(folder: Path) -> str:
        metadata = {
            "dimensions": list(STACK.shape[::-1]),
            "blockSize": [8, 8, 2],
            "dataType": dtype,
            "compression": {"type": compression},
        }
        place = {"driver": "file", "path": str(folder / "a.n5/em")}
        _fill({"driver": "n5", "kvstore": place, "metadata": metadata}, STACK.astype(dtype))
        (folder / "a.n5/attributes.json").write_text('{"n5": "2.5.0"}')
        return str(folder / "a.n5")

    return write


def _precomputed(encoding: str, data: np.ndarray = STACK, kind: str = "image", **more: Any) -> Any:
    def write(folder: Path) -> str:
        scale = {
            "size": list(data.shape[::-1]),
            "encoding": encoding,
            "chunk_size": [8, 8, 2],
            "resolution": list(NM[::-1]),
            **more,
        }
        whole = {"type": kind, "data_type": str(data.dtype), "num_channels": 1}
        _fill(
            {
                "driver": "neuroglancer_precomputed",
                "kvstore": {"driver": "file", "path": str(folder / "a")},
                "multiscale_metadata": whole,
                "scale_metadata": scale,
            },
            data,
        )
        return str(folder / "a")

    return write


def rare_chunked() -> Iterator[Kind]:
    """Yield kinds of N5 and precomputed."""
    lib = "tensorstore"
    for packing in ("bzip2", "xz", "zstd"):
        yield Kind(f"N5, {packing}", lib, _n5(packing), None)
    floats = STACK.astype(np.float64)
    yield Kind("N5, 64-bit floats", lib, _n5("gzip", "float64"), None, floats, labels=False)
    yield Kind("precomputed, 16 bits", lib, _precomputed("raw", WIDE), shows=WIDE)
    ids = STACK.astype(np.uint64)
    blocks = {"compressed_segmentation_block_size": [8, 8, 8]}
    segments = _precomputed("compressed_segmentation", ids, "segmentation", **blocks)
    yield Kind("precomputed, compressed segmentation", lib, segments, shows=ids)
    yield Kind("precomputed, PNG", lib, _precomputed("png"))
    shards = {
        "@type": "neuroglancer_uint64_sharded_v1",
        "preshift_bits": 1,
        "minishard_bits": 1,
        "shard_bits": 1,
        "hash": "identity",
        "minishard_index_encoding": "gzip",
        "data_encoding": "gzip",
    }
    yield Kind("precomputed, shards", lib, _precomputed("raw", sharding=shards))
    yield Kind("precomputed, an offset", lib, _precomputed("raw", voxel_offset=[10, 20, 30]))


def unusual_kinds() -> Iterator[Kind]:
    """Yield all of them."""
    yield from rare_tiffs()
    yield from rare_arrays()
    yield from rare_hdf5()
    yield from rare_zarr()
    yield from rare_chunked()
