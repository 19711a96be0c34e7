"""The model that a run starts from: its weights, its class table, and which parts learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from napari_scsam.checkpoints.checkpoint import save_checkpoint
from napari_scsam.checkpoints.mae_file import save_mae
from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.model.mae import build_mae_encoder
from napari_scsam.samples.phantom import PHANTOM_CLASSES
from napari_scsam.train.build_model import build_model, parameter_groups
from napari_scsam.train.recipe import Recipe
from napari_scsam.train.recipe_tables import Training


def test_encoders_decoder_and_the_rest_have_their_own_rates() -> None:
    model = ScSAM(ScSAMConfig(), PHANTOM_CLASSES[:2])
    training = replace(
        Training(), unfreeze=("mae",), rate=0.5, decoder_rate=0.125, encoder_rate=0.25
    )
    named = parameter_groups(model, training)
    assert {group["name"]: group["peak"] for group in named} == {
        "rate": 0.5,
        "decoder_rate": 0.125,
        "encoder_rate": 0.25,
    }
    groups = {group["peak"]: {id(p) for p in group["params"]} for group in named}
    assert set(groups) == {0.5, 0.125, 0.25}
    assert groups[0.25] == {id(p) for p in model.mae.parameters()}
    assert groups[0.125] == {
        id(p) for p in (*model.mask_decoder.parameters(), *model.prompt_encoder.parameters())
    }
    assert {id(model.class_prompt.prototypes), id(model.fusion.out.weight)} <= groups[0.5]
    assert not any(p.requires_grad for p in model.image_encoder.parameters())
    assert sum(map(len, groups.values())) == sum(p.requires_grad for p in model.parameters())


def test_a_recipe_may_describe_a_known_class_further(recipe: Recipe, tmp_path: Path) -> None:
    before = (
        ClassSpec(1, "cell", "#112233", "A cell"),
        ClassSpec(2, "wall", "#445566", part_of="cell", overrides=("cell",)),
    )
    old = ScSAM(ScSAMConfig(nm_per_pixel=8.0, tile=128), before)
    save_checkpoint(tmp_path / "old.safetensors", old, summary="", licence="", training={})
    told = (
        ClassSpec(1, "Cell", "#abcdef", smallest=9),
        ClassSpec(2, "wall", description="Round a cell", reach=40),
    )
    model = build_model(replace(recipe, start=tmp_path / "old.safetensors", classes=told))
    assert model.classes == (
        replace(before[0], smallest=9),
        replace(before[1], description="Round a cell", reach=40),
    )
    assert not any(c.overrides for c in model.classes)
    insisting = (told[0], replace(told[1], overrides=("cell",)))
    assert build_model(
        replace(recipe, start=tmp_path / "old.safetensors", classes=insisting)
    ).classes[1].overrides == ("cell",)


def test_the_recipes_class_table_stands_when_it_renumbers(recipe: Recipe, tmp_path: Path) -> None:
    old = ScSAM(ScSAMConfig(nm_per_pixel=8.0, tile=128), PHANTOM_CLASSES[:3])
    old.thresholds += torch.arange(3)
    save_checkpoint(tmp_path / "old.safetensors", old, summary="", licence="", training={})
    asked = (ClassSpec(1, "er"), ClassSpec(2, "Vesicle", "#123456"), ClassSpec(3, "mitochondrion"))
    model = build_model(
        replace(recipe, start=tmp_path / "old.safetensors", renumber=True, classes=asked)
    )
    assert [(c.id, c.name) for c in model.classes] == [
        (1, "er"),
        (2, "vesicle"),
        (3, "mitochondrion"),
    ]
    assert model.classes[1].colour == "#123456"
    torch.testing.assert_close(
        model.class_prompt.prototypes[1:], old.class_prompt.prototypes[[2, 0]]
    )
    assert model.thresholds.tolist() == [0, 2, 0]
    none = build_model(
        replace(recipe, start=tmp_path / "old.safetensors", renumber=True, classes=asked[:1])
    )
    assert [c.name for c in none.classes] == ["er"]
    assert none(torch.rand(1, 1, 32, 32)).shape[1] == 1


def test_it_starts_from_what_strokes_taught(recipe: Recipe, tmp_path: Path) -> None:
    old = ScSAM(ScSAMConfig(nm_per_pixel=8.0, tile=128), PHANTOM_CLASSES[:3])
    save_checkpoint(tmp_path / "old.safetensors", old, summary="", licence="", training={})
    specs = (
        ClassSpec(n, name, overrides=("vesicle",))
        for n, name in ((3, "Vesicle"), (9, "er"), (10, "gone"))
    )
    anew, new, gone = (TaughtClass(spec, (spec.id / 256,) * 256) for spec in specs)
    begun = replace(
        recipe,
        start=tmp_path / "old.safetensors",
        taught=(new, anew, gone),
        classes=(*PHANTOM_CLASSES[:3], ClassSpec(9, "er")),
    )
    model = build_model(begun)
    assert [c.name for c in model.classes] == [*(c.name for c in PHANTOM_CLASSES[:3]), "er"], (
        "one that the recipe lacks is not wanted"
    )
    assert model.class_prompt.prototypes[:, 0].tolist()[2:] == [3 / 256, 9 / 256]
    torch.testing.assert_close(model.class_prompt.prototypes[:2], old.class_prompt.prototypes[:2])
    assert not any(c.overrides for c in model.classes), (
        "which class goes before which is for training to learn"
    )


def test_it_starts_from_a_pretrained_mae_and_an_official_sam(
    recipe: Recipe, tmp_path: Path
) -> None:
    mae = build_mae_encoder("hybrid")
    save_mae(tmp_path / "mae.safetensors", mae, "hybrid", {})
    sam = ScSAM(ScSAMConfig(), PHANTOM_CLASSES[:1])
    official = {
        k: v
        for k, v in sam.state_dict().items()
        if k.startswith(("image_encoder.", "prompt_encoder.", "mask_decoder."))
    }
    torch.save(official, tmp_path / "sam.pth")
    model = build_model(
        replace(recipe, mae_weights=tmp_path / "mae.safetensors", sam_weights=tmp_path / "sam.pth")
    )
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in official.items())
    assert all(torch.equal(v, model.mae.state_dict()[k]) for k, v in mae.state_dict().items())
