"""Kinds of HDF5, zarr, OME-Zarr, N5 and precomputed volumes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorstore
import zarr
from imaris_files import write_imaris
from zarr.storage import ZipStore

from kinds.kind import NM, STACK, Kind

ZYX = ("z", "y", "x")
SIDES = dict(zip(ZYX, NM, strict=True))


def _hdf5(name: str, data: np.ndarray = STACK, file: str = "a.h5", **attributes: Any) -> Any:
    def write(folder: Path) -> str:
        with h5py.File(folder / file, "w") as opened:
            opened.create_dataset(name, data=data, chunks=True, compression="gzip")
            opened[name].attrs.update(attributes)
        return f"{folder}/{file}:/{name}"

    return write


def _bdv(folder: Path) -> str:
    cells = (STACK.astype(np.uint16) * 300).view(np.int16)
    with h5py.File(folder / "a.h5", "w") as file:
        file["s00/resolutions"] = np.ones((1, 3))
        file["s00/subdivisions"] = np.ones((1, 3), np.int32)
        file["t00000/s00/0/cells"] = cells
    (folder / "a.xml").write_text(
        "<SpimData><ViewSetup><id>0</id><voxelSize><unit>nm</unit><size>4 5 30</size></voxelSize>"
        "</ViewSetup></SpimData>"
    )
    return str(folder / "a.h5")


def _emd(folder: Path) -> str:
    with h5py.File(folder / "a.emd", "w") as file:
        group = file.create_group("data/cell")
        group.attrs["emd_group_type"] = 1
        group["data"] = STACK
        for number, (axis, side) in enumerate(SIDES.items()):
            group[f"dim{number + 1}"] = np.arange(STACK.shape[number]) * side
            group[f"dim{number + 1}"].attrs.update({"name": axis, "units": "[n_m]"})
    return str(folder / "a.emd")


def _velox(folder: Path) -> str:
    record = {"BinaryResult": {"PixelSize": {"width": "4e-09", "height": "5e-09"}}}
    text = np.frombuffer(json.dumps(record).encode().ljust(1000, b"\0"), np.uint8)
    with h5py.File(folder / "a.emd", "w") as file:
        file["Data/Image/1f/Data"] = STACK[0][..., None]
        file["Data/Image/1f/Metadata"] = text[:, None]
    return str(folder / "a.emd")


def _imaris(channels: int) -> Any:
    def write(folder: Path) -> str:
        voxels = np.stack([STACK, 255 - STACK][:channels])[None]
        write_imaris(folder / "a.ims", voxels, NM)
        return str(folder / "a.ims")

    return write


def fill_ome(store: Any, axes: str = "zyx", version: str = "0.4", shards: bool = False) -> None:
    """Write an OME-Zarr by zarr with these axes, and metadata by hand."""
    two = np.stack([STACK, 255 - STACK])
    if "c" in axes.lower():
        data = two.transpose(["czyx".index(axis) for axis in axes.lower()])
    else:
        data = STACK.transpose(["zyx".index(axis) for axis in axes.lower()])
    new = version == "0.5"
    scale = [SIDES.get(axis.lower(), 1.0) for axis in axes]
    described = [
        {"name": axis, "type": "space", "unit": "nanometer"}
        if axis.lower() in SIDES
        else {"name": axis, "type": "channel"}
        for axis in axes
    ]
    steps = [{"type": "scale", "scale": scale}]
    datasets = [{"path": "s0", "coordinateTransformations": steps}]
    multiscales = [{"version": version, "axes": described, "datasets": datasets}]
    attributes: dict[str, Any] = {"multiscales": multiscales}
    if new:
        attributes = {"ome": {"version": version, "multiscales": multiscales}}
    group = zarr.create_group(store, zarr_format=3 if new else 2, attributes=attributes)
    group.create_array(
        "s0",
        data=data,
        chunks=tuple(min(8, size) for size in data.shape),
        shards=tuple(2 * min(8, size) for size in data.shape) if shards else None,
    )


def _ome(**options: Any) -> Any:
    def write(folder: Path) -> str:
        fill_ome(folder / "a.zarr", **options)
        return str(folder / "a.zarr")

    return write


def _bio_formats(folder: Path) -> str:
    zarr.create_group(folder / "a.zarr", zarr_format=2, attributes={"bioformats2raw.layout": 3})
    fill_ome(folder / "a.zarr/0")
    return str(folder / "a.zarr")


def _zip(name: str) -> Any:
    def write(folder: Path) -> str:
        with ZipStore(folder / name, mode="w") as store:
            fill_ome(store, version="0.5")
        return str(folder / name)

    return write


def _zipped_folder(folder: Path) -> str:
    fill_ome(folder / "in/cell.zarr")
    return shutil.make_archive(str(folder / "a"), "zip", folder / "in")


def _array(version: Any, **attributes: Any) -> Any:
    def write(folder: Path) -> str:
        array = zarr.create_array(
            folder / "a.zarr", data=STACK, chunks=(2, 8, 8), zarr_format=version
        )
        array.attrs.update(attributes)
        return str(folder / "a.zarr")

    return write


def _n5(compression: Any, inner: str = "", **attributes: Any) -> Any:
    def write(folder: Path) -> str:
        path = folder / "a.n5" / inner
        spec = {
            "driver": "n5",
            "kvstore": {"driver": "file", "path": f"{path}/"},
            "metadata": {
                "dimensions": STACK.shape[::-1],
                "blockSize": [16, 16, 4],
                "dataType": "uint8",
                "compression": compression,
            },
        }
        tensorstore.open(spec, create=True).result()[...] = STACK.transpose()
        stored = json.loads((path / "attributes.json").read_text())
        (path / "attributes.json").write_text(json.dumps({**stored, **attributes}))
        return str(folder / "a.n5")

    return write


def _precomputed(folder: Path) -> str:
    scale = {
        "key": "s0",
        "size": STACK.shape[::-1],
        "resolution": NM[::-1],
        "chunk_sizes": [[30, 20, 3]],
        "encoding": "raw",
    }
    info = {"type": "image", "data_type": "uint8", "num_channels": 1, "scales": [scale]}
    (folder / "a/s0").mkdir(parents=True)
    (folder / "a/info").write_text(json.dumps({"@type": "neuroglancer_multiscale_volume", **info}))
    for z in (0, 3):
        (folder / f"a/s0/0-30_0-20_{z}-{z + 3}").write_bytes(STACK[z : z + 3].tobytes())
    return str(folder / "a")


def container_kinds() -> Iterator[Kind]:
    """Yield the kinds."""
    micrometres = [side / 1000 for side in NM]
    yield Kind("HDF5, element_size_um (Fiji)", "h5py", _hdf5("em/raw", element_size_um=micrometres))
    yield Kind(
        "HDF5 of CREMI", "h5py", _hdf5("volumes/raw", file="a.hdf", resolution=NM, offset=(0, 0, 0))
    )
    tags = [{"key": axis, "resolution": SIDES.get(axis, 0), "description": "nm"} for axis in "xyzc"]
    turned = STACK.transpose(2, 1, 0)[..., None]
    ilastik = _hdf5("exported_data", turned, axistags=json.dumps({"axes": tags}))
    yield Kind("HDF5 of ilastik, axes x, y, z, c", "h5py", ilastik)
    yield Kind("HDF5 of BigDataViewer", "h5py", _bdv, shows=STACK.astype(np.uint16) * 300)
    yield Kind("EMD of Berkeley", "h5py", _emd)
    yield Kind("EMD of Velox", "h5py", _velox, (5.0, 5.0, 4.0), STACK[0])
    yield Kind("Imaris", "h5py", _imaris(1))
    second = (("channel", 1),)
    yield Kind("Imaris, two channels", "h5py", _imaris(2), shows=255 - STACK, options=second)
    yield Kind("zarr 2 array", "zarr", _array(2), None)
    yield Kind("zarr 3 array", "zarr", _array(3), None)
    funlib = {"resolution": NM, "offset": (0, 0, 0), "units": ["nm"] * 3, "axis_names": list(ZYX)}
    yield Kind("zarr array of funlib", "zarr", _array(2, **funlib))
    cosem = {"axes": list(ZYX), "scale": NM, "translate": [0, 0, 0], "units": ["nm"] * 3}
    yield Kind("zarr array of COSEM", "zarr", _array(2, transform=cosem))
    yield Kind("OME-Zarr 0.4", "zarr", _ome())
    yield Kind("OME-Zarr 0.5", "zarr", _ome(version="0.5"))
    yield Kind("OME-Zarr 0.5, shards", "zarr", _ome(version="0.5", shards=True))
    yield Kind("OME-Zarr, axes x, y, z", "zarr", _ome(axes="xyz"))
    for axes in ("cxyz", "czyx"):
        write = _ome(axes=axes)
        name = f"OME-Zarr, axes {', '.join(axes)}"
        yield Kind(name, "zarr", write, shows=255 - STACK, options=second)
    yield Kind("OME-Zarr, axes Z, Y, X", "zarr", _ome(axes="ZYX"))
    yield Kind("OME-Zarr of Bio-Formats", "zarr", _bio_formats)
    yield Kind("OME-Zarr in .ozx", "zarr", _zip("a.ozx"))
    yield Kind("OME-Zarr in .zip", "zarr", _zip("a.zip"))
    yield Kind("folder .zarr in .zip", "zarr", _zipped_folder)
    java = {"pixelResolution": {"dimensions": list(NM[::-1]), "unit": "nm"}}
    yield Kind("N5, gzip", "tensorstore", _n5({"type": "gzip"}, **java))
    blosc = {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}
    yield Kind("N5, blosc, levels in a group", "tensorstore", _n5(blosc, "em/s0", **java))
    yield Kind("N5, no size", "tensorstore", _n5({"type": "raw"}), None)
    yield Kind("precomputed", "by hand", _precomputed)


def remote_kinds(served: Path, url: Callable[[], str]) -> Iterator[Kind]:
    """Yield kinds behind an address: files are written into the folder that is served."""

    def behind(write: Any) -> Any:
        def written(folder: Path) -> str:
            inner = served / folder.name
            inner.mkdir()
            path = Path(write(inner)).relative_to(served).as_posix()
            return f"{url()}/{path}"

        return written

    rows: Sequence[tuple[str, str, Any]] = (
        ("OME-Zarr 0.4 over http", "zarr", _ome()),
        ("OME-Zarr 0.5, shards, over http", "zarr", _ome(version="0.5", shards=True)),
        ("OME-Zarr of Bio-Formats over http", "zarr", _bio_formats),
        ("N5 over http", "tensorstore", _n5({"type": "gzip"}, resolution=list(NM[::-1]))),
        ("precomputed over http", "by hand", _precomputed),
    )
    for name, writer, write in rows:
        yield Kind(name, writer, behind(write))
