"""Kinds of HDF5, zarr, OME-Zarr and N5 that labs elsewhere bring."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorstore
import zarr
from zarr.codecs import Crc32cCodec, GzipCodec

from kinds.kind import NM, STACK, Kind

WIDE = STACK.astype(np.uint16) * 300
BITS = STACK > 99
AXES = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]


def _h5(fill: Callable[[h5py.File], Any], inner: str = "", name: str = "a.h5") -> Any:
    def write(folder: Path) -> str:
        with h5py.File(folder / name, "w") as file:
            fill(file)
        return f"{folder / name}{inner}"

    return write


def _records(file: h5py.File) -> None:
    stored = file.create_dataset("em", data=STACK)
    stored.attrs["record"] = np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    stored.attrs["element_size_um"] = np.array(NM) / 1000


def _named(file: h5py.File) -> None:
    file["a"] = STACK + 1
    file["größe/em 1"] = STACK
    file["größe/em 1"].attrs["resolution"] = NM


def _links(file: h5py.File) -> None:
    file["a"] = STACK
    file["link"] = h5py.SoftLink("/a")
    file["lost"] = h5py.SoftLink("/nowhere")
    file["circle"] = h5py.SoftLink("/circle")


def _beside_tables(file: h5py.File) -> None:
    file["em"] = STACK
    file["names"] = np.array([b"x", b"y"])
    file["table"] = np.arange(10)
    file["scalar"] = 3.0


def _empty(file: h5py.File) -> None:
    file.create_dataset("em", shape=STACK.shape, dtype="u1", chunks=(2, 10, 10), fillvalue=7)


def _growing(file: h5py.File) -> None:
    file.create_dataset("em", data=STACK, maxshape=(None,) * 3, chunks=(1, 10, 10))


def _net_cdf(file: h5py.File) -> None:
    stored = file.create_dataset("em", data=STACK)
    for axis, (name, step) in enumerate(zip("zyx", NM, strict=True)):
        scale = file.create_dataset(name, data=np.arange(STACK.shape[axis]) * step)
        scale.attrs["units"] = "nm"
        scale.make_scale(name)
        stored.dims[axis].attach_scale(scale)


def _hyperspy(file: h5py.File) -> None:
    group = file.create_group("Experiments/em")
    group.create_dataset("data", data=STACK)
    for axis, (name, step) in enumerate(zip("zyx", NM, strict=True)):
        described = {"name": name, "scale": step, "units": "nm", "offset": 0.0}
        group.create_group(f"axis-{axis}").attrs.update(described)


def _nexus(file: h5py.File) -> None:
    group = file.create_group("entry/data")
    group.attrs["signal"] = "data"
    group["data"] = STACK
    group["z"] = np.arange(6)


def _itk(file: h5py.File) -> None:
    file["ITKImage/0/VoxelData"] = STACK
    file["ITKImage/0/Directions"] = np.eye(3)


def visiting_hdf5() -> Iterator[Kind]:
    """Yield kinds of HDF5."""
    lib = "h5py"
    yield Kind("HDF5, attributes that are records", lib, _h5(_records))
    yield Kind("HDF5, several data sets, one named", lib, _h5(_named, ":/größe/em 1"))
    yield Kind("HDF5, links, lost and in circles", lib, _h5(_links), None)
    yield Kind("HDF5, a soft link named", lib, _h5(_links, ":/link"), None)
    yield Kind("HDF5 beside tables and texts", lib, _h5(_beside_tables), None)
    yield Kind("HDF5, nothing written", lib, _h5(_empty), None, np.full_like(STACK, 7))
    yield Kind("HDF5 that can grow", lib, _h5(_growing), None)
    one = _h5(lambda file: file.create_dataset("em", data=STACK[..., None]))
    yield Kind("HDF5, one channel last", lib, one, None)
    bits = _h5(lambda file: file.create_dataset("em", data=BITS))
    yield Kind("HDF5, booleans", lib, bits, None, BITS)
    swapped = _h5(lambda file: file.create_dataset("em", data=WIDE.astype(">u2")))
    yield Kind("HDF5, big-endian", lib, swapped, None, WIDE)
    yield Kind("NetCDF 4, axes with units", lib, _h5(_net_cdf, name="a.nc"))
    yield Kind("HyperSpy .hspy", lib, _h5(_hyperspy, name="a.hspy"))
    yield Kind("NeXus .nxs", lib, _h5(_nexus, name="a.nxs"), None)
    yield Kind("HDF5 of ITK", lib, _h5(_itk), None)


def _image(axes: Any = AXES, scale: Any = NM, path: str = "0") -> dict[str, Any]:
    moved = [{"type": "scale", "scale": list(scale)}]
    return {"axes": axes, "datasets": [{"path": path, "coordinateTransformations": moved}]}


def _five(folder: Path, image: Any, data: np.ndarray = STACK, **options: Any) -> str:
    """Write an OME-Zarr 0.5."""
    ome = {"ome": {"version": "0.5", "multiscales": [image]}}
    group = zarr.create_group(folder / "a.zarr", attributes=ome)
    group.create_array("0", data=data, **options)
    return str(folder / "a.zarr")


def _in_unit(unit: str, per_nm: float) -> Any:
    axes = [{"name": name, "type": "space", "unit": unit} for name in "zyx"]
    return lambda folder: _five(folder, _image(axes, [side * per_nm for side in NM]))


def _level(folder: Path) -> str:
    return f"{_five(folder, _image())}/0"


def _separated(name: str) -> Any:
    keys = {"name": name, "separator": "."}
    chunked: dict[str, Any] = {"chunks": (2, 8, 8), "chunk_key_encoding": keys}
    return lambda folder: _five(folder, _image(), **chunked)


def _consolidated(folder: Path) -> str:
    image = {"multiscales": [{"version": "0.4", **_image()}]}
    group = zarr.create_group(folder / "a.zarr", zarr_format=2, attributes=image)
    group.create_array("0", data=STACK, chunks=(2, 8, 8))
    zarr.consolidate_metadata(str(folder / "a.zarr"))
    return str(folder / "a.zarr")


def _six(folder: Path) -> str:
    moved = {"type": "sequence", "input": "0", "output": "space"}
    moved["transformations"] = [{"type": "scale", "scale": list(NM[::-1])}]
    image = {
        "coordinateSystems": [{"name": "space", "axes": AXES[::-1]}],
        "datasets": [{"path": "0", "coordinateTransformations": [moved]}],
    }
    return _five(folder, image, np.ascontiguousarray(STACK.T))


def _turned(folder: Path) -> str:
    image = _image()
    image["datasets"][0]["coordinateTransformations"].append({"type": "rotation"})
    return _five(folder, image)


def _well(folder: Path) -> str:
    well = {"ome": {"version": "0.5", "well": {"images": [{"path": "0"}]}}}
    group = zarr.create_group(folder / "a.zarr", attributes=well)
    inside = {"ome": {"version": "0.5", "multiscales": [_image()]}}
    group.create_group("0", attributes=inside).create_array("0", data=STACK)
    return str(folder / "a.zarr")


def _only_labels(folder: Path) -> str:
    listed = {"ome": {"version": "0.5", "labels": ["cells"]}}
    group = zarr.create_group(folder / "a.zarr").create_group("labels", attributes=listed)
    inside = {"ome": {"version": "0.5", "multiscales": [_image()], "image-label": {}}}
    group.create_group("cells", attributes=inside).create_array("0", data=STACK)
    return str(folder / "a.zarr")


def _with_xml(folder: Path) -> str:
    group = zarr.create_group(folder / "a.zarr", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    series = group.create_group("0")
    series.attrs["multiscales"] = [{"version": "0.4", **_image()}]
    series.create_array("0", data=STACK, chunks=(2, 8, 8))
    group.create_group("OME").attrs["series"] = ["0"]
    (folder / "a.zarr/OME/METADATA.ome.xml").write_text("<OME/>")
    return str(folder / "a.zarr")


def _linked(folder: Path) -> str:
    zarr.create_array(folder / "scan 7", data=STACK)
    (folder / "link").symlink_to(folder / "scan 7")
    return str(folder / "link")


def _three(data: np.ndarray = STACK, **options: Any) -> Any:
    def write(folder: Path) -> str:
        zarr.create_array(folder / "a.zarr", data=data, **options)
        return str(folder / "a.zarr")

    return write


def visiting_zarr() -> Iterator[Kind]:
    """Yield kinds of zarr and OME-Zarr."""
    lib = "zarr"
    units = {"Å": 10, "Angstrom": 10, "um": 1e-3, "microns": 1e-3, "Nanometres": 1, "NM": 1}
    for unit, per_nm in units.items():
        yield Kind(f"OME-Zarr, unit {unit}", lib, _in_unit(unit, per_nm))
    yield Kind("OME-Zarr, pixels as the unit", lib, _in_unit("pixel", 1), None)
    yield Kind("OME-Zarr, one of its levels", lib, _level)
    yield Kind("OME-Zarr 0.5, chunks 0.0.0", lib, _separated("v2"))
    yield Kind("OME-Zarr 0.5, chunks c.0.0.0", lib, _separated("default"))
    yield Kind("OME-Zarr 0.4, consolidated", lib, _consolidated)
    yield Kind("OME-Zarr 0.6, coordinate systems x, y, z", lib, _six)
    yield Kind("OME-Zarr, turned in space", lib, _turned, None)
    yield Kind("OME-Zarr, a well with one image", lib, _well)
    yield Kind("OME-Zarr, labels alone", lib, _only_labels)
    yield Kind("OME-Zarr of Bio-Formats with its XML", lib, _with_xml)
    flat = _image(AXES[1:], NM[1:])
    size = (NM[1], *NM[1:])
    yield Kind("OME-Zarr, one slice", lib, lambda f: _five(f, flat, STACK[0]), size, STACK[0])
    mixed = _image([{**AXES[0], "unit": "micrometer"}, *AXES[1:]], (NM[0] / 1000, *NM[1:]))
    yield Kind("OME-Zarr, z in micrometres", lib, lambda folder: _five(folder, mixed))
    yield Kind("zarr 3 behind a link, without a suffix", lib, _linked, None)
    yield Kind("zarr 3, booleans", lib, _three(BITS), None, BITS)
    checked = _three(chunks=(2, 8, 8), compressors=[GzipCodec(), Crc32cCodec()])
    yield Kind("zarr 3, gzip and checksums", lib, checked, None)


def _n5(data: np.ndarray = STACK, packing: Any = None, **said: Any) -> Any:
    def write(folder: Path) -> str:
        turned = np.ascontiguousarray(data.T)
        place = {"driver": "file", "path": str(folder / "a.n5/em")}
        metadata = {
            "dimensions": turned.shape,
            "blockSize": [8, 8, 2],
            "dataType": str(data.dtype),
            "compression": packing or {"type": "gzip"},
        }
        spec = {"driver": "n5", "kvstore": place, "metadata": metadata}
        tensorstore.open(spec, create=True).result()[...] = turned
        described = folder / "a.n5/em/attributes.json"
        described.write_text(json.dumps({**json.loads(described.read_text()), **said}))
        return str(folder / "a.n5")

    return write


def visiting_n5() -> Iterator[Kind]:
    """Yield kinds of N5."""
    lib = "tensorstore"
    sizes = list(NM[::-1])
    yield Kind("N5, not compressed", lib, _n5(packing={"type": "raw"}), None)
    lz4 = {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}
    yield Kind("N5, blosc with LZ4", lib, _n5(packing=lz4), None)
    signed = STACK.astype(np.int16) - 100
    yield Kind("N5, 16 bits with sign", lib, _n5(signed), None, signed)
    ids = STACK.astype(np.uint64) << 33
    yield Kind("N5, 64 bits", lib, _n5(ids), None, ids)
    yield Kind("N5, resolution and units", lib, _n5(resolution=sizes, units=["nm"] * 3))
    cosem = {"axes": list("xyz"), "scale": sizes, "translate": [0, 0, 0], "units": ["nm"] * 3}
    yield Kind("N5 of COSEM, axes x, y, z", lib, _n5(transform=cosem))
    steps = {"unit": "um", "dimensions": [side / 1000 for side in sizes]}
    yield Kind("N5, pixelResolution in um", lib, _n5(pixelResolution=steps))


def visiting_chunked() -> Iterator[Kind]:
    """Yield all of them."""
    yield from visiting_hdf5()
    yield from visiting_zarr()
    yield from visiting_n5()
