"""An image that was saved again: the project says what differs, and goes on when asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.volumes import open_volume
from napari_scsam.project.image import (
    ImageChangedError,
    ImageReference,
    copy_image,
    describe_changes,
    hash_slices,
    sampled_slices,
)
from napari_scsam.project.start import ImageSource, open_project, start_project
from napari_scsam.steps import drive

TABLE = (ClassSpec(1, "mitochondrion"),)
IMAGE = np.random.default_rng(0).integers(0, 200, (9, 20, 24)).astype(np.uint8)


def save(path: Path, image: np.ndarray) -> None:
    if path.suffix == ".zarr":
        shutil.rmtree(path, ignore_errors=True)
        list(copy_image(path, image, None, (0.0, 0.0, 0.0)))
    else:
        tifffile.imwrite(path, image)


@pytest.fixture(params=["cell.zarr", "cell.tif"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    save(tmp_path / request.param, IMAGE)
    return tmp_path / request.param


@pytest.fixture
def path(image: Path, tmp_path: Path) -> Path:
    project = drive(
        start_project(tmp_path / "a.scsam.zarr", ImageSource(IMAGE, str(image), None), TABLE)
    )
    project.array("classes")[4] = 1
    project.close()
    return tmp_path / "a.scsam.zarr"


def change(*slices: int) -> np.ndarray:
    changed = IMAGE.copy()
    changed[list(slices)] ^= 1
    return changed


@pytest.mark.parametrize(
    ("now", "says", "fits"),
    [
        (change(5), "its pixels differ at slice 5", True),
        (change(6, 7, 8), "its pixels differ from slice 6 on", True),
        (change(*range(9)), "its pixels differ from slice 0 on", True),
        (change(1, 4), "its pixels differ from slice 1, at 2 slices", True),
        (IMAGE[:8], r"its shape is \(8, 20, 24\), not \(9, 20, 24\)", False),
        (IMAGE[:, :, :20], r"its shape is \(9, 20, 20\)", False),
        (IMAGE.astype(np.uint16), "its type is uint16, not uint8", True),
    ],
)
def test_it_is_said_what_differs(
    path: Path, image: Path, now: np.ndarray, says: str, fits: bool
) -> None:
    save(image, now)
    opened = drive(open_project(path))
    assert (opened.project, opened.fits) == (None, fits)
    assert opened.changed == str(image)
    with pytest.raises(UserError, match=says):
        raise UserError(opened.question)
    again = drive(open_project(path, accept_changes=True))
    assert (again.project is not None) == fits
    if again.project is not None:
        assert (again.project.array("classes")[4] == 1).all()
        assert again.project.record.history[-1]["what"] == "went on with a changed image"
        again.close()
        drive(open_project(path)).close()


def test_another_image_may_be_attached(path: Path, image: Path, tmp_path: Path) -> None:
    save(image, IMAGE[:8])
    save(tmp_path / "other.tif", change(3))
    with pytest.raises(UserError, match=r"is not the image of this project .* at slice 3"):
        drive(open_project(path, str(tmp_path / "other.tif")))
    opened = drive(open_project(path, str(tmp_path / "other.tif"), accept_changes=True))
    assert opened.image is not None
    opened.close()
    drive(open_project(path)).close()
    with pytest.raises(UserError, match="its shape is"):
        drive(open_project(path, str(image), accept_changes=True))


def test_the_same_image_elsewhere_is_preferred_to_a_changed_one(
    path: Path, image: Path, tmp_path: Path
) -> None:
    (tmp_path / "moved").mkdir()
    place = tmp_path / "moved" / path.name
    shutil.move(path, place)
    save(place.parent / image.name, change(2))  # relative to the project is another one
    assert drive(open_project(place)).image is not None


def test_a_reference_of_an_older_version_still_tells_a_changed_image(image: Path) -> None:
    reference = ImageReference.of(open_volume(image), image.parent / "p").model_copy(
        update={"slices": {}}
    )
    assert reference.difference(open_volume(image)) == ""
    save(image, change(0))
    assert reference.difference(open_volume(image)) == "its pixels differ"
    with pytest.raises(ImageChangedError, match="go on with it as it is, or attach another"):
        reference.find(image.parent / "p")


def test_a_slice_that_cannot_be_read_is_not_a_difference() -> None:
    before = hash_slices(IMAGE, range(9))
    assert describe_changes(before, hash_slices(IMAGE, [0, 1, 8]), IMAGE.shape) == ""


def test_few_slices_of_a_large_image_are_compared() -> None:
    assert sampled_slices(IMAGE, 10**9) == list(range(9))
    assert sampled_slices(IMAGE, 0) == [0, 2, 4, 6, 8]
    assert sampled_slices(IMAGE[0], 0) == [0]
    before = hash_slices(IMAGE, [0, 4, 8])
    said = describe_changes(before, hash_slices(change(4, 8), [0, 4, 8]), IMAGE.shape)
    assert said == "its pixels differ from slice 4 on (3 of 9 slices were compared)"
