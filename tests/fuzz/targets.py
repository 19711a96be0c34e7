"""What each kind of file is opened with. Only success and a `UserError` are right answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.corpus import network
from fuzz.messages import read_messages
from napari_scsam.checkpoints.card import read_card
from napari_scsam.checkpoints.checkpoint import read_weights
from napari_scsam.checkpoints.find import find_checkpoint
from napari_scsam.errors import UserError
from napari_scsam.gui.layers.files import label_images, read_layers
from napari_scsam.io.contents import what_is
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.io.find_labels import find_labels, listed_labels
from napari_scsam.io.labels import read_class_table
from napari_scsam.io.volumes import Volume, open_volume
from napari_scsam.model.official_weights import read_official
from napari_scsam.model.sound_weights import check_weights
from napari_scsam.project.record import read_record
from napari_scsam.project.start import open_project
from napari_scsam.steps import drive
from napari_scsam.train.recipe import read_recipe
from napari_scsam.train.resume import read_state

ENOUGH = 1 << 26
"""Slices of more bytes, as the metadata of a damaged file may state, are not read."""


def read_voxels(volume: Volume) -> None:
    """Read a few slices of a volume, and measure its contrast."""
    if prod(volume.shape[-2:]) * volume.dtype.itemsize > ENOUGH:
        return
    for z in {0, volume.depth // 2, volume.depth - 1}:
        with suppress(UserError):
            volume.plane(z)
    with suppress(UserError):
        measure_contrast(volume.data)
    for level in volume.levels:
        if level.nbytes <= ENOUGH:
            np.asarray(level[...])


def read_image(path: Path) -> None:
    """Open an image as every command does, and as napari does."""
    what_is(path)
    layers = None
    with suppress(UserError):
        layers = read_layers(str(path)) if path.suffix != ".h5" else None
    del layers
    read_voxels(open_volume(path))


def read_hdf5(path: Path) -> None:
    """Open HDF5 by its data set, by a link, and without a name."""
    for name in ("em/raw", "link"):
        with suppress(UserError):
            read_voxels(open_volume(f"{path}:/{name}"))
    read_voxels(open_volume(path))


def read_table(path: Path) -> None:
    """Read the class table of labels, and the labels."""
    what_is(path)
    with suppress(UserError):
        label_images(path)
    with suppress(UserError):
        read_voxels(open_volume(find_labels(path)))
    listed_labels(path)
    read_class_table(path)


def read_checkpoint(path: Path) -> None:
    """Read the card and the weights of a checkpoint, a state of training, or published weights."""
    model, optimiser = network()
    if path.suffix == ".resume":
        read_state(path, model, optimiser, {"steps": 6, "classes": []})
    elif path.suffix == ".pth":
        read_official(path)
    else:
        find_checkpoint(path)
        info = read_card(path)
        info.to_dict()
        assert isinstance(info.taught, tuple)
        check_weights(read_weights(path), model.state_dict(), path)


def read_project(folder: Path) -> None:
    """Open a project, and read what is in it."""
    path = folder / "p.scsam.zarr"
    with suppress(UserError):
        read_record(path)
    opened: Any = drive(open_project(path))
    try:
        if opened.project is not None:
            for name in ("classes", "instances", "reviewed"):
                with suppress(UserError, KeyError):
                    np.asarray(opened.project.array(name)[:, :8, :8])
    finally:
        opened.close()


TARGETS: Mapping[str, Callable[[Path], object]] = {
    "tiff": read_image,
    "zarr": read_image,
    "hdf5": read_hdf5,
    "mrc": read_image,
    "slices": read_image,
    "formats": read_image,
    "tables": read_table,
    "checkpoints": read_checkpoint,
    "recipes": read_recipe,
    "projects": read_project,
    "messages": read_messages,
}
"""By the names of `fuzz.corpus.CORPORA`."""
