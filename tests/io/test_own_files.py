from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import ClassSpec
from napari_scsam.io.labels import is_own_label_image, write_labels
from napari_scsam.io.own_files import LABEL_IMAGE, foreign_files, list_files

TABLE = (ClassSpec(1, "mitochondrion"),)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """A label image with a pyramid."""
    write_labels(tmp_path / "a.zarr", np.ones((2, 1200, 8), np.uint8), None, TABLE)
    return tmp_path / "a.zarr" / "labels" / "classes"


def test_a_label_image_holds_nothing_foreign(labels: Path) -> None:
    assert (labels / "1" / "zarr.json").is_file()
    assert foreign_files(labels, (LABEL_IMAGE,)) == []
    assert is_own_label_image(labels)


@pytest.mark.parametrize(
    "name", ["notes.txt", "0/raw.tif", "0/c/0/mine.npy", "mine/zarr.json", "zarr.json.bak"]
)
def test_what_somebody_put_into_it_is_foreign(labels: Path, name: str) -> None:
    (labels / name).parent.mkdir(exist_ok=True)
    (labels / name).write_text("mine", encoding="utf-8")
    assert foreign_files(labels, (LABEL_IMAGE,)) == [name]
    with pytest.raises(FileExistsError):
        write_labels(labels.parents[1], np.zeros((2, 8, 8), np.uint8), None, TABLE)
    assert (labels / name).read_text(encoding="utf-8") == "mine"


def test_a_link_is_foreign(labels: Path) -> None:
    (labels / "0" / "c" / "7").symlink_to(labels.parent)
    assert foreign_files(labels, (LABEL_IMAGE,)) == ["0/c/7"]


def test_names_in_words() -> None:
    assert list_files(["a", "b"]) == "a, b"
    assert list_files(list("abcde")) == "a, b, c and 2 more"
