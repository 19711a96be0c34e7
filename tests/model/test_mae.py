from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from napari_scsam.config import UserError
from napari_scsam.model.mae import (
    HybridMAE,
    MaskedAutoencoder,
    ViTMAE,
    WindowBlock,
    binomial_blur,
    build_mae_encoder,
)


@pytest.fixture
def encoder() -> HybridMAE:
    torch.manual_seed(0)
    return HybridMAE(width=64, depth=2, window=4).eval()


@torch.inference_mode()
@pytest.mark.parametrize("size", [(16, 16), (48, 80), (64, 144)])
def test_levels_at_any_size(encoder: HybridMAE, size: tuple[int, int]) -> None:
    images = torch.rand(2, 1, *size)
    levels = encoder(images)
    expected = [
        (2, c, size[0] // s, size[1] // s)
        for s, c in zip(encoder.strides, encoder.channels, strict=True)
    ]
    assert [level.shape for level in levels] == expected
    for both, alone in zip(levels, encoder(images[1:]), strict=True):
        assert torch.allclose(both[1:], alone, atol=1e-5)


@torch.inference_mode()
def test_hidden_pixels_do_not_leak(encoder: HybridMAE) -> None:
    image, mask = torch.rand(1, 1, 32, 48), torch.zeros(1, 1, 32, 48)
    mask[..., 16:32, :16] = 1
    other = torch.where(mask > 0, 1 - image, image)
    for one, two in zip(encoder(image, mask), encoder(other, mask), strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(encoder(image)[2], encoder(other)[2])
    assert not torch.equal(encoder(image)[2], encoder(image, mask)[2])


@torch.inference_mode()
def test_attention_stays_in_its_window() -> None:
    torch.manual_seed(0)
    block = WindowBlock(dim=8, heads=2, window=4)
    x = torch.randn(1, 8, 12, 8)
    before = block.attend(x)
    x[:, 0, 0] += 1  # in the first window of 2×3
    changed = (block.attend(x) != before).any(-1)[0]
    assert changed[:4, :4].all()
    assert not changed[4:].any()
    assert not changed[:, 4:].any()


@torch.inference_mode()
def test_a_grid_of_one_window_is_plain_attention() -> None:
    torch.manual_seed(0)
    block = WindowBlock(dim=8, heads=2, window=3)
    plain = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    plain.load_state_dict(
        {
            "in_proj_weight": block.qkv.weight,
            "in_proj_bias": block.qkv.bias,
            "out_proj.weight": block.proj.weight,
            "out_proj.bias": block.proj.bias,
        }
    )
    x = torch.randn(2, 9, 8)
    assert torch.allclose(
        block.attend(x.view(2, 3, 3, 8)).view(2, 9, 8), plain(x, x, x)[0], atol=1e-6
    )


@torch.inference_mode()
def test_a_vit_of_timm_behind_the_same_interface() -> None:
    encoder = build_mae_encoder("vit_tiny_patch16_224").eval()
    assert isinstance(encoder, ViTMAE)
    assert (encoder.strides, encoder.channels) == ((2, 4, 16), (32, 64, 192))
    image = torch.rand(1, 1, 64, 96)
    levels = encoder(image)
    assert [level.shape for level in levels] == [(1, 32, 32, 48), (1, 64, 16, 24), (1, 192, 4, 6)]
    mask = torch.zeros_like(image)
    mask[..., :32, :32] = 1
    for one, two in zip(encoder(image, mask), encoder(image * (1 - mask), mask), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("name", ["vit_of_nobody", "resnet18", "tiny_vit_5m_224"])
def test_what_is_no_vit_is_told(name: str) -> None:
    with pytest.raises(UserError, match=rf"{name}.*write 'hybrid', or a name that"):
        build_mae_encoder(name)


def test_the_share_of_hidden_blocks_is_exact(encoder: HybridMAE) -> None:
    mask = MaskedAutoencoder(encoder).random_mask(torch.rand(3, 1, 64, 80), hidden=0.6)
    assert mask.shape == (3, 1, 64, 80)
    blocks = F.avg_pool2d(mask, 16)
    assert set(blocks.unique().tolist()) == {0, 1}
    assert blocks.sum((1, 2, 3)).tolist() == [12, 12, 12]
    assert not torch.equal(mask[0], mask[1])


def test_predicting_the_mean_scores_one(encoder: HybridMAE) -> None:
    torch.manual_seed(0)
    auto = MaskedAutoencoder(encoder)
    for weights in auto.head.parameters():
        torch.nn.init.zeros_(weights)
    noise = binomial_blur(torch.randn(4, 1, 128, 128))
    image = 0.5 + 0.1 * (noise - noise.mean((2, 3), keepdim=True))
    assert auto(image).item() == pytest.approx(1, abs=0.05)
    assert auto(image, hidden=0).item() == 0


def test_pre_training_learns(encoder: HybridMAE) -> None:
    torch.manual_seed(0)
    auto = MaskedAutoencoder(encoder.train())
    image = 0.5 + 0.3 * torch.sin(torch.arange(64.0) / 5).expand(2, 1, 64, 64)
    optimiser = torch.optim.Adam(auto.parameters(), lr=3e-3)
    losses = []
    for _ in range(15):
        loss = auto(image, hidden=0.5)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert min(losses[-5:]) < 0.6 * losses[0]
    assert all(p.grad is not None for p in encoder.parameters())


def test_smoothing_keeps_what_is_flat_and_tempers_noise() -> None:
    flat = torch.full((1, 1, 16, 16), 3.0)
    assert torch.allclose(binomial_blur(flat), flat)
    assert binomial_blur(torch.randn(1, 1, 64, 64)).std() < 0.4
