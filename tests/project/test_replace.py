"""*Replace* removes a folder that is ours alone, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.project.image import copy_image
from napari_scsam.project.image_labels import write_into_image
from napari_scsam.project.project import CLASSES, Project
from napari_scsam.project.start import ImageSource, start_project
from napari_scsam.project.training_job import drop_job, is_job, job_files_beside, prepare_job
from napari_scsam.project.training_set import export_training_set
from napari_scsam.steps import drive

TABLE = (ClassSpec(1, "mitochondrion"),)
IMAGE = np.random.default_rng(0).integers(0, 200, (3, 20, 24)).astype(np.uint8)
LAYOUTS = ("ome-zarr", "tiff", "nnunet")


@pytest.fixture
def project(tmp_path: Path):
    list(copy_image(tmp_path / "cell.zarr", IMAGE, None, (0.0, 0.0, 0.0)))
    source = ImageSource(IMAGE, str(tmp_path / "cell.zarr"), None)
    made = drive(start_project(tmp_path / "a.scsam.zarr", source, TABLE))
    made.array(CLASSES)[1] = 1
    made.reviewed[1] = 1
    made.flush()
    yield made
    made.close()


def contents(folder: Path) -> dict[str, bytes]:
    files = (f for f in folder.rglob("*") if f.is_file() and f.name not in (".lock",))
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in files}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_training_set_is_replaced(project: Project, tmp_path: Path, layout: str) -> None:
    out = tmp_path / "Dataset001_cell"
    for _ in range(2):
        drive(export_training_set(project, out, layout, replace=True))
    assert (out / "provenance.json").is_file()


BESIDE: dict[str, Callable[[Path], object]] = {
    "a note": lambda out: (out / "notes.txt").write_text("mine"),
    "a raw image": lambda out: (out / "raw.tif").write_bytes(b"II*"),
    "a volume": lambda out: shutil.copytree(out.parent / "cell.zarr", out / "cell.zarr"),
    "a project": lambda out: shutil.copytree(out.parent / "a.scsam.zarr", out / "b.scsam.zarr"),
    "a checkpoint": lambda out: (out / "mine.safetensors").write_bytes(b"weights"),
    "an empty file": lambda out: (out / "labels.tif.old").touch(),
    "a link": lambda out: (out / "raw").symlink_to(out.parent / "cell.zarr"),
    "more labels": lambda out: zarr.create_array(
        out / "labels.zarr/labels/mine", shape=(4,), dtype="uint8"
    )[:].fill(1),
    "another case": lambda out: (
        (out / "imagesTr").mkdir(exist_ok=True),
        (out / "imagesTr/other_0000.tif").touch(),
    ),
}


@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_training_set_with_something_beside_it_stays(
    project: Project, tmp_path: Path, layout: str, beside: str
) -> None:
    out = tmp_path / "Dataset001_cell"
    drive(export_training_set(project, out, layout))
    BESIDE[beside](out)
    before = contents(tmp_path)
    with pytest.raises(UserError, match=r"holds more than its training set \(.*move that away"):
        drive(export_training_set(project, out, layout, replace=True))
    assert contents(tmp_path) == before


@pytest.mark.parametrize("where", ["a.scsam.zarr", "cell.zarr", ".", "documents"])
def test_what_is_no_training_set_stays(project: Project, tmp_path: Path, where: str) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "paper.pdf").write_bytes(b"mine")
    before = contents(tmp_path)
    with pytest.raises(UserError, match="so it is not replaced"):
        drive(export_training_set(project, tmp_path / where, replace=True))
    assert contents(tmp_path) == before


def test_labels_in_the_image_are_replaced_only_when_they_are_ours_alone(
    project: Project, tmp_path: Path
) -> None:
    target = drive(write_into_image(project))
    assert target is not None
    assert drive(write_into_image(project, replace=True)) == target
    (target / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(UserError, match="holds other files"):
        drive(write_into_image(project, replace=True))
    assert contents(tmp_path) == before


def test_a_training_with_something_beside_it_stays(project: Project, tmp_path: Path) -> None:
    checkpoint = tmp_path / "mine.safetensors"
    checkpoint.write_bytes(b"weights")
    folder = drive(prepare_job(project, [1], checkpoint, 1.0))
    assert is_job(folder)
    (folder / "notes.txt").write_text("mine")
    assert job_files_beside(folder) == ["notes.txt"]
    with pytest.raises(UserError, match="holds more than a training"):
        drive(prepare_job(project, [1], checkpoint, 1.0))
    drop_job(folder)
    assert (folder / "notes.txt").is_file()
    (folder / "notes.txt").unlink()
    drop_job(folder)
    assert not folder.exists()
