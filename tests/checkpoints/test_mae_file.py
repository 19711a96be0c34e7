"""Pre-trained MAE encoders in files."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file as save_torch_file

from napari_scsam.checkpoints.mae_file import load_mae, save_mae
from napari_scsam.config import UserError
from napari_scsam.model.mae import HybridMAE, build_mae_encoder

TINY_VIT = "vit_tiny_patch16_224"


def test_a_pre_trained_encoder_comes_back(tmp_path: Path) -> None:
    encoder, again = HybridMAE(width=32, depth=1), HybridMAE(width=32, depth=1)
    save_mae(tmp_path / "mae.safetensors", encoder, "hybrid", {"steps": 1})
    load_mae(tmp_path / "mae.safetensors", again)
    assert all(
        torch.equal(a, b)
        for a, b in zip(encoder.state_dict().values(), again.state_dict().values(), strict=True)
    )


def test_another_encoder_is_refused(tmp_path: Path, checkpoint: Path) -> None:
    save_mae(tmp_path / "small.safetensors", HybridMAE(width=32, depth=1), "hybrid", {})
    (tmp_path / "text.safetensors").write_text("hello")
    for path in (
        tmp_path / "small.safetensors",
        tmp_path / "text.safetensors",
        tmp_path / "missing.safetensors",
        checkpoint,
    ):
        with pytest.raises(
            UserError,
            match=rf"{path.name} is not a pre-trained encoder of this form; make one with 'scsam pretrain'",
        ):
            load_mae(path, HybridMAE())


@pytest.fixture(scope="module")
def published_vit() -> torch.nn.Module:
    """A ViT for colour images with random weights, as MAE's authors and timm publish them."""
    torch.manual_seed(0)
    return timm.create_model(TINY_VIT, num_classes=0).eval()


@torch.inference_mode()
@pytest.mark.parametrize("form", ["mae.pth", "model.safetensors"])
def test_a_published_vit_sees_grey_as_it_saw_colour(
    tmp_path: Path, published_vit: torch.nn.Module, form: str
) -> None:
    weights = published_vit.state_dict()
    if form == "mae.pth":
        torch.save(
            {
                "model": weights
                | {
                    "mask_token": torch.zeros(1, 1, 512),
                    "decoder_embed.weight": torch.zeros(512, 192),
                }
            },
            tmp_path / form,
        )
    else:
        save_torch_file(weights, tmp_path / form)
    encoder = build_mae_encoder(TINY_VIT).eval()
    stem = encoder.stem2[0][0].weight.clone()
    load_mae(tmp_path / form, encoder)
    grey = torch.randn(1, 1, 224, 224)
    torch.testing.assert_close(
        encoder.vit(grey), published_vit(grey.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4
    )
    assert torch.equal(encoder.stem2[0][0].weight, stem)


def test_a_published_vit_of_another_grid_is_resized(tmp_path: Path) -> None:
    torch.save(
        timm.create_model(
            "vit_tiny_patch16_224", img_size=96, patch_size=8, num_classes=0
        ).state_dict(),
        tmp_path / "vit.pth",
    )
    encoder = build_mae_encoder(TINY_VIT)
    load_mae(tmp_path / "vit.pth", encoder)
    assert encoder.vit.patch_embed.proj.weight.shape == (192, 1, 16, 16)
    assert encoder.vit.pos_embed.shape == (1, 1 + 14 * 14, 192)


def test_a_vit_of_another_width_is_refused(tmp_path: Path, published_vit: torch.nn.Module) -> None:
    torch.save(published_vit.state_dict(), tmp_path / "vit.pth")
    for encoder in (build_mae_encoder("vit_small_patch16_224"), build_mae_encoder("hybrid")):
        with pytest.raises(
            UserError,
            match=r"vit\.pth is not a pre-trained encoder of this form; .* or name the timm ViT",
        ):
            load_mae(tmp_path / "vit.pth", encoder)


def test_a_missing_vit_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no file at .*vit\.pth; give the path of a pre-trained encoder \(\.pth\)"
    ):
        load_mae(tmp_path / "vit.pth", build_mae_encoder(TINY_VIT))


def test_a_pre_trained_vit_comes_back_with_its_stem(tmp_path: Path) -> None:
    encoder, again = build_mae_encoder(TINY_VIT), build_mae_encoder(TINY_VIT)
    save_mae(tmp_path / "mae.safetensors", encoder, TINY_VIT, {})
    load_mae(tmp_path / "mae.safetensors", again)
    assert all(
        torch.equal(a, b)
        for a, b in zip(encoder.state_dict().values(), again.state_dict().values(), strict=True)
    )
