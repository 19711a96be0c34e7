"""Write one small file of each kind, as napari-scsam wrote them at commit 5b2b5ab.

The script is kept beside the files to show where they come from. It runs on that commit alone:
``PYTHONPATH=CHECKOUT/src python make_compat.py``.
"""

from __future__ import annotations

import lzma
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["NAPARI_SCSAM_CACHE_GB"] = "0"

import numpy as np
import tifffile
import torch
import zarr
from napari.components import ViewerModel
from napari.layers import Layer
from napari_scsam.checkpoint import load_checkpoint, save_checkpoint
from napari_scsam.data import export, project_start, provenance
from napari_scsam.data import project as projects
from napari_scsam.data.ome_zarr import write_labels
from napari_scsam.data.phantom import make_phantom
from napari_scsam.data.preprocess import Contrast
from napari_scsam.data.volumes import open_volume
from napari_scsam.gui.napari_io import image_layer
from napari_scsam.gui.project_layers import new_layer
from napari_scsam.gui.view_state import describe_view

from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.infer.disk_cache import DiskCache
from napari_scsam.infer.predictor import Predictor
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.train.recipe import read_recipe
from napari_scsam.train.resume import write_state
from napari_scsam.volume.run import segment_volume

OUT = Path(__file__).resolve().parent / "files"
SHAPE = (4, 96, 96)
VOXEL_SIZE = (20.0, 8.0, 8.0)
MOMENT = "2025-01-02T03:04:05+00:00"

CLASSES = (
    ClassSpec(1, "mitochondrion", "#e6553c", "The power plant"),
    ClassSpec(
        2, "mitochondrial_boundary", "#3ca0e6", part_of="mitochondrion", reach=40.0, smallest=5000.0
    ),
    ClassSpec(3, "vesicle", "#46c864", over=("mitochondrion",)),
)
DROPLET = TaughtClass(
    ClassSpec(7, "lipid droplet", "#ffd54a"), tuple((i - 128) / 256 for i in range(256))
)

T = TypeVar("T")


def finish(steps: Generator[Any, None, T]) -> T:
    """Run a generator to its end, and return what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def write_until(write: Callable[[], None], path: Path, begin: bytes) -> None:
    """Write safetensors until their metadata, whose order is random, begin as wanted."""
    write()
    while not path.read_bytes()[8:].startswith(begin):
        write()


def make_image() -> Path:
    """Write the synthetic cell that all else belongs to."""
    z, y, x = VOXEL_SIZE
    path = OUT / "cell.tif"
    tifffile.imwrite(
        path,
        make_phantom(SHAPE, VOXEL_SIZE, seed=1).image,
        imagej=True,
        compression="zlib",
        resolution=(1 / x, 1 / y),
        metadata={"unit": "nm", "spacing": z, "axes": "ZYX"},
    )
    return path


def make_checkpoint() -> Path:
    """Write a whole network with one number in each tensor: it packs to a few kilobytes."""
    model = ScSAM(ScSAMConfig(nm_per_pixel=8.0, tile=128), CLASSES)
    with torch.no_grad():
        for number, tensor in enumerate(model.state_dict().values()):
            if tensor.is_floating_point():
                tensor.fill_((number % 8 + 1) / 512)
        for name, tensor in model.named_buffers():
            if name.endswith("running_var"):
                tensor.fill_(1)
        model.temperature.fill_(1.5)
        model.thresholds.copy_(torch.tensor([0.25, 0.5, -0.75]))
    path = OUT / "tiny.safetensors"
    training = {
        "steps": 7,
        "data": ["cell.tif"],
        "taught": {"classes": ["vesicle"], "from": "scsam_tiny"},
    }
    write_until(
        lambda: save_checkpoint(
            path,
            model,
            summary="One number in each tensor.",
            licence="CC0-1.0",
            training=training,
            half=True,
        ),
        path,
        b'{"__metadata__":{"card"',
    )
    return path


def make_project(image: Path, checkpoint: Path) -> projects.Project:
    """Make a project with labels, review, a taught class, choices and a window."""
    volume = open_volume(image)
    source = project_start.ImageSource(volume.data, str(image), volume.voxel_size)
    project = finish(
        project_start.start_project(
            OUT / "cell.scsam.zarr", source, CLASSES, typed=(30.0, 8.0, 8.0)
        )
    )
    project.update(image=replace(project.record.image, absolute="/images/cell.tif"))
    project.show_classes("classes", (*CLASSES, DROPLET.spec))
    labels = project.array("classes")
    labels[1, 10:30, 20:50] = 1
    labels[1, 8:10, 20:50] = 2
    labels[2, 40:44, 60:70] = 3
    labels[2, 70:80, 5:15] = 7
    project.predicted[1, 10:30, 20:40] = 1
    project.reviewed[1] = 1
    project.reviewed[2, 40:50, 60:80] = 1
    objects = project.add_labels("objects", "uint16", ())
    objects[0:2, 5:10, 5:10] = 3
    objects[3, 50:60, 50:60] = 700
    digest = projects.file_hash(checkpoint)
    project.update(
        checkpoint={"name": "tiny", "sha256": digest},
        contrast={**dict(project.record.contrast or {}), "shown": {"low": 20.0, "high": 230.0}},
        taught=({"checkpoint": digest, **DROPLET.to_dict()},),
        chosen={
            "classes": ["mitochondrion", "lipid droplet"],
            "thresholds": {"mitochondrion": 0.3},
            "replace": True,
            "prefetch": False,
            "careful": True,
        },
        view=make_view(project),
    )
    project.log("segmented", slice=1, checkpoint={"name": "tiny", "sha256": digest})
    project.flush()
    return project


def make_view(project: projects.Project) -> dict[str, Any]:
    """Describe a window with the image, both label images, and points of the user's own."""
    viewer = ViewerModel()
    image = viewer.add_layer(Layer.create(*image_layer(project.record.image.find(project.path))))
    names: dict[Layer, str] = {image: "image"}
    for name in project.label_names:
        layer = new_layer(project, name, image, {})
        layer.name = {"classes": "Organelles", "objects": "Objects"}[name]
        layer.opacity = 0.25
        names[viewer.add_layer(layer)] = name
    viewer.add_points(
        np.array([[1.0, 2.0, 3.0]]), name="Marks", scale=image.scale, units=image.units
    )
    viewer.layers.selection.active = viewer.layers["Organelles"]
    viewer.layers["Organelles"].brush_size = 17
    viewer.dims.set_point(0, 40.0)
    return describe_view(viewer, names.get)


def make_training_sets(project: projects.Project, checkpoint: Path) -> None:
    """Export the project in each form that ``scsam train`` reads."""
    for folder, layout in (("training_set", "ome-zarr"), ("training_set_tiff", "tiff")):
        finish(
            export.export_training_set(
                project, OUT / folder, layout, checkpoint=checkpoint, taught=(DROPLET,)
            )
        )


def make_labels() -> None:
    """Save labels as OME-Zarr and as TIFF, with a class table."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[0, :10, :10] = 1
    labels[3, 50:60, 20:90] = 3
    for name in ("labels.zarr", "labels.tif"):
        write_labels(OUT / name, labels, VOXEL_SIZE, CLASSES, origin=(100.0, 200.0, 300.0))
    objects = labels.astype(np.uint32) * 70_000
    write_labels(OUT / "objects.tif", objects, VOXEL_SIZE, (), origin=(100.0, 200.0, 300.0))


def make_embeddings(image: Path, model: ScSAM) -> None:
    """Keep the embedding of one slice on disk."""
    cache = DiskCache(OUT / "embeddings", 10**9)
    predictor = Predictor(model, "cpu", cache)
    predictor.set_image(open_volume(image).plane(1), VOXEL_SIZE, contrast=Contrast(20.0, 230.0))
    predictor.class_logits()
    if cache.trouble or not cache.bytes():
        sys.exit(f"nothing was kept: {cache.trouble}")


def make_stopped_run(image: Path, model: ScSAM) -> None:
    """Segment two slices of a volume; a mark in the first one shows whether it is kept."""
    out = OUT / "stopped.zarr"
    steps = segment_volume(
        open_volume(image), Predictor(model, "cpu", None), out, classes=["mitochondrion", "vesicle"]
    )
    for _ in range(3):
        next(steps)
    steps.close()
    zarr.open_array(out / "labels" / "classes" / "0", mode="r+")[0, 90, 90] = 1


def make_training_state() -> None:
    """Write a recipe with every setting, and the state of a run by it on a very small network."""
    path = OUT / "recipe.toml"
    shutil.copy(Path(__file__).with_name("recipe.toml"), path)
    layer = torch.nn.Linear(2, 3)
    optimiser = torch.optim.AdamW(layer.parameters())
    with torch.no_grad():
        layer.weight.copy_(torch.arange(6.0).reshape(3, 2))
        layer.bias.fill_(0.5)
    layer(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    run, state = read_recipe(path).to_dict(), OUT / "training_state.safetensors"
    write_until(
        lambda: write_state(state, layer, optimiser, 3, run), state, b'{"__metadata__":{"run"'
    )


def pack(path: Path) -> None:
    """Replace a file by itself, compressed."""
    path.with_name(f"{path.name}.xz").write_bytes(lzma.compress(path.read_bytes(), preset=9))
    path.unlink()


def main() -> None:
    """Write all files, in place of those that are there."""
    torch.set_num_threads(1)
    for module in (projects, provenance):
        module.now = lambda: MOMENT  # type: ignore[attr-defined]
    uuid.uuid1 = lambda *_: uuid.UUID(int=0)  # OME-TIFF holds one
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    image, checkpoint = make_image(), make_checkpoint()
    project = make_project(image, checkpoint)
    make_training_sets(project, checkpoint)
    project.close()
    make_labels()
    make_embeddings(image, load_checkpoint(checkpoint))
    make_stopped_run(image, load_checkpoint(checkpoint))
    make_training_state()
    pack(checkpoint)
    for lock in OUT.rglob(".lock"):
        lock.unlink()


if __name__ == "__main__":
    main()
