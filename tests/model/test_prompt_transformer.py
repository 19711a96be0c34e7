"""The two-way transformer gives the numbers of SAM's own, by other products."""

from __future__ import annotations

import pytest
import torch
from segment_anything.modeling import TwoWayTransformer
from segment_anything.modeling.transformer import Attention
from torch import Tensor

from napari_scsam.model.prompt_transformer import (
    PromptTransformer,
    bias_of,
    by_head,
    fold,
    gather,
    hand_out,
    of_heads,
)

WIDTH = 16


@pytest.fixture
def attention() -> Attention:
    torch.manual_seed(0)
    attention = Attention(WIDTH, 4, downsample_rate=2)
    for name, weights in attention.named_parameters():
        if "bias" in name:
            torch.nn.init.normal_(weights)  # zero or tiny, they would hide a lost bias
    return attention.eval()


def tensors(*shapes: tuple[int, ...]) -> list[Tensor]:
    chance = torch.Generator().manual_seed(1)
    return [torch.randn(shape, generator=chance) for shape in shapes]


@torch.no_grad()
@pytest.mark.parametrize("tokens", [1, 3])
@pytest.mark.parametrize("cells", [1, 15])
def test_tokens_gather_what_sams_attention_gathers(
    attention: Attention, tokens: int, cells: int
) -> None:
    asking, placed, image = tensors((2, tokens, WIDTH), (2, cells, WIDTH), (2, cells, WIDTH))
    expected = attention(q=asking, k=placed, v=image)
    torch.testing.assert_close(gather(attention, asking, placed, image), expected)


@torch.no_grad()
@pytest.mark.parametrize("tokens", [1, 3])
@pytest.mark.parametrize("cells", [1, 15])
def test_cells_are_handed_what_sams_attention_hands_out(
    attention: Attention, tokens: int, cells: int
) -> None:
    placed, keys, values = tensors((2, cells, WIDTH), (2, tokens, WIDTH), (2, tokens, WIDTH))
    expected = attention(q=placed, k=keys, v=values)
    torch.testing.assert_close(hand_out(attention, placed, keys, values), expected)


def transformers(depth: int) -> tuple[TwoWayTransformer, PromptTransformer]:
    torch.manual_seed(2)
    settings = {"depth": depth, "embedding_dim": WIDTH, "num_heads": 4, "mlp_dim": 32}
    original, ours = TwoWayTransformer(**settings), PromptTransformer(**settings)
    for weights in original.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    ours.load_state_dict(original.state_dict())
    return original.eval(), ours.eval()


@torch.no_grad()
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_many_prompts_equal_the_original(depth: int) -> None:
    original, ours = transformers(depth)
    h, w = 3, 5
    cells, positions, prompts = tensors((4, h * w, WIDTH), (1, h * w, WIDTH), (4, 6, WIDTH))

    def as_map(values: Tensor) -> Tensor:
        return values.transpose(1, 2).reshape(-1, WIDTH, h, w)

    expected = original(as_map(cells), as_map(positions).expand(4, -1, -1, -1), prompts)
    for found, wanted in zip(ours(cells, positions, prompts), expected, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_it_learns_as_the_original_does() -> None:
    original, ours = transformers(depth=2)
    cells, positions, prompts = tensors((2, 4, WIDTH), (1, 4, WIDTH), (2, 3, WIDTH))
    tokens, image = ours(cells, positions, prompts)
    (tokens.square().sum() + image.sin().sum()).backward()
    as_map = [t.transpose(1, 2).reshape(-1, WIDTH, 2, 2) for t in (cells, positions)]
    tokens, image = original(as_map[0], as_map[1].expand(2, -1, -1, -1), prompts)
    (tokens.square().sum() + image.sin().sum()).backward()
    theirs = dict(original.named_parameters())
    for name, weights in ours.named_parameters():
        if "k_proj.bias" in name:
            continue  # it adds the same to all scores of a softmax
        torch.testing.assert_close(weights.grad, theirs[name].grad, atol=1e-3, rtol=1e-3)


def test_weights_are_split_by_head_along_the_first_axis() -> None:
    weights = torch.arange(24).view(6, 4)
    split = of_heads(weights, 3)
    assert split.shape == (3, 2, 4)
    assert split[2, 1].tolist() == weights[5].tolist()
    assert of_heads(torch.arange(6), 2).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_products_are_computed_head_by_head() -> None:
    projected, weight = tensors((2, 3, 8), (8, 5))
    products = by_head(projected, weight, heads=4)
    assert products.shape == (2, 4 * 3, 5)
    for head in range(4):
        part = slice(2 * head, 2 * head + 2)
        expected = projected[..., part] @ weight[part]
        torch.testing.assert_close(products[:, 3 * head : 3 * head + 3], expected)
    torch.testing.assert_close(fold(projected, weight, 4), products / 2**0.5)


def test_the_bias_of_the_cells_adds_one_number_to_each_row_of_scores() -> None:
    layer = torch.nn.Linear(5, 8)
    (projected,) = tensors((2, 3, 8))
    level = bias_of(layer, projected, heads=2)
    assert level.shape == (2, 2 * 3, 1)
    expected = (projected[1, 2, 4:] * layer.bias[4:]).sum() / 4**0.5
    torch.testing.assert_close(level[1, 3 + 2, 0], expected)
