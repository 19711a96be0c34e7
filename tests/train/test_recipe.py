"""Training recipes: a TOML file becomes checked settings, and every mistake in it one sentence."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from napari_scsam.checkpoints.find import find_checkpoint
from napari_scsam.config import ClassSpec, TaughtClass, UserError
from napari_scsam.paths import weights_folder
from napari_scsam.train.recipe import Recipe, parse_recipe, read_recipe

FULL = """
[model]
sam = "vit_t"
mae = "hybrid"
mae_weights = "mae.safetensors"
nm_per_pixel = 5
tile = 256
fusion = "sum"
similarity = "dot"
detail = false

[checkpoint]
summary = "A small one"
licence = "CC0"

[[classes]]
id = 2
name = "er"
colour = "#aa0000"

[[classes]]
id = 1
name = "mitochondrion"

[[data]]
image = "a.tif"
labels = "sub/a_labels.tif"
objects = [[1, 2], [3]]
borders = [6]
voxel_size = [20, 8, 8]
slices = [0, 3]
calibration = [3]

[[data]]
image = "/elsewhere/b.zarr"
labels = "b.tif"
instances = true

[training]
steps = 12
rate = 1
rounds = 3
class_weight = 0.5
unfreeze = ["mae"]

[training.augmentation]
noise = 0
tone = 0.2
coarse = 2
"""


def test_every_setting_arrives(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(FULL)
    recipe = read_recipe(tmp_path / "recipe.toml")
    assert (recipe.model.nm_per_pixel, recipe.model.tile) == (5, 256)
    assert (
        recipe.model.branches,
        recipe.model.fusion,
        recipe.model.similarity,
        recipe.model.detail,
    ) == ("sam+mae", "sum", "dot", False)
    assert [(c.id, c.name) for c in recipe.classes] == [(1, "mitochondrion"), (2, "er")]
    assert recipe.mae_weights == tmp_path / "mae.safetensors"
    assert recipe.sam_weights is recipe.start is None
    assert (recipe.summary, recipe.licence) == ("A small one", "CC0")
    first, second = recipe.sources
    assert first.image == tmp_path / "a.tif"
    assert first.labels == tmp_path / "sub" / "a_labels.tif"
    assert (first.calibration, second.calibration) == ((3,), ())
    assert (first.objects, first.borders, first.slices, first.voxel_size) == (
        ((1, 2), (3,)),
        (6,),
        (0, 3),
        (20, 8, 8),
    )
    assert second.image == Path("/elsewhere/b.zarr")
    assert second.instances
    assert (recipe.training.steps, recipe.training.rate, recipe.training.unfreeze) == (
        12,
        1,
        ("mae",),
    )
    assert (recipe.training.rounds, recipe.training.class_weight) == (3, 0.5)
    augmentation = recipe.training.augmentation
    assert (augmentation.noise, augmentation.zoom, augmentation.tone, augmentation.coarse) == (
        0,
        1.5,
        0.2,
        2,
    )


def test_every_file_that_a_run_reads(tmp_path: Path) -> None:
    files = parse_recipe(tomllib.loads(FULL), tmp_path).files()
    ours = [tmp_path / name for name in ("a.tif", "sub/a_labels.tif", "b.tif", "mae.safetensors")]
    assert set(files) == {*ours, Path("/elsewhere/b.zarr")}


def test_little_is_needed() -> None:
    recipe = parse_recipe({"classes": [{"id": 1, "name": "er"}]}, Path())
    assert recipe == Recipe(recipe.model, recipe.classes, (), recipe.training)
    assert recipe.training.unfreeze == ()


def test_the_class_table_of_a_checkpoint_to_start_from_stands() -> None:
    assert parse_recipe({"model": {"start": "old.safetensors"}}, Path("/base")).start == Path(
        "/base/old.safetensors"
    )


def test_a_checkpoint_is_renumbered_when_asked() -> None:
    model = {"start": "old.safetensors", "renumber": True}
    assert (
        parse_recipe({"model": model, "classes": [{"id": 1, "name": "er"}]}, Path()).to_dict()[
            "renumber"
        ]
        is True
    )
    with pytest.raises(UserError, match="the class table is empty"):
        parse_recipe({"model": model}, Path())
    with pytest.raises(
        UserError, match=r"renumber in the recipe's .* needs a checkpoint that has classes"
    ):
        parse_recipe({"model": {"renumber": True}, "classes": [{"id": 1, "name": "er"}]}, Path())
    with pytest.raises(UserError, match=r"renumber = 'yes' is not usable; write true or false"):
        parse_recipe({"model": {"renumber": "yes"}}, Path())


@pytest.mark.parametrize(
    "text", ["no json", "7", "[7]", '[{"class": {"id": 7, "name": "granule"}, "prototype": ["a"]}]']
)
def test_what_was_taught_is_read_or_told(tmp_path: Path, text: str) -> None:
    granule = TaughtClass(ClassSpec(7, "granule"), (0.5,) * 256)
    file, data = (
        tmp_path / "taught.json",
        {"model": {"start": "old.safetensors", "taught": "taught.json"}},
    )
    file.write_text(json.dumps([granule.to_dict()]))
    recipe = parse_recipe(data, tmp_path)
    assert (recipe.taught, recipe.to_dict()["taught"]) == ((granule,), ["granule"])
    with pytest.raises(
        UserError, match=r"taught in the recipe's .* needs a checkpoint that has classes"
    ):
        parse_recipe({"model": {"taught": "taught.json"}}, tmp_path)
    file.write_text(json.dumps([{**granule.to_dict(), "prototype": [1.0]}]))
    with pytest.raises(
        UserError, match="does not hold 256 numbers for 'granule'; export the training set again"
    ):
        parse_recipe(data, tmp_path)
    file.write_text(text)
    with pytest.raises(UserError, match="cannot be read as classes learned from strokes"):
        parse_recipe(data, tmp_path)


def test_record_names_files_but_not_this_machine(tmp_path: Path) -> None:
    record = parse_recipe(tomllib.loads(FULL), tmp_path).to_dict()
    assert record["mae_weights"] == "mae.safetensors"
    assert [s["image"] for s in record["sources"]][1] == "elsewhere/b.zarr"
    assert str(tmp_path) not in str(record)
    assert record["model"]["nm_per_pixel"] == 5
    assert [c["name"] for c in record["classes"]] == ["mitochondrion", "er"]


def test_the_shipped_recipe_is_one() -> None:
    recipe = read_recipe(weights_folder() / "recipe.toml")
    names = ["mitochondrion", "mitochondrial_boundary", "vesicle", "PSD", "myelin", "membrane"]
    assert [(c.id, c.name) for c in recipe.classes] == list(enumerate(names, 1))
    assert not any("dev" in s.image.name or "sbem" in str(s.image) for s in recipe.sources)


def test_no_file_and_no_toml(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no training recipe at .*gone\.toml; give the path"):
        read_recipe(tmp_path / "gone.toml")
    (tmp_path / "bad.toml").write_text("[model\n")
    with pytest.raises(UserError, match=r"bad\.toml is not valid TOML"):
        read_recipe(tmp_path / "bad.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"bytes\.toml is not valid TOML"):
        read_recipe(tmp_path / "bytes.toml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[optimiser]",
            "unknown table [optimiser]; known are model, classes, data, training, checkpoint",
        ),
        ("model = 3", "model in the recipe is not a table; write [model] above its settings"),
        (
            "[data]\nimage = 'a'",
            "data in the recipe is not a table; write [[data]] above its settings",
        ),
        (
            "classes = ['er']",
            "classes in the recipe is not a table; write [[classes]] above its settings",
        ),
        (
            "[model]\nnm = 5",
            "[model] has an unknown setting 'nm'; known are sam, mae, nm_per_pixel, tile, branches, fusion, similarity, detail",
        ),
        (
            "[model]\nnm_per_pixel = 'five'",
            "in the recipe's [model], nm_per_pixel = 'five' is not usable; give a number",
        ),
        ("[model]\nnm_per_pixel = 0", "nm_per_pixel = 0 in the recipe's [model] is not usable"),
        (
            "[model]\nsam = 3",
            "in the recipe's [model], sam = 3 is not usable; give a text in quotes",
        ),
        (
            "[model]\ntile = 100",
            "tile = 100 in the recipe's [model] is not usable; give a multiple of 16, 128 or more",
        ),
        ("[model]\ntile = 64", "tile = 64"),
        ("[model]\nbranches = 'vit'", "branches = 'vit' is unknown; choose from sam+mae, sam, mae"),
        ("[model]\nfusion = 'concat'", "fusion = 'concat' is unknown; choose from gated, sum"),
        (
            "[model]\nsimilarity = 'l2'",
            "similarity = 'l2' is unknown; choose from cosine, unscaled, dot",
        ),
        (
            "[model]\ndetail = 1",
            "in the recipe's [model], detail = 1 is not usable; write true or false",
        ),
        (
            "[model]\nmae_weights = 1",
            "in the recipe's [model], mae_weights = 1 is not usable; give a path in quotes",
        ),
        (
            "[checkpoint]\nname = 'x'",
            "[checkpoint] has an unknown setting 'name'; known are summary, licence",
        ),
        (
            "[[data]]\nimage = 'a'",
            "in the recipe's [[data]], labels is missing; add it",
        ),
        (
            "[[data]]\nimage = 1\nlabels = 'b'",
            "in the recipe's [[data]], image = 1 is not usable; give a path in quotes",
        ),
        (
            "[[data]]\nimage = 'a'\nlabels = 'b'\nmask = 'c'",
            "[[data]] has an unknown setting 'mask'; known are image, labels",
        ),
        (
            "[[data]]\nimage = 'a'\nlabels = 'b'\nobjects = [1, 2]",
            "in the recipe's [[data]], objects[0] = 1 is not usable; give a list",
        ),
        (
            "[[data]]\nimage = 'a'\nlabels = 'b'\nobjects = [['x']]",
            "in the recipe's [[data]], objects[0][0] = 'x' is not usable; give a whole number",
        ),
        (
            "[[data]]\nimage = 'a'\nlabels = 'b'\nslices = 3",
            "in the recipe's [[data]], slices = 3 is not usable; give a list",
        ),
        (
            "[[data]]\nimage = 'a'\nlabels = 'b'\nvoxel_size = [5, 0, 5]",
            "voxel size (5.0, 0.0, 5.0) is not usable",
        ),
        (
            "[[data]]\nimage = 'a'\nlabels = 'b'\nvoxel_size = ['x']",
            "voxel size ['x'] is not a list of numbers",
        ),
        (
            "[[data]]\nimage = 'a'\nlabels = 'b'\ninstances = 1",
            "in the recipe's [[data]], instances = 1 is not usable; write true or false",
        ),
        (
            "[training]\nsteps = 1.5",
            "in the recipe's [training], steps = 1.5 is not usable; give a whole number",
        ),
        (
            "[training]\nsteps = true",
            "in the recipe's [training], steps = True is not usable; give a whole number",
        ),
        (
            "[training]\nsteps = 0",
            "in the recipe's [training], steps = 0 is not usable; give 1 or more",
        ),
        (
            "[training]\nbatch = -2",
            "in the recipe's [training], batch = -2 is not usable; give 1 or more",
        ),
        (
            "[training]\nrounds = 0",
            "in the recipe's [training], rounds = 0 is not usable; give 1 or more",
        ),
        (
            "[training]\nclass_weight = 'none'",
            "in the recipe's [training], class_weight = 'none' is not usable; give a number",
        ),
        (
            "[training]\nclass_weight = 0\nprompts = 0",
            "class_weight = 0 and prompts = 0 in the recipe's [training] train nothing",
        ),
        (
            "[[data]]\nimage = 'a'\nlabels = 'b'\ncalibration = 3",
            "in the recipe's [[data]], calibration = 3 is not usable; give a list",
        ),
        (
            "[training.augmentation]\ntone = 'high'",
            "in the recipe's [training.augmentation], tone = 'high' is not usable; give a number",
        ),
        (
            "[training]\ncrop = 100",
            "in the recipe's [training], crop = 100 is not usable; give a multiple of 16",
        ),
        (
            "[training]\nunfreeze = ['decoder']",
            "in the recipe's [training], unfreeze[0] = 'decoder' is not usable; give 'sam' or 'mae'",
        ),
        (
            "[training]\nunfreeze = 'sam'",
            "in the recipe's [training], unfreeze = 'sam' is not usable; give a list",
        ),
        (
            "[training]\naugmentation = 2",
            "augmentation in the recipe is not a table; write [training.augmentation]",
        ),
        (
            "[training]\nkeep = 1.5",
            "in the recipe's [training], keep = 1.5 is not usable; give less than 1",
        ),
        ("[training]\nkeep = 0.5", "name a checkpoint by start in [model]"),
        (
            '[[data]]\nimage = "a.tif"\nlabels = "b.tif"\nbodies = true',
            "give its id in borders and in classes, as [6]",
        ),
        ("[training]\nhold = 0.5", "hold in the recipe's [training] needs answers to hold to"),
        (
            "[training.augmentation]\nshear = 2",
            "[training.augmentation] has an unknown setting 'shear'",
        ),
    ],
)
def test_a_mistake_is_told_in_one_sentence(text: str, says: str) -> None:
    classes = "" if "classes" in text else "\n[[classes]]\nid = 1\nname = 'er'\n"
    with pytest.raises(UserError) as error:
        parse_recipe(tomllib.loads(text + classes), Path())
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        ([], "the class table is empty"),
        ([{"name": "er"}], "a whole number as id"),
        ([{"id": 1, "name": "a"}, {"id": 1, "name": "b"}], "share the id"),
    ],
)
def test_a_mistake_in_the_class_table(classes: list[dict[str, object]], says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_recipe({"classes": classes}, Path())


@pytest.mark.parametrize("value", ['"no"', "1"])
def test_half_precision_is_yes_or_no(value: str) -> None:
    text = f"[checkpoint]\nhalf = {value}\n[[classes]]\nid = 1\nname = 'er'\n"
    with pytest.raises(UserError, match="write true or false"):
        parse_recipe(tomllib.loads(text), Path())
    right = text.replace(f"half = {value}", "half = true")
    assert parse_recipe(tomllib.loads(right), Path()).half


def test_a_network_for_clicks_alone_is_not_taught_classes() -> None:
    wanted = {"classes": [{"id": 1, "name": "er"}], "model": {"prompts_only": True}}
    with pytest.raises(UserError, match="needs class_weight = 0"):
        parse_recipe(wanted, Path())
    assert parse_recipe({**wanted, "training": {"class_weight": 0}}, Path()).model.prompts_only


def test_the_checkpoint_to_start_from_may_be_a_name(tmp_path: Path) -> None:
    def start(value: str) -> Path | None:
        return parse_recipe(
            {"model": {"start": value}, "data": [{"image": "i.tif", "labels": "l.tif"}]}, tmp_path
        ).start

    assert start("default") == start("scsam_tiny") == find_checkpoint()
    with pytest.raises(
        UserError, match="no checkpoint 'gone'; give a path, or one of: default, scsam_tiny"
    ):
        start("gone")
    assert start("gone.safetensors") == tmp_path / "gone.safetensors"
    assert start("../gone") == tmp_path / "../gone"
    (tmp_path / "default").touch()
    assert start("default") == tmp_path / "default"
