"""Files that say that they hold labels are no images; nothing is guessed from values."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from faulty_server import FolderServer
from loopback import listening

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.images import open_grey_volume, says_labels
from napari_scsam.io.labels import write_labels
from napari_scsam.project.image import copy_image
from napari_scsam.steps import drive

CLASSES = (ClassSpec(1, "mitochondrion"),)
LABELS = np.zeros((2, 40, 50), np.uint8)
LABELS[:, 5:20, 5:20] = 1


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderServer]:
    """A server of a folder on loopback."""
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "served").mkdir()
    with listening(FolderServer(tmp_path / "served")) as serving:
        yield serving


@pytest.mark.parametrize("classes", [CLASSES, ()], ids=["classes", "objects"])
@pytest.mark.parametrize("suffix", ["zarr", "tif", "mrc", "h5", "precomputed"])
def test_labels_that_we_wrote_are_no_image(
    tmp_path: Path, suffix: str, classes: tuple[ClassSpec, ...]
) -> None:
    path = tmp_path / f"labels.{suffix}"
    write_labels(path, LABELS, (8.0, 8.0, 8.0), classes)
    with pytest.raises(UserError, match="holds labels and no grey values"):
        open_grey_volume(path)


@pytest.mark.parametrize("inside", ["labels/classes", "labels/classes/0"])
def test_labels_inside_of_an_image_are_no_image(tmp_path: Path, inside: str) -> None:
    drive(copy_image(tmp_path / "em.zarr", LABELS * 90, (8.0, 8.0, 8.0), (0.0, 0.0, 0.0)))
    write_labels(tmp_path / "labels.zarr", LABELS, None, CLASSES)
    (tmp_path / "labels.zarr" / "labels").rename(tmp_path / "em.zarr" / "labels")
    assert says_labels(str(tmp_path / "em.zarr" / inside))
    assert not says_labels(str(tmp_path / "em.zarr"))
    assert not says_labels(str(tmp_path / "em.zarr" / "0"))


def test_labels_of_other_programs_are_no_image(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "theirs.zarr", mode="w", zarr_format=2)
    cells = group.create_group("labels/cells")
    cells.create_array("0", data=LABELS)  # without any metadata but its place
    assert says_labels(str(tmp_path / "theirs.zarr/labels/cells/0"))
    (tmp_path / "segments").mkdir()
    info = {"type": "segmentation", "scales": [{}]}
    (tmp_path / "segments" / "info").write_text(json.dumps(info))
    assert says_labels(str(tmp_path / "segments"))


def test_few_values_or_a_folder_called_labels_are_an_image(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    tifffile.imwrite(folder / "em.tif", LABELS)
    zarr.save_array(str(folder / "em.zarr"), LABELS)
    assert open_grey_volume(folder / "em.tif").shape == LABELS.shape
    assert open_grey_volume(folder / "em.zarr").shape == LABELS.shape


def test_an_image_beside_labels_in_one_file_is_an_image(tmp_path: Path) -> None:
    path = tmp_path / "both.h5"
    write_labels(path, LABELS, (8.0, 8.0, 8.0), CLASSES)
    with h5py.File(path, "a") as file:
        file["em"] = LABELS * 90
    assert open_grey_volume(f"{path}:/em").shape == LABELS.shape
    with pytest.raises(UserError, match="holds labels"):
        open_grey_volume(f"{path}:/labels")


def test_a_zarr_that_holds_labels_alone_is_no_image(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "theirs.zarr", mode="w", zarr_format=2)
    labels = group.create_group("labels")
    labels.attrs["labels"] = ["cells"]
    labels.create_group("cells").create_array("0", data=LABELS)
    for path in ("theirs.zarr", "theirs.zarr/labels"):
        with pytest.raises(UserError, match="holds labels"):
            open_grey_volume(tmp_path / path)


@pytest.mark.parametrize("inner", ["", ":/labels/classes", ":/labels/classes/0"])
def test_zipped_labels_are_no_image(tmp_path: Path, inner: str) -> None:
    write_labels(tmp_path / "labels.zarr", LABELS, (8.0, 8.0, 8.0), CLASSES)
    shutil.make_archive(str(tmp_path / "labels"), "zip", tmp_path / "labels.zarr")
    with pytest.raises(UserError, match="holds labels"):
        open_grey_volume(f"{tmp_path / 'labels.zip'}{inner}")


LABELLED = ["seg.zarr", "seg.zarr/labels", "seg.zarr/labels/classes", "seg.zarr/labels/classes/0"]


THEIRS = ["theirs.zarr/labels/cells", "theirs.zarr/labels/cells/0"]


@pytest.mark.parametrize("inner", [*LABELLED, *THEIRS, "seg.precomputed"])
def test_labels_behind_an_address_are_no_image(served: FolderServer, inner: str) -> None:
    folder = served.folder
    write_labels(folder / "seg.zarr", LABELS, (8.0, 8.0, 8.0), CLASSES)
    write_labels(folder / "seg.precomputed", LABELS, (8.0, 8.0, 8.0), CLASSES)
    group = zarr.open_group(folder / "theirs.zarr", mode="w", zarr_format=2)
    group.create_group("labels/cells").create_array("0", data=LABELS)
    with pytest.raises(UserError, match="holds labels"):
        open_grey_volume(f"{served.url}/{inner}")


@pytest.mark.parametrize("inner", ["em.zarr", "em.zarr/0", "labels/em.zarr"])
def test_an_image_behind_an_address_is_an_image(served: FolderServer, inner: str) -> None:
    for place in ("em.zarr", "labels/em.zarr"):
        image = LABELS * 90
        target = served.folder / place
        target.parent.mkdir(exist_ok=True)
        drive(copy_image(target, image, (8.0, 8.0, 8.0), (0.0, 0.0, 0.0)))
    assert open_grey_volume(f"{served.url}/{inner}").shape == LABELS.shape
