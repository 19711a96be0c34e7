"""The image of a project: its fingerprint, where it is found, and its copy in a project."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from pydantic import ValidationError

from napari_scsam.config import UserError
from napari_scsam.io.volumes import open_volume
from napari_scsam.project.image import (
    ImageMovedError,
    ImageReference,
    copy_image,
    fingerprint,
    slice_keys,
)
from napari_scsam.steps import drive

STACK = np.random.default_rng(0).integers(0, 60_000, (11, 7, 9)).astype(np.uint16)


@pytest.fixture
def reference(tmp_path: Path) -> ImageReference:
    """The reference of a project ``a/mine`` to the image ``em/cell.tif`` beside ``a``."""
    (tmp_path / "em").mkdir()
    tifffile.imwrite(tmp_path / "em" / "cell.tif", STACK, photometric="minisblack")
    return ImageReference.of(open_volume(tmp_path / "em" / "cell.tif"), tmp_path / "a" / "mine")


def test_a_fingerprint_is_a_hash_of_five_slices_shape_and_type() -> None:
    digest = hashlib.blake2b(b"(11, 7, 9) u2", digest_size=16)
    for z in (0, 2, 5, 8, 10):  # evenly spaced from 0 to 10; halves go to the even number
        digest.update(STACK[z].tobytes())
    assert fingerprint(STACK) == digest.hexdigest()


def test_a_fingerprint_of_one_slice_reads_it_all() -> None:
    digest = hashlib.blake2b(b"(7, 9) u2", digest_size=16)
    digest.update(STACK[0].tobytes())
    assert fingerprint(STACK[0]) == digest.hexdigest()


def test_a_fingerprint_differs_where_the_image_does() -> None:
    changed = STACK.copy()
    changed[10, 6, 8] ^= 1
    images = (STACK, changed, STACK.view(np.int16), STACK.reshape(11, 9, 7), STACK[:10], STACK[0])
    assert len({fingerprint(image) for image in images}) == len(images)


def test_memory_order_does_not_count() -> None:
    assert fingerprint(np.asfortranarray(STACK)) == fingerprint(STACK)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_thin_stack_is_read_once(depth: int) -> None:
    digest = hashlib.blake2b(f"({depth}, 7, 9) u2".encode(), digest_size=16)
    digest.update(STACK[:depth].tobytes())
    assert fingerprint(STACK[:depth]) == digest.hexdigest()


def test_a_reference_holds_both_ways_to_the_image(
    reference: ImageReference, tmp_path: Path
) -> None:
    assert reference.relative == "../../em/cell.tif"
    assert reference.absolute == str(tmp_path / "em" / "cell.tif")
    assert (reference.shape, reference.dtype) == ((11, 7, 9), "uint16")


def test_a_reference_survives_json_with_keys_of_a_newer_version(
    reference: ImageReference,
) -> None:
    stored = json.loads(json.dumps({**reference.to_dict(), "channel": 3}))
    read = ImageReference.from_dict(stored)
    assert read.to_dict()["channel"] == 3
    assert (read.shape, read.fingerprint) == (reference.shape, reference.fingerprint)
    del stored["shape"]
    with pytest.raises(ValidationError):
        ImageReference.from_dict(stored)


def test_it_is_found_when_both_are_moved_together(
    reference: ImageReference, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    shutil.move(tmp_path / "em", tmp_path / "new" / "em")
    found = reference.find(tmp_path / "new" / "a" / "mine")
    np.testing.assert_array_equal(found.data[...], STACK)


def test_it_is_found_when_the_project_alone_is_moved(
    reference: ImageReference, tmp_path: Path
) -> None:
    found = reference.find(tmp_path / "very" / "far" / "away" / "mine")
    assert found.path == tmp_path / "em" / "cell.tif"


def test_another_image_beside_the_project_is_passed_over(
    reference: ImageReference, tmp_path: Path
) -> None:
    (tmp_path / "b" / "em").mkdir(parents=True)
    tifffile.imwrite(tmp_path / "b" / "em" / "cell.tif", STACK + 1, photometric="minisblack")
    found = reference.find(tmp_path / "b" / "a" / "mine")
    np.testing.assert_array_equal(found.data[...], STACK)


def test_an_image_that_is_gone_is_told(reference: ImageReference, tmp_path: Path) -> None:
    (tmp_path / "em" / "cell.tif").unlink()
    with pytest.raises(ImageMovedError) as told:
        reference.find(tmp_path / "a" / "mine")
    assert str(told.value) == (
        "the image cell.tif of this project was not found, also not at "
        f"{tmp_path / 'em' / 'cell.tif'}; show where it is now"
    )


@pytest.mark.parametrize("other", [STACK[:5], STACK + 1])
def test_another_image_is_told(reference: ImageReference, tmp_path: Path, other) -> None:
    tifffile.imwrite(tmp_path / "other.tif", other, photometric="minisblack")
    with pytest.raises(UserError, match=r"other\.tif is not the image of this project \(cell\.tif"):
        reference.check(open_volume(tmp_path / "other.tif"))


@pytest.mark.parametrize("image", [STACK, STACK[0], STACK[:1], STACK.astype(np.float32)])
def test_a_copy_is_an_ome_zarr_of_the_same_voxels(tmp_path: Path, image: np.ndarray) -> None:
    size, origin = (40.0, 8.0, 4.0), (400.0, 16.0, 4.0)
    volume = drive(copy_image(tmp_path / "copy.zarr", image, size, origin))
    assert volume.voxel_size is not None
    assert (volume.voxel_size[-2:], volume.origin[-2:]) == (size[-2:], origin[-2:])
    if image.ndim == 3:
        assert (volume.voxel_size, volume.origin) == (size, origin)
    assert volume.dtype == image.dtype
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "copy.zarr", mode="r")["0"], image)
    ome = zarr.open_group(tmp_path / "copy.zarr", mode="r").attrs["ome"]
    axes = [axis["name"] for axis in ome["multiscales"][0]["axes"]]
    assert axes == ["z", "y", "x"][-image.ndim :]
    assert "type" not in ome["multiscales"][0]


def test_a_copy_does_not_replace_anything(tmp_path: Path) -> None:
    list(copy_image(tmp_path / "copy.zarr", STACK, None, (0.0, 0.0, 0.0)))
    with pytest.raises(FileExistsError):
        list(copy_image(tmp_path / "copy.zarr", STACK, None, (0.0, 0.0, 0.0)))


def test_slices_are_copied_one_by_one() -> None:
    assert list(slice_keys(STACK)) == list(range(11))
    assert list(slice_keys(STACK[0])) == [...]
    assert list(slice_keys(STACK[:0])) == []
