"""The same training code with every SAM size, EM-tuned SAMs and timm's ViTs: the example recipes, run small with random weights.

The encoders keep the width, heads, names and file format of the real ones;
two blocks stand for their 12, 24 or 32. At their full depth they are built
on torch's meta device, where nothing is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tifffile
import timm
import torch
from safetensors.torch import load_file
from segment_anything import sam_model_registry
from segment_anything.build_sam import _build_sam

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.checkpoints.registry import list_downloads
from napari_scsam.config import UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import open_volume
from napari_scsam.model import ScSAM, image_encoder
from napari_scsam.paths import weights_folder
from napari_scsam.samples.phantom import PHANTOM_CLASSES, make_phantom
from napari_scsam.train.build_model import build_model, parameter_groups
from napari_scsam.train.pretrain import PretrainConfig, pretrain
from napari_scsam.train.recipe import Recipe, read_recipe
from napari_scsam.train.recipe_tables import LabelledSource
from napari_scsam.train.training import train

RECIPES = {
    name: weights_folder() / "recipes" / f"{name}.toml"
    for name in ("vit_b", "vit_l_em", "vit_h", "timm_mae")
}
WIDTHS = {"vit_b": (768, 12), "vit_l": (1024, 16), "vit_h": (1280, 16)}
"""Width and heads of each ViT."""
FIRST_GLOBAL = {"vit_b": 2, "vit_l": 5, "vit_h": 7}
"""Block that first attends over the whole image."""
SMALL_MAE = "vit_tiny_patch16_224"


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two blocks, the first windowed and the first global one, in every ViT of SAM."""
    builders = {
        name: image_encoder.SamEncoder(
            partial(first_blocks, image_encoder.SAM_ENCODERS[name].build, at)
        )
        for name, at in FIRST_GLOBAL.items()
    }
    monkeypatch.setattr(image_encoder, "SAM_ENCODERS", {**image_encoder.SAM_ENCODERS, **builders})


def first_blocks(build: Callable[[], torch.nn.Module], global_block: int) -> torch.nn.Module:
    """Build an encoder without the memory of the blocks that are left out; random weights."""
    with torch.device("meta"):
        encoder = build()
    encoder.blocks = torch.nn.ModuleList(encoder.blocks[i] for i in (0, global_block))
    encoder.to_empty(device="cpu")
    for weights in encoder.parameters():
        torch.nn.init.normal_(weights, std=0.02)
    return encoder


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> LabelledSource:
    """A labelled synthetic cell; with three slices it holds both classes."""
    folder = tmp_path_factory.mktemp("cell")
    phantom = make_phantom((3, 96, 96), (20.0, 8.0, 8.0))
    tifffile.imwrite(folder / "image.tif", phantom.image, imagej=True, metadata={"axes": "ZYX"})
    write_labels(folder / "labels.tif", phantom.labels, phantom.voxel_size, phantom.classes)
    return LabelledSource(
        folder / "image.tif",
        folder / "labels.tif",
        objects=((1, 2),),
        voxel_size=phantom.voxel_size,
    )


def small(name: str, cell: LabelledSource, **weights: Any) -> Recipe:
    """The example recipe on the synthetic cell, two steps of small crops."""
    recipe = read_recipe(RECIPES[name])
    training = replace(recipe.training, steps=2, batch=1, crop=64, pool=2, prompts=1)
    model = replace(
        recipe.model,
        tile=128,
        nm_per_pixel=8.0,
        mae="hybrid" if recipe.model.mae == "hybrid" else SMALL_MAE,
    )
    return replace(
        recipe,
        model=model,
        sources=(cell,),
        classes=PHANTOM_CLASSES[:2],
        training=training,
        **weights,
    )


def official(
    name: str,
    path: Path,
    wrap: Callable[[dict[str, torch.Tensor]], object] = lambda weights: weights,
) -> Path:
    """Write a shallow SAM of that width with random weights, in the official format."""
    width, heads = WIDTHS[name]
    torch.manual_seed(1)
    sam = _build_sam(
        encoder_embed_dim=width,
        encoder_depth=2,
        encoder_num_heads=heads,
        encoder_global_attn_indexes=(1,),
    )
    torch.save(wrap(sam.state_dict()), path)
    return path


@pytest.mark.parametrize(
    "path", sorted((weights_folder() / "recipes").glob("*.toml")), ids=lambda p: p.stem
)
def test_every_example_can_be_read(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.sources
    assert recipe.classes or recipe.start, "a checkpoint to start from brings its own"
    assert recipe.summary != Recipe.summary
    assert recipe.licence != Recipe.licence


@pytest.mark.parametrize("name", RECIPES)
def test_an_example_names_weights_that_fit(name: str) -> None:
    recipe = read_recipe(RECIPES[name])
    assert recipe.sam_weights.parent == RECIPES[name].parent
    files = {d.file.name: d for d in list_downloads()}
    assert files[recipe.sam_weights.name].encoder == recipe.model.sam
    assert recipe.licence.split()[0] in (files[recipe.sam_weights.name].licence, "CC-BY-NC-4.0")
    assert recipe.training.crop == recipe.model.tile, (
        "frozen positions must be resized to the grid that the model is run at"
    )
    if recipe.model.mae == "hybrid":
        assert (
            recipe.mae_weights.resolve() == (weights_folder() / "mae_hybrid.safetensors").resolve()
        )


def test_published_mae_weights_are_not_among_the_downloads() -> None:
    """They are not free for every use, so a user brings them, and the card says so."""
    recipe = read_recipe(RECIPES["timm_mae"])
    assert timm.models.get_pretrained_cfg(recipe.model.mae).license == "cc-by-nc-4.0"
    assert recipe.mae_weights.name not in {d.file.name for d in list_downloads()}
    assert recipe.licence.startswith("CC-BY-NC-4.0")


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("vit_b", lambda weights: weights),
        ("vit_h", lambda weights: weights),
        (
            "vit_l_em",
            lambda weights: {
                "model_state": {f"sam.{k}": v for k, v in weights.items()},
                "decoder_state": {"w": torch.ones(1)},
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.usefixtures("shallow")
def test_an_example_trains_from_an_official_file(
    name: str,
    wrap: Callable[[dict[str, torch.Tensor]], object],
    cell: LabelledSource,
    tmp_path: Path,
) -> None:
    recipe = read_recipe(RECIPES[name])
    recipe = small(name, cell, sam_weights=official(recipe.model.sam, tmp_path / "sam.pth", wrap))
    before = build_model(recipe).state_dict()
    steps = list(train(recipe, tmp_path / "out.safetensors", device="cpu"))
    assert [s.step for s in steps] == [1, 2]
    after = load_file(tmp_path / "out.safetensors")
    for prefix in ("image_encoder.", "mae."):
        assert all(torch.equal(v, before[k]) for k, v in after.items() if k.startswith(prefix)), (
            "frozen"
        )
    for prefix in ("mask_decoder.", "fusion.", "class_prompt."):
        assert any(
            not torch.equal(v, before[k]) for k, v in after.items() if k.startswith(prefix)
        ), prefix
    assert load_checkpoint(tmp_path / "out.safetensors")(torch.rand(1, 1, 64, 96)).shape == (
        1,
        2,
        64,
        96,
    )


@pytest.mark.usefixtures("shallow")
def test_a_sam_of_another_size_is_refused(cell: LabelledSource, tmp_path: Path) -> None:
    recipe = small("vit_h", cell, sam_weights=official("vit_l", tmp_path / "sam_vit_l.pth"))
    with pytest.raises(
        UserError, match=r"sam_vit_l\.pth.*choose the encoder size that the file was made for"
    ):
        next(train(recipe, tmp_path / "out.safetensors"))


@pytest.mark.usefixtures("shallow")
def test_a_vit_of_timm_is_pre_trained_and_trains_on(cell: LabelledSource, tmp_path: Path) -> None:
    config = PretrainConfig(encoder=SMALL_MAE, steps=2, batch=1, crop=64)
    assert (
        len(
            list(
                pretrain(
                    [open_volume(cell.image)], tmp_path / "mae.safetensors", config, device="cpu"
                )
            )
        )
        == 2
    )
    sam = official("vit_b", tmp_path / "sam.pth")
    recipe = small("timm_mae", cell, sam_weights=sam, mae_weights=tmp_path / "mae.safetensors")
    before = build_model(recipe).state_dict()
    assert all(
        torch.equal(v, before[f"mae.{k}"])
        for k, v in load_file(tmp_path / "mae.safetensors").items()
    )
    list(train(recipe, tmp_path / "out.safetensors", device="cpu"))
    after = load_file(tmp_path / "out.safetensors")
    assert not torch.equal(after["mae.stem2.0.0.weight"], before["mae.stem2.0.0.weight"])
    assert not torch.equal(
        after["mae.vit.blocks.0.attn.qkv.weight"], before["mae.vit.blocks.0.attn.qkv.weight"]
    )
    assert torch.equal(after["image_encoder.pos_embed"], before["image_encoder.pos_embed"])


@pytest.mark.usefixtures("shallow")
def test_a_published_mae_that_the_user_brings_trains_on(
    cell: LabelledSource, tmp_path: Path
) -> None:
    published = timm.create_model(SMALL_MAE, num_classes=0).state_dict()
    torch.save({"model": published}, tmp_path / "mae_pretrain.pth")
    sam = official("vit_b", tmp_path / "sam.pth")
    recipe = small("timm_mae", cell, sam_weights=sam, mae_weights=tmp_path / "mae_pretrain.pth")
    assert torch.equal(
        build_model(recipe).mae.vit.blocks[3].mlp.fc1.weight, published["blocks.3.mlp.fc1.weight"]
    )
    assert len(list(train(recipe, tmp_path / "out.safetensors", device="cpu"))) == 2


@pytest.mark.parametrize("name", RECIPES)
def test_at_full_depth_everything_fits_together(name: str) -> None:
    recipe = read_recipe(RECIPES[name])
    with torch.device("meta"):
        model = ScSAM(recipe.model, recipe.classes)
        sam = sam_model_registry[recipe.model.sam]()
    shapes = {k: v.shape for k, v in model.state_dict().items()}
    assert {k: shapes.get(k) for k in sam.state_dict()} == {
        k: v.shape for k, v in sam.state_dict().items()
    }
    groups = {
        g["name"]: sum(p.numel() for p in g["params"])
        for g in parameter_groups(model, recipe.training)
    }
    assert not any(p.requires_grad for p in model.image_encoder.parameters())
    learnt_mae = (
        sum(p.numel() for p in model.mae.parameters()) if "mae" in recipe.training.unfreeze else 0
    )
    assert groups["encoder_rate"] == learnt_mae
    assert groups["decoder_rate"] == sum(
        p.numel() for m in (model.mask_decoder, model.prompt_encoder) for p in m.parameters()
    )
    assert groups["rate"] + groups["decoder_rate"] < 10e6, (
        "beside frozen encoders, training stays light"
    )


@pytest.mark.slow
def test_vit_b_at_its_full_depth_trains(
    cell: LabelledSource, official_file: Path, tmp_path: Path
) -> None:
    recipe = small("vit_b", cell, sam_weights=official_file)
    step = next(train(recipe, tmp_path / "out.safetensors", device="cpu"))
    assert step.losses["loss"] > 0
    assert torch.tensor(step.losses["loss"]).isfinite()
