"""What labels in one file were made from, so that ``--resume`` knows whether they still count."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.errors import TakenError
from napari_scsam.io.label_files.kinds import read_label_record
from napari_scsam.io.read_errors import DamagedPartError, explaining
from napari_scsam.io.volumes import Volume, open_labels
from napari_scsam.remote.predictor import RemotePredictor
from napari_scsam.volume.network_settings import network_settings
from napari_scsam.volume.run_plan import averages_by_itself
from napari_scsam.volume.writing.ledger import pixels_hash

if TYPE_CHECKING:
    from napari_scsam.infer.predictor import Predictor

ADVICE = "add --overwrite to replace it, or leave this image out"


def made_record(
    pixels: Mapping[int, str],
    unread: Iterable[int],
    labels: NDArray[Any],
    network: str,
    *,
    average_z: bool,
) -> dict[str, Any]:
    """Return what a file of labels records about the run that made it, as plain JSON values.

    Parameters
    ----------
    pixels
        `pixels_hash` of each slice of the image that was read.
    unread
        Slices that could not be read.
    labels
        (Y, X) or (Z, Y, X).
    network
        From `network_hash`.
    average_z
        Whether logits of neighbouring slices were averaged.
    """
    return {
        **seen_record(pixels, unread),
        "labels": labels_hash(labels.reshape(-1, *labels.shape[-2:])),
        "network": network,
        "average_z": average_z,
    }


def seen_record(pixels: Mapping[int, str], unread: Iterable[int]) -> dict[str, Any]:
    """Return what a run saw of an image, as plain JSON values; see `made_record`.

    Slices that a mask left out, whose hash is empty, do not count.
    """
    seen = sorted((z, text) for z, text in pixels.items() if text)
    return {"pixels": _hash_of(json.dumps(seen)), "unread": sorted(unread)}


def network_hash(predictor: Predictor | RemotePredictor) -> str:
    """Return a hash of a network and of how it looks at slices."""
    if isinstance(predictor, RemotePredictor):
        network = dict(predictor.session.loaded.network)
    else:
        network = network_settings(predictor.model)
    settings = [network, bool(predictor.tta), bool(predictor.coarse)]
    return _hash_of(json.dumps(settings, sort_keys=True))


def labels_hash(planes: Iterable[NDArray[Any]]) -> str:
    """Return a hash of slices of labels (Y, X), whatever their type and the order of their bytes."""
    return _hash_of(" ".join(pixels_hash(np.asarray(plane).astype("<i8")) for plane in planes))


def is_outdated(
    target: Path,
    image: Path,
    volume: Volume,
    predictor: Predictor | RemotePredictor,
    average_z: bool | None,
) -> bool:
    """Whether labels must be made again: their image has changed, or was damaged.

    Parameters
    ----------
    target
        The file of labels.
    image, volume
        The image now.
    predictor, average_z
        As in `segment_volume`.

    Raises
    ------
    TakenError
        When they were made in another way, or perhaps corrected after that.
    """
    with explaining(str(target)):
        made = read_label_record(target).get("made")
    if not isinstance(made, dict):
        _check_older(image, target)
        return False
    _check_same_way(target, made, volume, predictor, average_z)
    if made.get("unread") == [] and made.get("pixels") == _pixels_of(volume):
        return False
    if made.get("labels") != _labels_in(target):
        raise TakenError(f"{target} was changed, and so was its image {image.name}; {ADVICE}")
    return True


def _check_older(image: Path, target: Path) -> None:
    """Check that an image is older than labels that do not record it, such as corrected ones."""
    files = [image]
    if image.is_dir():
        files += image.rglob("*")
    if max(path.stat().st_mtime_ns for path in files) > target.stat().st_mtime_ns:
        raise TakenError(
            f"{target} is older than its image {image.name}, which may have changed; {ADVICE}"
        )


def _check_same_way(
    target: Path,
    made: Mapping[str, Any],
    volume: Volume,
    predictor: Predictor | RemotePredictor,
    average_z: bool | None,
) -> None:
    if average_z is None:
        average_z = averages_by_itself(volume.shape, volume.voxel_size)
    if made.get("network") != network_hash(predictor):
        why = "another checkpoint, or another choice of --careful or --coarse"
    elif made.get("average_z") != (average_z and volume.depth > 1):
        why = "another choice of --average-z"
    elif open_labels(target).voxel_size != volume.voxel_size:
        why = "another voxel size"
    else:
        return
    raise TakenError(f"{target} was written with {why}; {ADVICE}")


def _pixels_of(volume: Volume) -> Any:
    """Return the hash of an image as `seen_record` has it."""
    pixels: dict[int, str] = {}
    for z in range(volume.depth):
        try:
            pixels[z] = pixels_hash(volume.plane(z))
        except DamagedPartError:
            continue
    return seen_record(pixels, ())["pixels"]


def _labels_in(target: Path) -> str:
    labels = open_labels(target)
    return labels_hash(labels.plane(z) for z in range(labels.depth))


def _hash_of(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
