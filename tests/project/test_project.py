from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.saved.saved_chunks import SavedChunks
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.project.copy_project import copy_project
from napari_scsam.project.image import ImageMovedError, ImageReference, copy_image
from napari_scsam.project.project import CLASSES, Project, create_project

TABLE = (ClassSpec(1, "mitochondrion", "#ff0000"), ClassSpec(2, "ER", "#00ff00"))
SIZE, ORIGIN = (40.0, 8.0, 8.0), (400.0, 80.0, 16.0)
IMAGE = np.random.default_rng(0).integers(0, 200, (4, 40, 50)).astype(np.uint8)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "lab").mkdir()
    list(copy_image(tmp_path / "lab" / "cell.zarr", IMAGE, SIZE, ORIGIN))
    return tmp_path / "lab" / "cell.zarr"


@pytest.fixture
def project(image: Path):
    path = image.parent / "mine.scsam.zarr"
    made = create_project(path, ImageReference.of(open_volume(image), path), TABLE)
    yield made
    made.close()


def test_a_copied_image_is_that_image_in_its_place(image):
    volume = open_volume(image)
    assert (volume.voxel_size, volume.origin) == (SIZE, ORIGIN)
    np.testing.assert_array_equal(volume.data[...], IMAGE)


def test_everything_is_there_when_it_is_opened_again(project, image):
    project.array(CLASSES)[1, 3:9, 4:20] = 2
    project.reviewed[1] = 1
    project.predicted[1, 3:9, 4:10] = 2
    project.log("segmented", slice=1)
    project.update(
        view={"camera": [1, 2]}, contrast={"low": 1.0, "high": 2.0}, voxel_size=(50.0, 8.0, 8.0)
    )
    project.close()
    again = Project(project.path)
    assert again.record == project.record
    assert again.record.history[-1]["what"] == "segmented"
    assert again.class_table() == TABLE
    assert (again.array(CLASSES)[...] == 2).sum() == 6 * 16
    assert again.reviewed[...].sum() == 40 * 50
    assert again.predicted[...].sum() == 2 * 6 * 6
    assert again.label_names == (CLASSES,)
    again.close()


def test_other_programs_see_labels_with_scale_and_place(project):
    project.array(CLASSES)[0] = 1
    project.flush()
    labels = open_labels(project.path)
    assert (labels.voxel_size, labels.origin, labels.shape) == (SIZE, ORIGIN, IMAGE.shape)
    assert (labels.data[0] == 1).all()


def test_a_voxel_size_that_the_user_typed_counts(image, tmp_path):
    path = tmp_path / "b.scsam.zarr"
    create_project(
        path, ImageReference.of(open_volume(image), path), TABLE, voxel_size=(30.0, 4.0, 4.0)
    ).close()
    assert open_labels(path).voxel_size == (30.0, 4.0, 4.0)


def test_another_class_table_is_kept(project):
    table = (*TABLE, ClassSpec(3, "granule", "#0000ff"))
    project.show_classes(CLASSES, table)
    assert project.class_table() == table


def test_it_opens_on_another_machine_with_its_image_beside_it(project, image, tmp_path):
    project.close()
    shutil.move(image.parent, tmp_path / "elsewhere")
    moved = Project(tmp_path / "elsewhere" / project.path.name)
    assert moved.record.image.find(moved.path).path == moved.path.parent / "cell.zarr"
    moved.close()


def test_an_image_that_is_gone_or_another_one_is_told(project, image):
    shutil.rmtree(image)
    with pytest.raises(ImageMovedError, match="show where it is now"):
        project.record.image.find(project.path)
    list(copy_image(image, IMAGE + 1, SIZE, ORIGIN))
    with pytest.raises(ImageMovedError):
        project.record.image.find(project.path)
    with pytest.raises(UserError, match="is not the image"):
        project.record.image.check(open_volume(image))


def test_only_one_window_has_it(project):
    with pytest.raises(UserError, match="another window"):
        Project(project.path)


def test_nothing_is_overwritten(project, image):
    with pytest.raises(UserError, match="already exists"):
        create_project(project.path, project.record.image, TABLE)
    with pytest.raises(UserError, match="already exists"):
        list(copy_project(project, image))


def contents(folder: Path) -> dict[Path, bytes | None]:
    return {
        path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("there", ["project", "folder", "empty folder", "file"])
def test_a_copy_overwrites_nothing(project, tmp_path, there):
    path = tmp_path / "there.scsam.zarr"
    if there == "project":
        create_project(path, project.record.image, TABLE).close()
    elif there == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        if there == "folder":
            (path / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(
        UserError,
        match=r"^'there\.scsam\.zarr' already exists, and nothing is overwritten; choose another name$",
    ):
        list(copy_project(project, path))
    assert contents(tmp_path) == before


def test_a_copy_does_not_lie_inside_an_image(project, tmp_path):
    (tmp_path / "em.n5").mkdir()
    (tmp_path / "em.n5" / "attributes.json").write_text("{}")
    with pytest.raises(UserError, match="lies inside the volume"):
        list(copy_project(project, tmp_path / "em.n5" / "copy.scsam.zarr"))
    assert len(list((tmp_path / "em.n5").iterdir())) == 1


@pytest.mark.parametrize("inside", [".", "labels", "labels/classes"])
def test_a_copy_does_not_lie_inside_a_project(project, inside):
    before = contents(project.path)
    with pytest.raises(
        UserError,
        match=r"would be inside the project 'mine\.scsam\.zarr'; choose a place outside of it$",
    ):
        list(copy_project(project, project.path / inside / "copy.scsam.zarr"))
    assert contents(project.path) == before


def test_a_place_that_takes_no_copy_is_told(project, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="cannot be written"):
        list(copy_project(project, tmp_path / "file" / "copy.scsam.zarr"))
    assert (tmp_path / "file").read_text() == "mine"


def test_what_is_no_project_is_told(tmp_path, image):
    for path in (tmp_path / "nothing", image):
        with pytest.raises(UserError, match="not a napari-scsam project"):
            Project(path)


def test_a_copy_goes_on_by_itself(project, tmp_path):
    original, array = project.path, project.array(CLASSES)
    array[0] = 1
    list(copy_project(project, tmp_path / "copy.scsam.zarr"))
    array[1] = 2  # painted while it was copied
    project.move_to(tmp_path / "copy.scsam.zarr")
    array[2] = 1
    project.flush()
    found = open_labels(tmp_path / "copy.scsam.zarr").data
    assert [int(found[z].max()) for z in range(4)] == [1, 2, 1, 0]
    assert not open_labels(original).data[2].any()
    assert project.record.image.find(project.path).shape == IMAGE.shape
    Project(original).close()


def test_what_a_killed_process_left_is_swept(project):
    rest = project.path / "labels" / CLASSES / "0" / "c.123.partial"
    project.close()
    rest.write_bytes(b"half")
    Project(project.path).close()
    assert not rest.exists()
    assert zarr.open_group(project.path, mode="r")["labels/classes/0"].shape == IMAGE.shape


def test_what_cannot_be_written_is_told_and_stays_locked_until_it_is(project, monkeypatch):
    def fail(*_: object) -> None:
        raise ValueError("could not broadcast")

    with monkeypatch.context() as broken:
        broken.setattr(SavedChunks, "_write_oldest", fail)
        project.array(CLASSES)[...] = 1
        with pytest.raises(UserError, match="cannot be written"):
            project.close()
        with pytest.raises(UserError, match="another window"):
            Project(project.path)
    project.flush()
    again = Project(project.path)
    assert again.array(CLASSES)[...].all()
    again.close()
