"""Many images: where their labels go, what is left out, and what fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.errors import PartlyDoneError, TakenError
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.model import ScSAM
from napari_scsam.steps import drive
from napari_scsam.volume.batch import segment_images
from napari_scsam.volume.image_batch import ImageBatch


@pytest.fixture
def images(tmp_path: Path) -> tuple[Path, ...]:
    random = np.random.default_rng(0)
    paths = []
    for name in ("a.tif", "b.tif"):
        paths.append(tmp_path / name)
        tifffile.imwrite(paths[-1], random.integers(0, 200, (40, 48)).astype(np.uint8))
    return tuple(paths)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def predictor(random_model: ScSAM) -> Predictor:
    return Predictor(random_model, "cpu")


def label(path: Path) -> None:
    write_labels(path, np.ones((40, 48), np.uint8), None, (ClassSpec(1, "mine"),))


def test_each_image_has_its_labels(
    images: tuple[Path, ...], out: Path, predictor: Predictor
) -> None:
    seen = []
    drive(segment_images(ImageBatch(images, out), open_volume, predictor), seen.append)
    assert [path.name for path in sorted(out.iterdir())] == ["a.tif", "b.tif"]
    assert open_labels(out / "a.tif").shape == (40, 48)
    assert {step.what for step in seen} >= {"a.tif", "b.tif"}
    assert (seen[-1].done, seen[-1].total) == (2, 2)


def test_one_that_fails_is_named_and_the_others_are_done(
    images: tuple[Path, ...], out: Path, predictor: Predictor, tmp_path: Path
) -> None:
    (tmp_path / "bad.tif").write_bytes(b"II*\0 no TIFF")
    missing = tmp_path / "missing.tif"
    batch = ImageBatch((images[0], tmp_path / "bad.tif", missing, images[1]), out)
    with pytest.raises(PartlyDoneError) as told:
        drive(segment_images(batch, open_volume, predictor))
    text = str(told.value)
    assert text.startswith("2 of 4 images could not be segmented, and the others are done: bad.tif")
    assert "missing.tif" in text
    assert [path.name for path in sorted(out.iterdir())] == ["a.tif", "b.tif"]


def test_finished_images_are_left_out_or_replaced(images: tuple[Path, ...], out: Path) -> None:
    label(out / "a.tif")
    with pytest.raises(TakenError, match="add --resume to keep them, or --overwrite"):
        ImageBatch(images, out).left()
    assert ImageBatch(images, out, resume=True).left() == images[1:]
    assert ImageBatch(images, out, overwrite=True).left() == images


def test_a_class_that_the_network_lacks_is_one_mistake_and_not_one_an_image(
    images: tuple[Path, ...], tmp_path: Path, predictor: Predictor
) -> None:
    batch = ImageBatch(images, tmp_path / "new")
    with pytest.raises(UserError, match="no class is called 'nope'"):
        drive(segment_images(batch, open_volume, predictor, classes=["nope"]))
    assert not batch.failed
    assert not batch.folder.exists()


def test_labels_of_other_classes_do_not_count_as_finished(
    images: tuple[Path, ...], out: Path
) -> None:
    label(out / "a.tif")
    batch = ImageBatch(images, out, resume=True)
    left = batch.left()
    batch.check_kept(left, None)
    batch.check_kept(left, ["mine"])
    with pytest.raises(TakenError, match=r"a\.tif was written with other classes, without 'ER'"):
        batch.check_kept(left, ["mine", "ER"])
    batch.check_kept(images, ["ER"])


def test_what_is_no_label_file_of_ours_is_never_replaced(
    images: tuple[Path, ...], out: Path
) -> None:
    tifffile.imwrite(out / "a.tif", np.zeros((4, 4), np.uint8))
    with pytest.raises(TakenError, match="is not a label file of napari-scsam"):
        ImageBatch(images, out, overwrite=True).left()


def test_two_images_of_one_name_are_refused(out: Path, tmp_path: Path) -> None:
    images = (tmp_path / "a.tif", tmp_path / "a.png")
    with pytest.raises(UserError, match="would both be written to"):
        ImageBatch(images, out).left()


def test_the_folder_of_the_images_is_refused(images: tuple[Path, ...], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="would overwrite the image"):
        ImageBatch(images, tmp_path).left()


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.ome.tif", "a"), ("b.1.mrc", "b.1"), ("c.ome.zarr", "c"), ("d.zarr", "d")],
)
def test_labels_are_named_after_the_image(name: str, stem: str, out: Path, tmp_path: Path) -> None:
    if name.endswith(".zarr"):
        (tmp_path / name).mkdir()
    assert ImageBatch((), out).labels_of(tmp_path / name) == out / f"{stem}.tif"


def test_labels_of_a_folder_of_slices_have_its_whole_name(out: Path, tmp_path: Path) -> None:
    (tmp_path / "cell.2024").mkdir()
    assert ImageBatch((), out).labels_of(tmp_path / "cell.2024") == out / "cell.2024.tif"


def test_a_place_that_is_no_folder_is_refused(images: tuple[Path, ...], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TakenError, match="is a file; give a folder"):
        ImageBatch(images, tmp_path / "file").left()
    with pytest.raises(UserError, match=r"do not go into one labels\.zarr; give a folder"):
        ImageBatch(images, tmp_path / "labels.zarr").left()
