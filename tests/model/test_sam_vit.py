"""Windows, strips and positions of the ViT; its numbers are compared in ``test_image_encoder.py``."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_scsam.model.sam_vit import (
    Mlp,
    SamViT,
    ViTBlock,
    in_strips,
    join_windows,
    pad_to,
    split_windows,
)


def test_padding_goes_below_and_right_with_the_token() -> None:
    x = torch.arange(2 * 3 * 4 * 2.0).view(2, 3, 4, 2)
    token = torch.tensor([-1.0, -2.0])
    padded = pad_to(x, (2, 3), token)
    assert padded.shape == (2, 4, 6, 2)
    np.testing.assert_array_equal(padded[:, :3, :4], x)
    assert (padded[:, 3:] == token).all()
    assert (padded[:, :, 4:] == token).all()


def test_what_fits_is_not_padded() -> None:
    x = torch.zeros(1, 4, 6, 2)
    assert pad_to(x, (2, 3), torch.ones(2)) is x


def test_windows_hold_the_tokens_of_their_place_and_head() -> None:
    heads, d = 2, 3
    qkv = torch.randn(2, 4, 6, 3 * heads * d)
    cut = split_windows(qkv, (2, 3), heads)
    assert cut.shape == (3, 2 * 4, heads, 6, d)
    for which, batch, y, x, head in np.ndindex(3, 2, 4, 6, heads):
        window = batch * 4 + (y // 2) * 2 + x // 3
        token = (y % 2) * 3 + x % 3
        start = which * heads * d + head * d
        np.testing.assert_array_equal(
            cut[which, window, head, token], qkv[batch, y, x, start : start + d]
        )


@pytest.mark.parametrize("size", [(2, 3), (4, 6), (1, 1), (4, 2)])
def test_joining_windows_undoes_splitting_them(size: tuple[int, int]) -> None:
    qkv = torch.randn(2, 4, 6, 3 * 8)
    for which, windows in enumerate(split_windows(qkv, size, heads=2)):
        joined = join_windows(windows, qkv.shape, size)
        np.testing.assert_array_equal(joined, qkv[..., which * 8 : which * 8 + 8])


@pytest.mark.parametrize("rows", [1, 2, 5, 9])
def test_strips_are_joined_in_order(rows: int) -> None:
    x = torch.randn(2, 5, 3, 4)
    heights: list[int] = []

    def double(strip: torch.Tensor) -> torch.Tensor:
        heights.append(strip.shape[1])
        return 2 * strip

    np.testing.assert_array_equal(in_strips(double, x, rows), 2 * x)
    assert heights == [min(rows, 5 - start) for start in range(0, 5, rows)]


def test_the_mlp_treats_each_token_alone() -> None:
    torch.manual_seed(0)
    mlp = Mlp(4, 16)
    x = torch.randn(1, 2, 3, 4)
    y = torch.nn.functional.gelu(x @ mlp.lin1.weight.T + mlp.lin1.bias)
    expected = y @ mlp.lin2.weight.T + mlp.lin2.bias
    with torch.no_grad():
        torch.testing.assert_close(mlp(x), expected)


def block_of(window: int | None) -> ViTBlock:
    torch.manual_seed(0)
    block = ViTBlock(8, 2, grid=6, window=window)
    for weights in (block.attn.rel_pos_h, block.attn.rel_pos_w):
        torch.nn.init.normal_(weights)
    return block.eval()


@torch.no_grad()
def test_a_window_does_not_see_beyond_itself() -> None:
    block = block_of(window=3)
    x = torch.randn(1, 6, 6, 8)
    changed = x.clone()
    changed[:, 4, 4, :4] += 3
    differs = (block(x) - block(changed)).abs().amax(-1)[0] > 1e-6
    assert differs[3:, 3:].all()
    differs[3:, 3:] = False
    assert not differs.any()


@torch.no_grad()
def test_a_global_block_sees_everything() -> None:
    block = block_of(window=None)
    x = torch.randn(1, 6, 6, 8)
    changed = x.clone()
    changed[:, 4, 4, :4] += 3
    assert ((block(x) - block(changed)).abs().amax(-1) > 1e-6).all()


@pytest.mark.parametrize("window", [3, None])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (15, 16)])
def test_gradients_and_none_give_the_same_numbers(
    window: int | None, size: tuple[int, int]
) -> None:
    """On grids that no window fits, and on more rows than a strip has."""
    block = block_of(window)
    x = torch.randn(2, *size, 8)
    learned = block(x)
    assert learned.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(block(x), learned, atol=1e-5, rtol=1e-4)


def test_positions_at_their_own_grid_are_the_stored_ones() -> None:
    vit = SamViT(8, 1, 2, (0,), grid=4, window=2, out=6)
    assert vit.positions(4, 4) is vit.pos_embed


@torch.no_grad()
def test_constant_positions_stay_constant_on_any_grid() -> None:
    vit = SamViT(8, 1, 2, (0,), grid=4, window=2, out=6)
    vit.pos_embed.copy_(torch.arange(8.0).expand(1, 4, 4, 8))
    for h, w in ((3, 7), (9, 2), (1, 1)):
        positions = vit.positions(h, w)
        assert positions.shape == (1, h, w, 8)
        expected = torch.arange(8.0).expand(1, h, w, 8)
        torch.testing.assert_close(positions, expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_embedding_has_a_sixteenth_of_the_side() -> None:
    vit = SamViT(8, 2, 2, (1,), grid=4, window=2, out=6).eval()
    assert vit(torch.randn(2, 3, 48, 80)).shape == (2, 6, 3, 5)
    assert [block.attn.window for block in vit.blocks] == [2, None]
