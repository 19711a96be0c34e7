"""What commit 5b2b5ab wrote opens as it was written; `make_compat.py` made the files."""

from __future__ import annotations

import json
import lzma
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_scsam.checkpoints.checkpoint import load_checkpoint, verify_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.gui.layers.files import read_layers
from napari_scsam.gui.project.window_state import restore_drawing, restore_look, restore_view
from napari_scsam.infer.disk_cache import DiskCache
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import Contrast
from napari_scsam.io.labels import create_labels, read_class_table
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.project.project import Project
from napari_scsam.project.review import review_steps
from napari_scsam.project.start import open_project
from napari_scsam.project.training_set import export_training_set
from napari_scsam.train.recipe import read_recipe
from napari_scsam.volume.run import segment_volume
from napari_scsam.volume.writing.ledger import LEDGER

FILES = Path(__file__).parent / "files"
VOXEL_SIZE = (20.0, 8.0, 8.0)
ORIGIN = (100.0, 200.0, 300.0)
MITOCHONDRION = ClassSpec(1, "mitochondrion", "#e6553c", "The power plant")
BOUNDARY = ClassSpec(
    2, "mitochondrial_boundary", "#3ca0e6", part_of="mitochondrion", reach=40.0, smallest=5000.0
)
VESICLE = ClassSpec(3, "vesicle", "#46c864", overrides=("mitochondrion",))
CLASSES = (MITOCHONDRION, BOUNDARY, VESICLE)
DROPLET = ClassSpec(7, "lipid droplet", "#ffd54a")
SHA256 = "c8fc31940e9d82cd66934cb65c9172d182e88841d162d0a54bb1c0ba6da6e43d"
EMBEDDING = (
    "1-vit_t-hybrid-sam+mae-gated-e878314fdd51dda96b0883deb545e635-c751e08408d122b10503a64d094a51ae"
)


def finish(steps: Any) -> Any:
    """Run a generator to its end, and return what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Copy the files, so that a test may change them."""
    return Path(shutil.copytree(FILES, tmp_path / "files"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    path.write_bytes(lzma.decompress((FILES / "tiny.safetensors.xz").read_bytes()))
    return path


@pytest.fixture
def project(files: Path) -> Any:
    opened = finish(open_project(files / "cell.scsam.zarr"))
    assert opened.project is not None, opened.question
    yield opened.project
    opened.close()


# The project


def test_a_project_finds_its_image(files: Path) -> None:
    opened = finish(open_project(files / "cell.scsam.zarr"))
    assert opened.image.shape == (4, 96, 96)
    assert opened.image.voxel_size == pytest.approx(VOXEL_SIZE)
    assert opened.project.record.image.fingerprint == "6fb07f44237f484b2200b3660d5355da"
    opened.close()


def test_a_project_holds_its_labels_objects_and_predictions(project: Project) -> None:
    labels = project.array("classes")[...]
    assert [
        int(labels[at])
        for at in ((1, 10, 20), (1, 8, 20), (2, 43, 69), (2, 70, 5), (1, 30, 20), (0, 20, 30))
    ] == [1, 2, 3, 7, 0, 0]
    assert np.bincount(labels.ravel()).tolist() == [4 * 96 * 96 - 800, 600, 60, 40, 0, 0, 0, 100]
    objects = project.array("objects")
    assert objects.dtype == np.uint16
    assert np.unique(objects[...]).tolist() == [0, 3, 700]
    assert (objects[1, 9, 9], objects[3, 50, 50]) == (3, 700)
    assert int(project.predicted[1].sum()) == 400
    assert project.label_names == ("classes", "objects")


def test_a_project_knows_its_classes(project: Project) -> None:
    table = project.class_table()
    assert table == (*CLASSES, DROPLET)
    assert table[2].overrides == ("mitochondrion",)
    assert project.class_table("objects") == ()


def test_a_project_knows_what_was_reviewed(project: Project) -> None:
    found = dict(review_steps(project.array("classes"), project.reviewed))
    assert {z: one.reviewed for z, one in found.items()} == {1: 96 * 96, 2: 200}
    assert found[1].share == 1
    assert found[2].kept == {3: 40}


def test_a_project_keeps_its_record(project: Project) -> None:
    record = project.record
    assert record.created == "2025-01-02T03:04:05+00:00"
    assert record.voxel_size == project.voxel_size == (30.0, 8.0, 8.0)
    assert record.contrast == {"low": 36.0, "high": 185.0, "shown": {"low": 20.0, "high": 230.0}}
    assert record.checkpoint == {"name": "tiny", "sha256": SHA256}
    assert [entry["what"] for entry in record.history] == ["created", "segmented"]


def test_a_project_keeps_its_choices(project: Project) -> None:
    chosen = project.record.chosen
    assert chosen["classes"] == ["mitochondrion", "lipid droplet"]
    assert chosen["threshold_offsets"] == {"mitochondrion": 0.3}
    assert (chosen["replace"], chosen["prefetch"], chosen["tta"]) == (True, False, True)


def test_a_project_keeps_what_was_taught(project: Project) -> None:
    (entry,) = project.record.taught
    assert entry["checkpoint"] == SHA256
    taught = TaughtClass.from_dict(entry)
    assert taught.spec == DROPLET
    assert len(taught.prototype) == 256
    assert taught.prototype[:2] == (-0.5, -127 / 256)


def test_a_project_keeps_its_window(project: Project) -> None:
    view, viewer = project.record.view, ViewerModel()
    shown = {
        "image": project.record.image.find(project.path).data,
        **{n: project.array(n)[...] for n in project.label_names},
    }
    for described in view["layers"]:
        if described["kind"] == "points":
            layer = restore_drawing(described)
        else:
            layer = Layer.create(shown[described["of"]], {}, described["kind"])
            restore_look(layer, described)
        viewer.layers.insert(0, layer)
    restore_view(viewer, view)
    assert [layer.name for layer in viewer.layers] == ["cell", "Organelles", "Objects", "Marks"]
    assert viewer.layers.selection.active.name == "Organelles"
    assert viewer.layers["Organelles"].brush_size == 17
    assert viewer.layers["Objects"].opacity == 0.25
    assert viewer.layers["Marks"].data.tolist() == [[1, 2, 3]]
    assert viewer.dims.point[0] == 40
    np.testing.assert_allclose(viewer.layers["Organelles"].scale, VOXEL_SIZE)


def test_a_project_can_be_changed_and_exported(files: Path, project: Project) -> None:
    project.array("classes")[3, 0, 0] = 7
    project.reviewed[3] = 1
    finish(export_training_set(project, files / "new", checkpoint="default"))
    assert read_recipe(files / "new").sources[0].image.resolve() == (files / "cell.tif").resolve()
    origin = json.loads((files / "new" / "provenance.json").read_text())
    assert sorted(origin["slices"]) == ["1", "2", "3"]


# Checkpoints, embeddings and stopped runs


def test_a_checkpoint_says_what_it_is(checkpoint: Path) -> None:
    info = checkpoint_info(checkpoint)
    assert info.classes == CLASSES
    assert info.classes[2].overrides == ("mitochondrion",)
    assert (info.nm_per_pixel, info.licence, info.summary) == (
        8.0,
        "CC0-1.0",
        "One number in each tensor.",
    )
    assert info.config["tile"] == 128
    assert info.taught == ("vesicle",)
    assert not info.prompts_only
    assert info.training["steps"] == 7


def test_a_checkpoint_loads(checkpoint: Path) -> None:
    assert verify_checkpoint(checkpoint) == "tiny"
    model = load_checkpoint(checkpoint)
    assert model.thresholds.tolist() == [0.25, 0.5, -0.75]
    assert model.temperature.item() == 1.5
    values = {
        name: value for name, value in model.state_dict().items() if value.is_floating_point()
    }
    assert all(
        (value == value.flatten()[0]).all()
        for name, value in values.items()
        if name != "thresholds"
    )


def test_embeddings_on_disk_are_found_under_their_name(
    files: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, model = DiskCache(files / "embeddings", 10**9), load_checkpoint(checkpoint)
    assert [folder.name for folder in (files / "embeddings").iterdir() if folder.is_dir()] == [
        EMBEDDING
    ]
    values = cache.get(EMBEDDING, 0, (6, 6))
    assert values is not None
    assert values.shape == (256 + 64 * 32, 6, 6)

    def fail(*_: object) -> None:
        raise AssertionError("embedded again")

    monkeypatch.setattr(model, "encode", fail)
    predictor = Predictor(model, "cpu", cache, fill=False)
    predictor.set_image(
        open_volume(files / "cell.tif").plane(1), VOXEL_SIZE, contrast=Contrast(20.0, 230.0)
    )
    assert np.isfinite(predictor.class_logits()).all()


def test_a_stopped_run_goes_on_where_it_was(files: Path, checkpoint: Path) -> None:
    out = files / "stopped.zarr"
    assert (out / LEDGER).read_text().splitlines()[1:] == ["0", "1"]
    predictor = Predictor(load_checkpoint(checkpoint), "cpu", None)
    steps = segment_volume(
        open_volume(files / "cell.tif"),
        predictor,
        out,
        classes=["mitochondrion", "vesicle"],
        resume=True,
    )
    assert [step.done for step in steps] == [2, 3, 4]
    assert not (out / LEDGER).exists()
    labels = open_labels(out).data
    assert labels[0, 90, 90] == 1, "painted into the stopped run: the slice was kept"
    assert labels[0, 90, 89] == labels[2, 90, 90] == 3


# Label files


@pytest.mark.parametrize("name", ["labels.zarr", "labels.tif"])
def test_labels_open_with_their_classes(name: str) -> None:
    labels = open_labels(FILES / name)
    assert (labels.shape, labels.dtype) == ((4, 96, 96), np.uint8)
    assert (labels.data[0, 9, 9], labels.data[3, 59, 89], labels.data[1, 0, 0]) == (1, 3, 0)
    assert labels.voxel_size == pytest.approx(VOXEL_SIZE)
    assert labels.origin == ORIGIN
    table = read_class_table(FILES / name)
    assert table == CLASSES
    assert table[2].overrides == ("mitochondrion",)


@pytest.mark.parametrize("name", ["labels.zarr", "labels.tif"])
def test_labels_open_as_a_layer(name: str) -> None:
    ((data, options, kind),) = read_layers(str(FILES / name))
    assert kind == "labels"
    assert data[3, 59, 89] == 3
    assert tuple(options["scale"]) == pytest.approx(VOXEL_SIZE)
    assert tuple(options["translate"]) == ORIGIN
    layer = Layer.create(data, options, kind)
    assert list(layer.features["class"]) == [
        "background",
        "mitochondrion",
        "mitochondrial_boundary",
        "vesicle",
    ]
    np.testing.assert_allclose(
        layer.get_color(3), [0x46 / 255, 0xC8 / 255, 0x64 / 255, 1], atol=1e-6
    )


def test_labels_of_32_bits_open() -> None:
    objects = open_labels(FILES / "objects.tif")
    assert objects.data[3, 59, 89] == 210_000
    assert (objects.voxel_size, objects.origin) == (VOXEL_SIZE, ORIGIN)
    assert not read_class_table(FILES / "objects.tif")


def test_labels_can_be_written_on(files: Path) -> None:
    level = create_labels(
        files / "labels.zarr", (4, 96, 96), VOXEL_SIZE, CLASSES, origin=ORIGIN, resume=True
    )
    assert level[3, 59, 89] == 3
