"""Which files of a folder are images, and where their labels go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.errors import TakenError
from napari_scsam.io.labels import write_labels
from napari_scsam.volume.image_batch import ImageBatch, find_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cell 10.tif", "cell 9.tif", "b.PNG", "c.mrc", ".hidden.tif", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    tifffile.imwrite(tmp_path / "cell 9.tif", np.zeros((4, 4), np.uint8))
    write_labels(tmp_path / "labels.tif", np.ones((4, 4), np.uint8), None, (ClassSpec(1, "mine"),))
    return tmp_path


def test_images_are_found_in_the_order_of_their_numbers(folder: Path) -> None:
    names = [path.name for path in find_images(folder)]
    assert names == ["b.PNG", "c.mrc", "cell 9.tif", "cell 10.tif"]
    assert [path.name for path in find_images(folder, "cell*")] == ["cell 9.tif", "cell 10.tif"]


@pytest.mark.parametrize(
    ("name", "pattern", "message"),
    [
        ("nothing", "*", "there is no folder"),
        ("", "*.jpg", r"no image in .* is called \*.jpg"),
        ("", "*.txt", "no image in"),
        ("", "/x", "not a pattern of names"),
    ],
)
def test_no_image_is_one_sentence(folder: Path, name: str, pattern: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_images(folder / name, pattern)


def test_images_that_share_a_name_are_refused(folder: Path) -> None:
    images = (folder / "a.tif", folder / "a.png")
    with pytest.raises(UserError, match="two folders"):
        ImageBatch(images, folder / "out").left()


def test_labels_go_into_a_folder_that_may_exist_and_not_into_a_file(folder: Path) -> None:
    images = (folder / "cell 9.tif",)
    (folder / "out").mkdir()
    assert ImageBatch(images, folder / "out").left() == images
    with pytest.raises(TakenError, match="is a file"):
        ImageBatch(images, folder / "notes.txt").left()
