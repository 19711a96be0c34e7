"""The probabilities of classes beside their labels: an OME-Zarr image with an axis of channels.

A value is the share of a class in a softmax over background and all competing classes, times 255,
rounded. It lies in ``probabilities/`` of the label image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from napari_scsam.io.label_header import LabelHeader
from napari_scsam.io.label_pyramid import chunk_sides, shard_shape
from napari_scsam.io.zarr_access import ZarrArray, folder_of, member_array
from napari_scsam.volume.sync import sync_files

PROBABILITIES = "probabilities"
"""Name of the image inside the label image."""


def create_probabilities(group: zarr.Group, header: LabelHeader, shape: tuple[int, ...]) -> None:
    """Create an empty image of probabilities, one channel for each class of a label image.

    Parameters
    ----------
    group
        Of the label image.
    header
        With the classes in the order of the channels.
    shape
        Of the labels.
    """
    inside = group.create_group(PROBABILITIES)
    shards = shard_shape(shape, np.dtype(np.uint8))
    inside.create_array(
        "0",
        shape=(len(header.classes), *shape),
        dtype=np.uint8,
        chunks=(1, *chunk_sides(shape)),
        shards=None if shards is None else (1, *shards),
        compressors=ZstdCodec(level=0, checksum=True),
        fill_value=0,
        dimension_names=list("c" + "zyx"[-len(shape) :]),
    )
    inside.update_attributes({"ome": _metadata(header)})


def _metadata(header: LabelHeader) -> dict[str, Any]:
    """Return NGFF 0.5 metadata, with names and colours of the channels."""
    image = header.attributes([[1] * header.ndim])["ome"]["multiscales"][0]
    del image["type"]
    image["name"] = PROBABILITIES
    image["axes"] = [{"name": "c", "type": "channel"}, *image["axes"]]
    for transform in image["datasets"][0]["coordinateTransformations"]:
        kind = transform["type"]
        transform[kind] = [1.0 if kind == "scale" else 0.0, *transform[kind]]
    channels = [
        {
            "label": spec.name,
            "color": spec.colour.removeprefix("#"),
            "active": True,
            "window": {"min": 0, "max": 255, "start": 0, "end": 255},
        }
        for spec in header.classes
    ]
    return {"version": "0.5", "multiscales": [image], "omero": {"channels": channels}}


def open_probabilities(level: ZarrArray) -> ZarrArray:
    """Open the image of probabilities beside level 0 of labels."""
    return member_array(zarr.open_group(folder_of(level).parent / PROBABILITIES, mode="r+"), "0")


def write_probabilities(
    image: ZarrArray, first: int, values: NDArray[np.uint8], window: tuple[slice, slice]
) -> None:
    """Write probabilities (C, Z, Y, X) of slices, and wait until they are on disk.

    Parameters are those of `write_slices`.
    """
    if image.ndim == 3:
        image[(slice(None), *window)] = values[:, 0]
    else:
        image[(slice(None), slice(first, first + values.shape[1]), *window)] = values
    folder = folder_of(image) / "c"
    depth = (image.shards or image.chunks)[1]
    for channel in range(image.shape[0]):
        place = folder / str(channel)
        if image.ndim == 4:
            place = place / str(first // depth)
        names = tuple(f.relative_to(place).as_posix() for f in place.rglob("*") if f.is_file())
        sync_files(place, names, folder_of(image))


def probability_bytes(
    logits: NDArray[np.float32],
    rows: Sequence[int],
    networks: Sequence[Sequence[int]] = (),
) -> NDArray[np.uint8]:
    """Return probabilities as 0 to 255 of some rows of K×Y×X logits; the background's logit is 0.

    A logit of −∞ has the probability 0.

    Parameters
    ----------
    logits, rows
        Of all competing classes, and which of them are wanted.
    networks
        The rows of each network, where there are several: each has a softmax of its own.
    """
    found: dict[int, NDArray[np.float32]] = {}
    for together in networks or [range(len(logits))]:
        found.update(_shares(logits, together, rows))
    scaled: NDArray[np.uint8] = np.rint(np.stack([found[row] for row in rows]) * 255)
    return scaled.astype(np.uint8)


def _shares(
    logits: NDArray[np.float32], together: Sequence[int], wanted: Sequence[int]
) -> dict[int, NDArray[np.float32]]:
    """Return the shares of wanted rows in a softmax over background and rows, by their numbers."""
    highest = np.zeros(logits.shape[1:], logits.dtype)
    for row in together:
        np.maximum(highest, logits[row], out=highest)
    total = np.exp(-highest)
    for row in together:
        total += np.exp(logits[row] - highest)
    return {row: np.exp(logits[row] - highest) / total for row in wanted if row in together}
