"""Small whole files of every format, which the fuzzer damages."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import mrcfile
import numcodecs
import numpy as np
import tifffile
import torch
import zarr
from PIL import Image
from safetensors.numpy import save
from safetensors.torch import save_file
from torch import nn
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

from fuzz.messages import write_messages
from napari_scsam.checkpoints.card import CHECKPOINT_FORMAT
from napari_scsam.config import ClassSpec
from napari_scsam.io.labels import write_labels
from napari_scsam.project.start import ImageSource, start_project
from napari_scsam.steps import drive
from napari_scsam.train.resume import write_state

STACK = np.random.default_rng(0).integers(0, 60, (3, 24, 32)).astype(np.uint8)
TABLE = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "PSD", part_of="mitochondrion"))
SIZE = (30.0, 8.0, 8.0)


def tiff(folder: Path) -> None:
    """TIFF of every form and compression."""
    for name in ("zlib", "lzw", "zstd", "lzma", "packbits", "jpeg", "lerc", "jpeg2000", "webp"):
        planes = STACK
        colours = "minisblack"
        if name == "webp":
            planes = np.stack([STACK[0]] * 3, -1)
            colours = "rgb"
        tifffile.imwrite(
            folder / f"{name}.tif", planes, compression=name, photometric=colours, rowsperstrip=8
        )
    tifffile.imwrite(folder / "imagej.tif", STACK, imagej=True, metadata={"spacing": 2.0})
    grey = {"photometric": "minisblack"}
    tifffile.imwrite(folder / "tiles.tif", STACK, tile=(16, 16), compression="zlib", **grey)
    tifffile.imwrite(folder / "big.tif", STACK.astype(">u2"), bigtiff=True, byteorder=">", **grey)
    ome = {"axes": "ZYX", "PhysicalSizeX": 8.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 8.0}
    tifffile.imwrite(folder / "image.ome.tif", STACK, metadata=ome, **grey)
    with tifffile.TiffWriter(folder / "pyramid.tif") as file:
        file.write(STACK[0], subifds=1, tile=(16, 16))
        file.write(STACK[0, ::2, ::2], subfiletype=1, tile=(16, 16))


def zarrs(folder: Path) -> None:
    """Zarr of both versions and every compression, and OME-Zarr."""
    kinds = {
        "zstd": [ZstdCodec()],
        "gzip": [GzipCodec()],
        "blosc": [BloscCodec()],
        "checked": [ZstdCodec(), Crc32cCodec()],
        "plain": None,
    }
    for name, codecs in kinds.items():
        zarr.create_array(folder / name, data=STACK, chunks=(1, 16, 16), compressors=codecs)
    zarr.create_array(folder / "shards", data=STACK, chunks=(1, 8, 8), shards=(3, 24, 32))
    old = {
        "blosc": numcodecs.Blosc("lz4"),
        "zlib": numcodecs.Zlib(),
        "lz4": numcodecs.LZ4(),
        "bz2": numcodecs.BZ2(),
        "lzma": numcodecs.LZMA(),
        "delta": numcodecs.Zstd(),
    }
    for name, codec in old.items():
        filters = [numcodecs.Delta("|u1")] if name == "delta" else None
        zarr.create_array(
            folder / f"old_{name}",
            data=STACK,
            chunks=(1, 16, 16),
            compressors=codec,
            filters=filters,
            zarr_format=2,
        )
    _ome_zarr(folder / "ome.zarr")


def _ome_zarr(path: Path) -> None:
    write_labels(path, STACK % 3, SIZE, TABLE)
    root = zarr.open_group(path, mode="r+")
    root.create_array("0", data=STACK, chunks=(1, 24, 32))
    scale = [
        {"type": "scale", "scale": [30, 8, 8]},
        {"type": "translation", "translation": [1] * 3},
    ]
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    root.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": levels, "name": "image"}],
    }


def hdf5(folder: Path) -> None:
    """HDF5 with links, compression and attributes."""
    kinds = {"gzip": "gzip", "lzf": "lzf", "plain": None}
    for name, compression in kinds.items():
        with h5py.File(folder / f"{name}.h5", "w") as file:
            data = file.create_dataset(
                "em/raw",
                data=STACK,
                chunks=(1, 16, 16) if compression else None,
                compression=compression,
                shuffle=bool(compression),
                fletcher32=compression == "gzip",
            )
            data.attrs["element_size_um"] = [0.03, 0.008, 0.008]
            data.attrs["axistags"] = json.dumps({"axes": [{"key": key} for key in "zyx"]})
            file["link"] = h5py.SoftLink("/em/raw")


def mrc(folder: Path) -> None:
    """MRC of several modes."""
    for name, kind in {"bytes": "i1", "words": "<i2", "floats": "f4", "big": ">i2"}.items():
        with mrcfile.new(folder / f"{name}.mrc", STACK.astype(kind)) as file:
            file.voxel_size = 50


def slices(folder: Path) -> None:
    """Folders of pictures and TIFF, one file a slice."""
    for suffix in ("png", "jpg", "tif", "jp2", "pgm", "bmp"):
        (folder / suffix).mkdir()
        for z, plane in enumerate(STACK):
            Image.fromarray(plane).save(folder / suffix / f"s_{z}.{suffix}")
    (folder / "wide").mkdir()
    Image.fromarray(STACK[0].astype(np.uint16)).save(folder / "wide" / "0.png")


def formats(folder: Path) -> None:
    """Formats that are read by few."""
    sys.path.append(str(Path(__file__).parents[1] / "helpers"))  # the worker does without
    from fuzz.formats_corpus import write_formats

    write_formats(folder)


def tables(folder: Path) -> None:
    """Label files with class tables."""
    write_labels(folder / "labels.zarr", STACK % 3, SIZE, TABLE)
    write_labels(folder / "imagej.tif", STACK % 3, SIZE, TABLE)
    write_labels(folder / "ome.tif", (STACK % 3).astype(np.uint32), SIZE, TABLE)
    write_labels(folder / "shaped.tif", STACK[:1] % 3, SIZE, TABLE)
    write_labels(folder / "objects.tif", STACK.astype(np.uint16), None, ())


def network() -> tuple[nn.Module, torch.optim.Optimizer]:
    """A network of three weights, and its optimiser."""
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    return made, torch.optim.AdamW(made.parameters())


def checkpoints(folder: Path) -> None:
    """Checkpoints, states of training and published weights, all with tiny networks."""
    card = {
        "config": {"sam": "vit_t", "mae": "hybrid", "nm_per_pixel": 8.0, "tile": 512},
        "classes": [spec.to_dict() for spec in TABLE],
        "training": {"taught": {"classes": ["a"]}},
        "summary": "A test.",
        "lessons": {"a": base64.b64encode(save({"x": np.zeros(2)})).decode()},
    }
    model, optimiser = network()
    metadata = {"format": CHECKPOINT_FORMAT, "card": json.dumps(card)}
    save_file(model.state_dict(), folder / "model.safetensors", metadata)
    model(torch.zeros(2, 1, 8, 8)).sum().backward()
    optimiser.step()
    write_state(folder / "run.resume", model, optimiser, 3, {"steps": 6, "classes": []})
    weights = {f"image_encoder.{name}": value for name, value in model.state_dict().items()}
    torch.save({"model_state": weights}, folder / "sam.pth")


def recipes(folder: Path) -> None:
    """A recipe, and JSON that one can name."""
    (folder / "recipe.toml").write_text(
        """
[model]
nm_per_pixel = 8.0
tile = 256

[[classes]]
id = 1
name = "mitochondrion"
colour = "#ff0000"

[[data]]
image = "image.tif"
labels = "labels.tif"
voxel_size = [30, 8, 8]
training = [[0, 4]]

[training]
steps = 100
batch = 2
rate = 0.001

[training.augmentation]
zoom = 1.5

[checkpoint]
summary = "A test."
""".lstrip()
    )


def projects(folder: Path) -> None:
    """An annotation project, with its image beside it."""
    (folder / "one").mkdir()
    tifffile.imwrite(folder / "one" / "image.tif", STACK, photometric="minisblack")
    source = ImageSource(STACK, str(folder / "one" / "image.tif"), SIZE)
    project = drive(start_project(folder / "one" / "p.scsam.zarr", source, TABLE))
    project.array("classes")[1, :8, :8] = 1
    project.flush()
    project.close()


CORPORA: Mapping[str, Callable[[Path], None]] = {
    "tiff": tiff,
    "zarr": zarrs,
    "hdf5": hdf5,
    "mrc": mrc,
    "slices": slices,
    "formats": formats,
    "tables": tables,
    "checkpoints": checkpoints,
    "recipes": recipes,
    "projects": projects,
    "messages": write_messages,
}
