from __future__ import annotations

import json
import shutil
from pathlib import Path

import damaged_project
import numpy as np
import pytest
from damages import DamageKind, cases, copy_to, garble, remove

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.io.saved.anchored_store import UnreadableError
from napari_scsam.io.volumes import open_labels
from napari_scsam.project.arrays import open_stored
from napari_scsam.project.damage import (
    find_damage,
    give_up,
    restore,
)
from napari_scsam.project.damage_sources import find_sources, open_repair_source
from napari_scsam.project.image_labels import write_into_image
from napari_scsam.project.project import CLASSES, Project
from napari_scsam.project.start import open_project
from napari_scsam.project.training_set import export_training_set
from napari_scsam.steps import drive


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    """A project with everything in it, and the values of its arrays; tests damage copies."""
    return damaged_project.make(tmp_path_factory.mktemp("whole"))


def one_of_each_kind(project: Path) -> list[tuple[Path, DamageKind]]:
    """Choose a file for each way to damage one, another one each time."""
    by_kind: dict[tuple[str, str], list[tuple[Path, DamageKind]]] = {}
    for file, kind in cases(project):
        part = "chunk" if damaged_project.is_chunk(file) else file.suffix
        by_kind.setdefault((part, kind.name), []).append((file, kind))
    return [found[number % len(found)] for number, found in enumerate(by_kind.values())]


def test_every_kind_of_damage_costs_only_what_was_damaged(
    whole: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    origin, values = whole
    chosen = one_of_each_kind(origin)
    assert len(chosen) >= 60
    wrong = [
        f"{file}, {kind.name}: {problem}"
        for file, kind in chosen
        if (
            problem := damaged_project.try_case(
                origin, tmp_path / "a.scsam.zarr", file, kind, values
            )
        )
    ]
    assert wrong == []


@pytest.fixture
def path(whole: tuple[Path, dict[str, np.ndarray]], tmp_path: Path) -> Path:
    return copy_to(whole[0], tmp_path / "a.scsam.zarr")


def chunk(path: Path, name: str, z: int) -> Path:
    return next(f for f in (path / "labels" / name / "0" / "c" / str(z)).rglob("*") if f.is_file())


def test_damage_is_named_slice_by_slice(path: Path) -> None:
    for z in (0, 2):
        garble(chunk(path, CLASSES, z))
    garble(chunk(path, "reviewed", 1))
    opened = drive(open_project(path))
    assert opened.project is not None
    assert [damage.sentence.split(":")[0] for damage in opened.damage] == [
        "the labels cannot be read at slices 0 and 2",
        "the review cannot be read at slice 1",
    ]
    assert str(chunk(path, CLASSES, 0)) in opened.damage[0].why
    opened.close()


@pytest.mark.parametrize("name", [CLASSES, "reviewed"])
def test_chunks_of_no_slices_are_named_as_damage(path: Path, name: str) -> None:
    shape = damaged_project.PIXELS.shape
    assert open_stored(path, name, shape, writable=False).shape == shape
    records = sorted((path / "labels").rglob(f"{name}/0/zarr.json"))
    assert len(records) == 2  # one of them is the copy
    for file in records:
        record = json.loads(file.read_text())
        record["chunk_grid"]["configuration"]["chunk_shape"][0] = 0
        file.write_text(json.dumps(record))
    with pytest.raises(UserError, match=rf"'{name}' of the project .* its chunks are \(0, "):
        open_stored(path, name, shape, writable=False)
    opened = drive(open_project(path))
    assert opened.damage or opened.project is None
    opened.close()


def test_a_damaged_slice_is_an_error_and_never_zeros(path: Path) -> None:
    garble(chunk(path, CLASSES, 1))
    project = Project(path)
    array = project.array(CLASSES)
    for read in (lambda: array[1], lambda: array[1, 2, 3], lambda: array[...]):
        with pytest.raises(UnreadableError, match="cannot be read at slice 1"):
            read()
    with pytest.raises(UnreadableError):
        array[1, :3] = 2
    assert array[0].any()
    with pytest.raises(UserError, match="slice 1"):
        drive(export_training_set(project, path.parent / "set"))
    project.close()


def test_a_window_shows_the_rest_and_writes_nothing_over_it(path: Path) -> None:
    file = chunk(path, CLASSES, 1)
    garble(file)
    before = file.read_bytes()
    project = Project(path)
    array = project.array(CLASSES)
    array.gaps = True
    assert not array[1].any()
    assert array[0].any()
    with pytest.raises(UnreadableError):
        array[np.array([1]), np.array([2]), np.array([3])]
    with pytest.raises(UnreadableError):
        array[1] = 2
    assert set(array.damaged) == {(1, 0, 0)}
    with pytest.raises(UnreadableError):
        project.intact(CLASSES)[1]
    project.close()
    assert file.read_bytes() == before


def test_what_is_given_up_is_kept_aside_and_not_reviewed(path: Path) -> None:
    file = chunk(path, CLASSES, 1)
    garble(file)
    damaged = file.read_bytes()
    project = Project(path)
    (damage,) = drive(find_damage(project))
    give_up(project, damage)
    assert not project.array(CLASSES)[1].any()
    assert not project.reviewed[1].any(), "nobody has looked at what is there now"
    assert project.reviewed[0].any()
    project.close()
    kept = path / "labels" / ".damaged" / file.relative_to(path)
    assert kept.read_bytes() == damaged


def test_it_is_restored_from_the_models_answers(
    path: Path, whole: tuple[Path, dict[str, np.ndarray]]
) -> None:
    garble(chunk(path, CLASSES, 1))
    project = Project(path)
    (damage,) = drive(find_damage(project))
    (source, *_) = find_sources(project, damage)
    restore(project, damage, source)
    np.testing.assert_array_equal(project.array(CLASSES)[1], whole[1]["predicted"][1])
    assert not project.reviewed[1].any()
    assert project.record.history[-1]["source"] == "the model's last answers"
    project.close()


def test_it_is_restored_from_a_run_on_the_image(path: Path, tmp_path: Path) -> None:
    garble(chunk(path, CLASSES, 1))
    run = np.full(damaged_project.PIXELS.shape, 2, np.uint8)
    write_labels(tmp_path / "run.zarr", run, None, damaged_project.TABLE)
    write_labels(tmp_path / "small.zarr", run[:2], None, damaged_project.TABLE)
    write_labels(tmp_path / "other.zarr", run, None, (ClassSpec(2, "myelin"),))
    project = Project(path)
    (damage,) = drive(find_damage(project))
    with pytest.raises(UserError, match="has shape"):
        open_repair_source(project, tmp_path / "small.zarr")
    with pytest.raises(UserError, match="numbers its classes differently"):
        open_repair_source(project, tmp_path / "other.zarr")
    restore(project, damage, open_repair_source(project, tmp_path / "run.zarr"))
    assert (project.array(CLASSES)[1] == 2).all()
    assert not (project.array(CLASSES)[0] == 2).all()
    project.close()


def test_labels_that_are_empty_there_restore_nothing(path: Path, tmp_path: Path) -> None:
    file = chunk(path, CLASSES, 1)
    garble(file)
    damaged = file.read_bytes()
    run = np.full(damaged_project.PIXELS.shape, 2, np.uint8)
    run[1] = 0
    write_labels(tmp_path / "run.zarr", run, None, damaged_project.TABLE)
    project = Project(path)
    (damage,) = drive(find_damage(project))
    with pytest.raises(UserError, match="are empty there; give the part up"):
        restore(project, damage, open_repair_source(project, tmp_path / "run.zarr"))
    assert file.read_bytes() == damaged
    project.close()


def test_labels_in_the_image_are_a_source(path: Path) -> None:
    project = Project(path)
    drive(write_into_image(project))
    expected = project.array(CLASSES)[1].copy()
    project.close()
    garble(chunk(path, CLASSES, 1))
    shutil.rmtree(path / "labels/predicted/c")
    project = Project(path)
    (damage,) = drive(find_damage(project))
    (source,) = find_sources(project, damage)
    restore(project, damage, source)
    np.testing.assert_array_equal(project.array(CLASSES)[1], expected)
    project.close()


def test_a_whole_array_that_is_lost_is_made_again(path: Path) -> None:
    for file in (path / "labels/reviewed/0/zarr.json", path / "labels/.copies/labels/reviewed/0"):
        if file.is_dir():
            shutil.rmtree(file)
        else:
            garble(file)
    project = Project(path)
    (damage,) = drive(find_damage(project))
    assert damage.name == "reviewed"
    give_up(project, damage)
    assert drive(find_damage(project)) == ()
    project.reviewed[1] = 1
    project.close()


@pytest.mark.parametrize("damage", [garble, remove])
def test_a_record_that_is_lost_comes_back_from_its_copy(path: Path, damage: DamageKind) -> None:
    project = Project(path)
    project.log("painted")
    project.close()
    damage(path / "zarr.json")
    again = Project(path)
    assert again.folder.repaired == ("zarr.json",)
    assert again.record.history[-1]["what"] == "painted"
    again.close()
    assert Project(path).folder.repaired == ()


def test_a_project_of_an_older_version_gets_its_copies(path: Path) -> None:
    shutil.rmtree(path / "labels" / ".copies")
    Project(path).close()
    garble(path / "zarr.json")
    Project(path).close()


def test_without_a_copy_it_is_said_what_is_left(path: Path) -> None:
    shutil.rmtree(path / "labels" / ".copies")
    garble(path / "zarr.json")
    with pytest.raises(UserError, match="open its labels as a file instead: ") as told:
        Project(path)
    labels = Path(str(told.value).rpartition(": ")[2])
    assert open_labels(labels).data[0].any()


def test_a_chunk_has_a_checksum(path: Path) -> None:
    file = chunk(path, CLASSES, 0)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    project = Project(path)
    assert [part.slices for part in drive(find_damage(project))] == [(0,)]
    project.close()


def test_the_image_is_never_given_up(path: Path) -> None:
    garble(next(f for f in (path / "image/0/c/1").rglob("*") if f.is_file()))
    opened = drive(open_project(path))
    assert [(part.name, part.slices) for part in opened.damage] == [("image", (1,))]
    assert opened.project is not None
    with pytest.raises(UserError, match="attach another image"):
        give_up(opened.project, opened.damage[0])
    opened.close()
