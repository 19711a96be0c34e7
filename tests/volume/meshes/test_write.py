"""Meshes are written in every format, one file an object, and nothing of others is touched."""

from __future__ import annotations

import json

import numpy as np
import pytest
import trimesh
import zmesh
from ram import folder_in_memory

from napari_scsam import find_instances, write_meshes
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.errors import PartlyDoneError
from napari_scsam.io.labels import write_labels
from napari_scsam.steps import drive
from napari_scsam.volume.meshes import surface, write

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "a/b"))


@pytest.fixture
def ram():
    with folder_in_memory() as folder:
        yield folder


@pytest.fixture
def labels(ram):
    """Two boxes of 10×10×10 and one of 4×4×4 voxels, of two classes; one is at the border."""
    values = np.zeros((30, 30, 40), np.uint8)
    values[5:15, 5:15, 5:15] = 1
    values[20:, 20:, 30:] = 1
    values[20:24, 4:8, 4:8] = 2
    write_labels(ram / "labels.zarr", values, (20, 10, 10), CLASSES, origin=(1000, 0, 0))
    return ram / "labels.zarr"


@pytest.mark.parametrize("kind", ["ply", "obj", "glb"])
def test_meshes_are_in_micrometres(ram, labels, kind):
    counts = drive(write_meshes(labels, ram / "meshes", format=kind, simplify=0))
    assert counts == {"mitochondrion": 2, "a/b": 1}
    names = sorted(p.relative_to(ram / "meshes").as_posix() for p in ram.glob("meshes/*/*"))
    assert names == [f"a_b/1.{kind}", f"mitochondrion/1.{kind}", f"mitochondrion/2.{kind}"]
    mesh = trimesh.load_mesh(ram / "meshes" / "mitochondrion" / f"1.{kind}")
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(0.1 * 0.1 * 0.2, rel=0.05)
    np.testing.assert_allclose(mesh.bounds[0], [0.045, 0.045, 1.09], atol=1e-5)
    np.testing.assert_allclose(mesh.bounds[1], [0.145, 0.145, 1.29], atol=1e-5)


def test_an_object_at_the_border_is_closed(ram, labels):
    drive(write_meshes(labels, ram / "meshes"))
    assert trimesh.load_mesh(ram / "meshes" / "mitochondrion" / "2.ply").is_watertight


def test_neuroglancer_gets_nanometres(ram, labels):
    drive(write_meshes(labels, ram / "meshes", format="precomputed", simplify=0))
    folder = ram / "meshes" / "mitochondrion"
    assert json.loads((folder / "info").read_text()) == {"@type": "neuroglancer_legacy_mesh"}
    fragments = json.loads((folder / "1:0").read_text())["fragments"]
    mesh = zmesh.Mesh.from_precomputed((folder / fragments[0]).read_bytes())
    assert mesh.vertices.min(axis=0).tolist() == [45, 45, 1090]


def test_instances_keep_their_ids_and_small_ones(ram, labels):
    drive(find_instances(labels, ram / "objects.zarr", smallest=1, classes=["mitochondrion"]))
    assert drive(write_meshes(ram / "objects.zarr", ram / "all")) == {"mitochondrion": 2}
    few = drive(write_meshes(labels, ram / "few", smallest=100))
    assert few == {"mitochondrion": 2, "a/b": 0}


def test_a_folder_is_replaced_only_when_asked_and_ours(ram, labels):
    drive(write_meshes(labels, ram / "meshes"))
    with pytest.raises(UserError, match="already holds meshes"):
        drive(write_meshes(labels, ram / "meshes"))
    drive(write_meshes(labels, ram / "meshes", format="obj", overwrite=True))
    assert not list(ram.glob("meshes/*/*.ply"))
    (ram / "meshes" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="other things"):
        drive(write_meshes(labels, ram / "meshes", overwrite=True))


@pytest.mark.parametrize(
    ("labels_", "options", "sentence"),
    [
        (np.ones((9, 9, 9), np.uint8), {"format": "stl"}, "ply, obj, glb, precomputed"),
        (np.ones((9, 9), np.uint8), {}, "single slice"),
        (np.ones((9, 9, 9), np.uint8), {"simplify": -1}, "cannot move by -1 nm"),
    ],
)
def test_a_mistake_is_one_sentence(ram, labels_, options, sentence):
    with pytest.raises(UserError, match=sentence):
        drive(write_meshes(labels_, ram / "meshes", **options))
    assert not (ram / "meshes").exists()


def test_a_stopped_run_leaves_nothing(ram, labels):
    run = write_meshes(labels, ram / "meshes")
    next(run)
    run.close()
    assert sorted(p.name for p in ram.iterdir()) == ["labels.zarr"]


def test_an_object_that_is_too_large_is_named_and_the_others_are_written(ram, labels, monkeypatch):
    monkeypatch.setattr(surface, "MOST_FACES", 1000)
    monkeypatch.setattr(write, "MOST_FACES", 1000)
    with pytest.raises(PartlyDoneError, match=r"mitochondrion 1 \(more than 1000 triangles\)"):
        drive(write_meshes(labels, ram / "meshes"))
    assert [p.name for p in ram.glob("meshes/*/*.ply")] == ["1.ply"]
