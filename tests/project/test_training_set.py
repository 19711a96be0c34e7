from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_scsam import cli
from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info, find_checkpoint, listed_name
from napari_scsam.config import ClassSpec, TaughtClass, UserError
from napari_scsam.io.labels import read_class_table
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.project import CLASSES, create_project
from napari_scsam.project.training_set import export_training_set
from napari_scsam.train.build_model import build_model
from napari_scsam.train.dataset import LabelledCrops
from napari_scsam.train.finetune.known_labels import UNKNOWN
from napari_scsam.train.recipe import read_recipe
from napari_scsam.train.training import train

SIZE, ORIGIN = (40.0, 8.0, 8.0), (400.0, 80.0, 16.0)
IMAGE = np.random.default_rng(0).integers(0, 200, (6, 150, 180)).astype(np.uint8)
TABLE = (
    ClassSpec(1, "mitochondrion", "#ff0000"),
    ClassSpec(2, "membrane", "#00ff00"),
    ClassSpec(5, "vesicle", "#0000ff"),
)


@pytest.fixture
def project(tmp_path: Path):
    list(copy_image(tmp_path / "cell.zarr", IMAGE, SIZE, ORIGIN))
    path = tmp_path / "mine.scsam.zarr"
    made = create_project(path, ImageReference.of(open_volume(tmp_path / "cell.zarr"), path), TABLE)
    made.update(contrast={"low": 3.0, "high": 190.0})
    labels = made.array(CLASSES)
    labels[2, 20:60, 30:90] = 1
    made.predicted[2, 20:60, 30:80] = 1
    labels[4, 70:90, 10:50] = 5
    labels[1] = 2  # the model's; nobody has looked at it
    made.reviewed[2] = 1
    made.reviewed[4, 60:100, :] = 1
    made.log("segmented", checkpoint={"name": "tiny", "sha256": "abc"}, slice=2)
    yield made
    made.close()


@pytest.mark.parametrize("layout", ["ome-zarr", "tiff"])
def test_it_is_read_back_by_training_with_what_is_not_reviewed_unknown(
    project, tmp_path, layout, checkpoint
):
    out = tmp_path / "sets" / "set one"
    list(export_training_set(project, out, layout, checkpoint=checkpoint))
    recipe = read_recipe(out)
    assert recipe.start is not None
    assert recipe.start.resolve() == checkpoint.resolve()
    labels = open_labels(recipe.sources[0].labels)
    assert (labels.voxel_size, labels.origin) == (SIZE, ORIGIN)
    assert read_class_table(recipe.sources[0].labels) == TABLE
    from dataclasses import replace

    info = checkpoint_info(checkpoint)
    crops = LabelledCrops(replace(recipe, classes=info.classes))
    volume = crops.volumes[0]
    assert volume.classes.shape == (2, 150, 180)
    assert (volume.classes[0] == UNKNOWN).sum() == 0
    assert (volume.classes[0, 20:60, 30:90] == 1).all()
    assert (volume.classes[1, :60] == UNKNOWN).all()
    assert (volume.classes[1, 70:90, 10:50] == 3).all()
    assert not (volume.classes == 2).any(), "slice 1 was never reviewed"
    for place in (volume.anywhere[i] for i in range(0, len(volume.anywhere), 97)):
        assert volume.classes[tuple(place)] != UNKNOWN


def test_scsam_train_takes_it_as_it_is(project, tmp_path, checkpoint):
    out = tmp_path / "set"
    list(export_training_set(project, out, checkpoint=checkpoint))
    from dataclasses import replace

    recipe = read_recipe(out)
    recipe = replace(
        recipe, training=replace(recipe.training, steps=1, batch=1, crop=64, prompts=1, rounds=1)
    )
    steps = list(train(recipe, tmp_path / "new.safetensors", "cpu"))
    assert np.isfinite(steps[-1].losses["loss"])
    assert (
        checkpoint_info(tmp_path / "new.safetensors").classes == checkpoint_info(checkpoint).classes
    )


def test_training_goes_on_from_the_checkpoint_with_a_new_class(project, tmp_path, checkpoint):
    project.show_classes(CLASSES, (*TABLE, ClassSpec(7, "granule", "#00ffff")))
    project.array(CLASSES)[2, 100:120, 100:140] = 7
    out = tmp_path / "set"
    list(export_training_set(project, out, checkpoint=checkpoint))
    recipe = out / "recipe.toml"
    small = (
        "steps = 1\nbatch = 1\ncrop = 64\nprompts = 1\nrounds = 1\nrate = 1e-9\ndecoder_rate = 1e-9"
    )
    recipe.write_text(recipe.read_text().replace("steps = 300", small))
    assert (
        cli.main(["train", str(out), "-o", str(tmp_path / "new.safetensors"), "--device", "cpu"])
        == 0
    )
    made, old = load_checkpoint(tmp_path / "new.safetensors"), load_checkpoint(checkpoint)
    assert [(c.id, c.name, c.colour) for c in made.classes][-1] == (7, "granule", "#00ffff")
    assert [c.id for c in made.classes] == [1, 2, 5, 7]
    for name in ("mask_decoder.iou_token.weight", "fusion.out.weight"):
        np.testing.assert_allclose(made.state_dict()[name], old.state_dict()[name], atol=1e-6)


def test_training_goes_on_from_a_checkpoint_that_numbers_classes_otherwise(
    project, tmp_path, checkpoint
):
    project.show_classes(
        CLASSES,
        (
            ClassSpec(1, "granule", "#00ffff"),
            ClassSpec(2, "membrane"),
            ClassSpec(5, "mitochondrion"),
        ),
    )
    out = tmp_path / "set"
    list(export_training_set(project, out, checkpoint=checkpoint, renumber=True))
    recipe = out / "recipe.toml"
    assert "renumber = true  # it numbers classes otherwise" in recipe.read_text()
    small = (
        "steps = 1\nbatch = 1\ncrop = 64\nprompts = 1\nrounds = 1\nrate = 1e-9\ndecoder_rate = 1e-9"
    )
    recipe.write_text(recipe.read_text().replace("steps = 300", small))
    assert (
        cli.main(["train", str(out), "-o", str(tmp_path / "new.safetensors"), "--device", "cpu"])
        == 0
    )
    made, old = load_checkpoint(tmp_path / "new.safetensors"), load_checkpoint(checkpoint)
    assert [(c.id, c.name) for c in made.classes] == [
        (1, "granule"),
        (2, "membrane"),
        (5, "mitochondrion"),
    ]
    known = old.class_prompt.prototypes.detach()[[1, 0]]
    np.testing.assert_allclose(made.class_prompt.prototypes.detach()[1:], known, atol=1e-6)


def test_what_strokes_taught_goes_along(project, tmp_path, checkpoint):
    granule = TaughtClass(
        ClassSpec(7, "granule", "#00ffff"), tuple(np.linspace(-0.1, 0.1, 256).tolist())
    )
    project.show_classes(CLASSES, (*TABLE, granule.spec))
    list(export_training_set(project, tmp_path / "set", checkpoint=checkpoint, taught=(granule,)))
    recipe = read_recipe(tmp_path / "set")
    assert recipe.taught == (granule,)
    np.testing.assert_allclose(
        build_model(recipe).class_prompt.prototypes.detach()[-1], granule.prototype, atol=1e-6
    )
    list(export_training_set(project, tmp_path / "plain", checkpoint=checkpoint))
    assert not (tmp_path / "plain" / "taught.json").exists()
    assert read_recipe(tmp_path / "plain").taught == ()


def test_a_checkpoint_that_has_a_name_is_named(project, tmp_path, checkpoint):
    list(export_training_set(project, tmp_path / "set", checkpoint="scsam_tiny"))
    assert 'start = "scsam_tiny"' in (tmp_path / "set" / "recipe.toml").read_text()
    assert read_recipe(tmp_path / "set").start == find_checkpoint()
    assert listed_name(find_checkpoint()) == "scsam_tiny"
    assert listed_name(checkpoint) is None


def test_the_project_itself_can_be_trained_on(project, tmp_path, checkpoint):
    project.flush()
    (tmp_path / "r.toml").write_text(
        f'[model]\nstart = "{checkpoint}"\n[[data]]\nimage = "cell.zarr"\nlabels = "mine.scsam.zarr"\n'
    )
    recipe = read_recipe(tmp_path / "r.toml")
    from dataclasses import replace

    assert (
        LabelledCrops(replace(recipe, classes=TABLE)).volumes[0].classes == UNKNOWN
    ).sum() == 110 * 180


def test_where_it_comes_from_is_written_beside_it(project, tmp_path):
    list(export_training_set(project, tmp_path / "set"))
    found = json.loads((tmp_path / "set" / "provenance.json").read_text())
    assert found["checkpoints"] == [{"name": "tiny", "sha256": "abc"}]
    assert found["contrast"] == {"low": 3.0, "high": 190.0}
    assert found["reviewed_pixels"] == 150 * 180 + 40 * 180
    expected = {
        "predicted": 40 * 50,
        "corrected": 40 * 60,
        "kept": 40 * 50,
        "added": 40 * 10,
        "removed": 0,
    }
    assert found["slices"]["2"] == {"reviewed": 150 * 180, "classes": {"mitochondrion": expected}}
    assert found["slices"]["4"]["classes"]["vesicle"]["added"] == 20 * 40
    assert set(found["slices"]) == {"2", "4"}
    assert found["image"]["fingerprint"] == project.record.image.fingerprint
    assert found["image"]["voxel_size"] == list(SIZE)
    assert found["history"][-1]["what"] == "segmented"
    assert found["software"]["numpy"] == np.__version__


def test_nnunet_finds_consecutive_classes_and_an_ignore_label(project, tmp_path):
    out = tmp_path / "Dataset007_cell"
    list(export_training_set(project, out, "nnunet"))
    table = json.loads((out / "dataset.json").read_text())
    assert table["labels"] == {
        "background": 0,
        "mitochondrion": 1,
        "membrane": 2,
        "vesicle": 3,
        "ignore": 4,
    }
    image, labels = (
        tifffile.imread(out / "imagesTr" / "cell_0000.tif"),
        tifffile.imread(out / "labelsTr" / "cell.tif"),
    )
    np.testing.assert_array_equal(image, IMAGE[2:5])
    assert (labels[1] == 4).all(), "slice 3 was not reviewed"
    assert (labels[2, 70:90, 10:50] == 3).all()
    assert (labels[0] == 4).sum() == 0
    assert json.loads((out / "labelsTr" / "cell.json").read_text()) == {"spacing": list(SIZE)}


def test_a_training_set_does_not_lie_inside_of_a_project(project):
    with pytest.raises(UserError, match="lies inside the zarr"):
        list(export_training_set(project, project.path / "labels" / "set"))


def test_nothing_is_overwritten_unless_asked(project, tmp_path):
    out = tmp_path / "set"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="already exists"):
        list(export_training_set(project, out))
    with pytest.raises(UserError, match="is not a training set of napari-scsam"):
        list(export_training_set(project, out, replace=True))
    assert (out / "mine.txt").read_text() == "mine"
    (out / "mine.txt").unlink()
    list(export_training_set(project, out, replace=True))
    assert (out / "recipe.toml").exists()
    list(export_training_set(project, out, "tiff", replace=True))
    assert (out / "labels.tif").exists()
    assert not (out / "labels.zarr").exists()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_run_that_is_stopped_leaves_nothing(project, tmp_path):
    before = sorted(tmp_path.iterdir())
    steps = export_training_set(project, tmp_path / "set")
    for _ in range(5):
        next(steps)
    steps.close()
    assert sorted(tmp_path.iterdir()) == before


def test_with_nothing_reviewed_it_says_what_to_do(project, tmp_path):
    project.reviewed[...] = 0
    with pytest.raises(UserError, match="nothing is reviewed"):
        list(export_training_set(project, tmp_path / "set"))


def test_without_a_checkpoint_the_recipe_has_the_classes(project, tmp_path):
    list(export_training_set(project, tmp_path / "set"))
    recipe = read_recipe(tmp_path / "set" / "recipe.toml")
    assert [(c.id, c.name, c.colour) for c in recipe.classes] == [
        (c.id, c.name, c.colour) for c in TABLE
    ]


def test_a_network_without_classes_gives_its_sam_to_training(project, tmp_path, checkpoint):
    list(export_training_set(project, tmp_path / "set", checkpoint=checkpoint, sam="vit_t"))
    recipe = read_recipe(tmp_path / "set")
    assert recipe.start is None
    assert recipe.sam_weights.resolve() == checkpoint.resolve()
    assert recipe.mae_weights.is_file()
    assert (recipe.model.sam, recipe.model.tile, recipe.training.crop) == ("vit_t", 512, 512)
    assert [c.name for c in recipe.classes] == [c.name for c in TABLE]


@pytest.mark.parametrize("layout", ["ome-zarr", "tiff"])
def test_a_full_disk_is_a_sentence(project, tmp_path, layout, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("napari_scsam.project.training_set.write_json", full)
        with pytest.raises(UserError, match="No space left on device"):
            list(export_training_set(project, tmp_path / "set", layout))
    assert not (tmp_path / "set").exists()
