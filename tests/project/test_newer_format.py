"""A project of a newer format is read, and nothing in it is changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.project.copy_project import copy_project
from napari_scsam.project.damage import Damage, give_up
from napari_scsam.project.project import CLASSES, Project
from napari_scsam.project.record import FORMAT_NUMBER, read_record, write_record
from napari_scsam.project.start import ImageSource, open_project, start_project
from napari_scsam.project.strokes import StrokeKey
from napari_scsam.project.training_set import export_training_set
from napari_scsam.steps import drive

TABLE = (ClassSpec(1, "mitochondrion"),)
IMAGE = np.random.default_rng(0).integers(0, 200, (3, 20, 24)).astype(np.uint8)


def set_format(path: Path, number: object) -> None:
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["scsam"]["format"] = number
    document["attributes"]["scsam"]["future"] = {"x": [1, 2]}
    document["attributes"]["scsam"]["project"]["mood"] = {"weather": "fine"}
    document["attributes"]["scsam"]["project"]["image"]["pyramid"] = [1]
    (path / "zarr.json").write_text(json.dumps(document))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    project = drive(start_project(tmp_path / "a.scsam.zarr", ImageSource(IMAGE, None, None), TABLE))
    project.array(CLASSES)[1] = 1
    project.reviewed[1] = 1
    project.close()
    return tmp_path / "a.scsam.zarr"


def contents(folder: Path) -> dict[Path, bytes]:
    return {f.relative_to(folder): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


CHANGES: dict[str, Callable[[Project], object]] = {
    "paint": lambda p: p.array(CLASSES).__setitem__(0, 1),
    "paint voxels": lambda p: p.array(CLASSES).__setitem__((np.array([0]),) * 3, 1),
    "review": lambda p: p.reviewed.__setitem__(0, 1),
    "update": lambda p: p.update(voxel_size=(1.0, 2.0, 3.0)),
    "log": lambda p: p.log("painted"),
    "classes": lambda p: p.show_classes(CLASSES, TABLE),
    "labels": lambda p: p.add_labels("cells", "uint8", ()),
    "strokes": lambda p: p.strokes(StrokeKey.of("granule", 0)),
    "give up": lambda p: give_up(p, Damage(CLASSES, (0,), ((0, 0, 0),), "")),
    "write the record": lambda p: write_record(p.path, p.record),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("number", [FORMAT_NUMBER + 1, 99])
def test_it_is_read_and_never_changed(path: Path, change: str, number: int) -> None:
    set_format(path, number)
    before = contents(path)
    opened = drive(open_project(path))
    project = opened.project
    assert project is not None
    assert (project.array(CLASSES)[1] == 1).all()
    with pytest.raises(UserError, match=f"newer version .*format {number}"):
        CHANGES[change](project)
    assert not project.unsaved
    project.flush()
    project.close()
    assert contents(path) == before


def test_it_may_be_open_twice_exported_and_copied_as_it_is(path: Path, tmp_path: Path) -> None:
    set_format(path, 2)
    before = contents(path)
    project = Project(path)
    Project(path).close()
    drive(export_training_set(project, tmp_path / "set"))
    place = drive(copy_project(project, tmp_path / "deep" / "copy.scsam.zarr"))
    project.move_to(place)
    project.close()
    assert contents(path) == before
    assert (place / "zarr.json").read_bytes() == (path / "zarr.json").read_bytes()


def test_unknown_keys_of_this_format_survive_a_change(path: Path) -> None:
    set_format(path, FORMAT_NUMBER)
    project = Project(path)
    project.log("painted")
    project.show_classes(CLASSES, (*TABLE, ClassSpec(2, "ER")))
    project.close()
    stored = json.loads((path / "zarr.json").read_text())["attributes"]["scsam"]
    assert stored["future"] == {"x": [1, 2]}
    assert stored["project"]["mood"] == {"weather": "fine"}
    assert stored["project"]["image"]["pyramid"] == [1]
    assert stored["project"]["history"][-1]["what"] == "painted"


def test_a_newer_record_that_cannot_be_read_is_told(path: Path) -> None:
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["scsam"].update(format=2, project={"pages": []})
    (path / "zarr.json").write_text(json.dumps(document))
    for read in (Project, read_record):
        with pytest.raises(UserError, match="newer version, and this one cannot read it; update"):
            read(path)


def test_labels_of_a_newer_format_are_not_written_over(tmp_path: Path) -> None:
    out = tmp_path / "a.zarr"
    write_labels(out, np.ones((2, 8, 8), np.uint8), None, TABLE)
    document = json.loads((out / "zarr.json").read_text())
    document["attributes"]["scsam"]["format"] = 2
    (out / "zarr.json").write_text(json.dumps(document))
    before = contents(out)
    with pytest.raises(UserError, match="newer version"):
        write_labels(out, np.zeros((2, 8, 8), np.uint8), None, TABLE)
    assert contents(out) == before
