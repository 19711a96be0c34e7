from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

import napari_scsam.project
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import create_labels
from napari_scsam.io.volumes import open_volume
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.project import Project, create_project
from napari_scsam.project.record import ProjectRecord, read_record

IMAGE = {
    "relative": "../cell.tif",
    "absolute": "/data/cell.tif",
    "fingerprint": "abc",
    "shape": [3, 20, 30],
    "dtype": "uint8",
    "voxel_size": [40, 8.0, 8.0],
    "origin": [0.0, 0.0, 0.0],
}
RECORD = {"image": IMAGE, "created": "2026-01-01T00:00:00+00:00"}


def test_a_record_is_read_as_it_was_written():
    record = ProjectRecord.from_dict({**RECORD, "history": [{"what": "created"}]})
    assert record.image.shape == (3, 20, 30)
    assert record.history == ({"what": "created"},)
    again = ProjectRecord.from_dict(json.loads(json.dumps(record.to_dict())))
    assert again == record


def test_what_a_newer_version_added_is_kept():
    image = {**IMAGE, "pyramid": [1, 2]}
    record = ProjectRecord.from_dict({**RECORD, "image": image, "mood": {"weather": "fine"}})
    written = record.model_copy(update={"voxel_size": (1.0, 2.0, 3.0)}).to_dict()
    assert written["mood"] == {"weather": "fine"}
    assert written["image"]["pyramid"] == [1, 2]


def test_keys_of_old_versions_have_their_names_of_today():
    chosen = {"thresholds": {"ER": 0.5}, "careful": True, "prefetch": False}
    record = ProjectRecord.from_dict({**RECORD, "chosen": chosen})
    assert record.chosen == {"threshold_offsets": {"ER": 0.5}, "tta": True, "prefetch": False}


@pytest.fixture
def project(tmp_path: Path):
    list(copy_image(tmp_path / "cell.zarr", np.ones((3, 20, 30), np.uint8), None, (0.0, 0.0, 0.0)))
    path = tmp_path / "mine.scsam.zarr"
    reference = ImageReference.of(open_volume(tmp_path / "cell.zarr"), path)
    made = create_project(path, reference, (ClassSpec(1, "mitochondrion"),))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"created": None}, "created = None is not usable"),
        ({"image": {"relative": "a"}}, "image.absolute is missing"),
        ({"image": {**IMAGE, "shape": [3, "many", 30]}}, r"image.shape\[1\] = 'many'"),
        ({"voxel_size": [1.0, 2.0]}, r"voxel_size\[2\] is missing"),
        ({"history": "long"}, "history = 'long' is not usable"),
    ],
)
def test_a_damaged_record_is_told_by_its_first_problem(project, change, says):
    project.close()
    group = zarr.open_group(project.path, mode="r+")
    record = {**project.record.to_dict(), **change}
    group.update_attributes({"scsam": {"format": 1, "project": record}})
    with pytest.raises(UserError, match=rf"is damaged \({says}.*\); open its labels as a file"):
        read_record(project.path)


def test_labels_that_are_not_a_project_are_told(tmp_path):
    create_labels(tmp_path / "a.zarr", (3, 20, 30), None, ())
    with pytest.raises(UserError, match="holds labels but is not a napari-scsam project"):
        Project(tmp_path / "a.zarr")


def test_a_write_that_failed_is_the_trouble_of_the_project(project, monkeypatch):
    assert project.trouble is None
    project.array("classes")[0] = 1
    error = OSError("full")
    monkeypatch.setattr(type(project.array("classes")), "trouble", property(lambda _: error))
    assert project.trouble is error


def test_the_public_names_need_no_torch():
    script = (
        "import sys; "
        "from napari_scsam.project import create_project, open_project, export_training_set; "
        "assert 'torch' not in sys.modules and 'napari' not in sys.modules; "
        "assert callable(create_project) and callable(open_project)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(AttributeError, match="no attribute 'close_project'"):
        napari_scsam.project.close_project  # noqa: B018
