from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from segment_anything import sam_model_registry
from segment_anything.modeling import ImageEncoderViT
from torch.nn import functional as F

from napari_scsam.config import UserError
from napari_scsam.model import build_sam_encoder
from napari_scsam.model.image_encoder import SamViT, load_encoder

SMALL = {
    "embed_dim": 32,
    "depth": 2,
    "num_heads": 2,
    "out_chans": 16,
    "window_size": 3,
    "use_rel_pos": True,
    "global_attn_indexes": (1,),
    "norm_layer": partial(torch.nn.LayerNorm, eps=1e-6),
}


def resized_positions(encoder: ImageEncoderViT, side: int) -> torch.nn.Parameter:
    """Return the encoder's positions for a grid of side x side patches."""
    positions = encoder.pos_embed.permute(0, 3, 1, 2)
    grid = F.interpolate(positions, (side, side), mode="bicubic", antialias=True)
    return torch.nn.Parameter(grid.permute(0, 2, 3, 1))


ENCODER_PARAMETERS = {"vit_b": 89_670_912, "vit_l": 308_278_272, "vit_h": 637_026_048}


@pytest.fixture
def twins() -> tuple[ImageEncoderViT, SamViT]:
    """The original and ours, small, for 128 px, with the same random weights."""
    torch.manual_seed(0)
    original, ours = (
        ImageEncoderViT(img_size=128, **SMALL).eval(),
        SamViT(32, 2, 2, (1,), grid=8, window=3, out=16).eval(),
    )
    for weights in original.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    ours.load_state_dict(original.state_dict())
    return original, ours


@torch.inference_mode()
def test_at_its_own_size_it_is_the_original(twins: tuple[ImageEncoderViT, SamViT]) -> None:
    original, ours = twins
    image = torch.randn(2, 3, 128, 128)
    assert set(ours.state_dict()) == set(original.state_dict())
    assert torch.allclose(ours(image), original(image), rtol=0, atol=1e-4)


def test_it_learns_as_the_original_does(twins: tuple[ImageEncoderViT, SamViT]) -> None:
    image = torch.randn(2, 3, 128, 128)
    for encoder in twins:
        encoder(image).square().mean().backward()
    ours = dict(twins[1].named_parameters())
    for name, theirs in twins[0].named_parameters():
        assert torch.allclose(ours[name].grad, theirs.grad, rtol=1e-3, atol=1e-5), name


@torch.inference_mode()
def test_in_bfloat16_it_is_within_two_percent(twins: tuple[ImageEncoderViT, SamViT]) -> None:
    image = torch.randn(1, 3, 128, 128)
    with torch.autocast("cpu", torch.bfloat16):
        half = twins[1](image).float()
    expected = twins[0](image)
    assert (half - expected).norm() / expected.norm() < 0.02


@torch.inference_mode()
def test_at_another_size_only_the_positions_are_resized(
    twins: tuple[ImageEncoderViT, SamViT],
) -> None:
    original, ours = twins
    image = torch.randn(1, 3, 80, 80)
    original.pos_embed = resized_positions(original, 5)
    assert torch.allclose(ours(image), original(image), atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("size", [(16, 16), (48, 160), (144, 32)])
def test_any_multiple_of_the_stride(
    twins: tuple[ImageEncoderViT, SamViT], size: tuple[int, int]
) -> None:
    embedding = twins[1](torch.randn(1, 3, *size))
    assert embedding.shape == (1, 16, size[0] // 16, size[1] // 16)
    assert embedding.isfinite().all()


@torch.inference_mode()
@pytest.mark.parametrize("size", [(64, 64), (96, 128), (16, 240)])
def test_the_tiny_one_takes_any_multiple_too(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    encoder = build_sam_encoder("vit_t")
    images = torch.randn(2, 3, *size)
    both = encoder(images)
    assert both.shape == (2, 256, size[0] // 16, size[1] // 16)
    assert torch.allclose(both[1:], encoder(images[1:]), atol=1e-4)


@pytest.mark.slow
@torch.inference_mode()
def test_vit_b_from_an_official_file_equals_segment_anything(
    official_sam, official_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 512 px, a quarter of the work; test_scsam.py compares whole models at 1024 px."""
    ours = build_sam_encoder("vit_b", checkpoint=official_file)
    assert not ours.training
    image = torch.randn(1, 3, 512, 512)
    encoder = official_sam.image_encoder
    monkeypatch.setattr(encoder, "pos_embed", resized_positions(encoder, 32))
    expected = encoder(image)
    assert expected.std() > 0.5
    assert (ours(image) - expected).abs().max() <= 1e-4
    for size in [(256, 384), (64, 16)]:
        embedding = ours(torch.randn(1, 3, *size))
        assert embedding.shape == (1, 256, size[0] // 16, size[1] // 16)
        assert embedding.isfinite().all()


@pytest.mark.parametrize("name", ["vit_b", "vit_l", "vit_h"])
def test_keys_and_shapes_are_the_official_ones(name: str) -> None:
    with torch.device("meta"):
        official, ours = sam_model_registry[name]().image_encoder, build_sam_encoder(name)
    assert shapes(ours) == shapes(official)
    assert sum(p.numel() for p in ours.parameters()) == ENCODER_PARAMETERS[name]


def test_a_file_of_another_size_is_refused(official_sam) -> None:
    with pytest.raises(UserError, match=r"choose the encoder size that the file was made for"):
        load_encoder(
            build_sam_encoder("vit_t"), official_sam.state_dict(), "sam_vit_b.pth as vit_t"
        )
    with torch.device("meta"):
        large = build_sam_encoder("vit_l")
    with pytest.raises(
        UserError, match=r"sam_vit_b\.pth as vit_l: the weights do not match, first at 'blocks\.12"
    ):
        load_encoder(large, official_sam.state_dict(), "sam_vit_b.pth as vit_l")


def test_a_weight_of_another_shape_is_refused(official_sam) -> None:
    weights = official_sam.state_dict() | {"image_encoder.neck.0.weight": torch.zeros(256, 9, 1, 1)}
    with torch.device("meta"):
        encoder = build_sam_encoder("vit_b")
    with pytest.raises(UserError, match=r"first at 'neck\.0\.weight'"):
        load_encoder(encoder, weights, "sam.pth")


def test_unknown_encoders_are_named() -> None:
    with pytest.raises(
        UserError, match=r"no SAM encoder is called 'vit_x'; choose from vit_t, vit_b, vit_l, vit_h"
    ):
        build_sam_encoder("vit_x")


def shapes(module: torch.nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in module.state_dict().items()}
