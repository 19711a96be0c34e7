"""SAM's two-way transformer, with the same keys and numbers, for many prompts per image."""

from __future__ import annotations

import torch
from segment_anything.modeling import TwoWayTransformer
from segment_anything.modeling.transformer import Attention, TwoWayAttentionBlock
from torch import Tensor, nn


class PromptTransformer(TwoWayTransformer):  # type: ignore[misc]
    """Attention between prompts and image cells, in both directions.

    Most of the original's time goes to projecting the cells, of which there are hundreds for a
    handful of tokens. Here no cell is projected: ``q · (W x) = (Wᵀ q) · x``. The linear layers on
    the side of the cells are multiplied into the tokens first. What is left are products of a few
    dozen vectors with the cells as they are.
    """

    def forward(self, cells: Tensor, positions: Tensor, prompts: Tensor) -> tuple[Tensor, Tensor]:
        """Refine N prompts and their images.

        Parameters
        ----------
        cells
            N×h·w×256, each prompt's own image; the original takes them as N×256×h×w.
        positions
            1×h·w×256, the same for all.
        prompts
            N×n×256 tokens.

        Returns
        -------
        tokens : N×n×256
        cells : N×h·w×256
        """
        tokens = prompts
        for layer in self.layers:
            tokens, cells = two_way(layer, tokens, cells, prompts, positions)
        tokens = tokens + gather(
            self.final_attn_token_to_image, tokens + prompts, cells + positions, cells
        )
        return self.norm_final_attn(tokens), cells


def two_way(
    layer: TwoWayAttentionBlock, tokens: Tensor, cells: Tensor, prompts: Tensor, positions: Tensor
) -> tuple[Tensor, Tensor]:
    """Apply a layer: tokens attend to each other, then to the cells, and the cells to them.

    The prompts are the positions of the tokens, as in SAM.
    """
    if layer.skip_first_layer_pe:
        tokens = layer.norm1(layer.self_attn(q=tokens, k=tokens, v=tokens))
    else:
        q = tokens + prompts
        tokens = layer.norm1(tokens + layer.self_attn(q=q, k=q, v=tokens))
    placed = cells + positions
    tokens = layer.norm2(
        tokens + gather(layer.cross_attn_token_to_image, tokens + prompts, placed, cells)
    )
    tokens = layer.norm3(tokens + layer.mlp(tokens))
    return tokens, layer.norm4(
        cells + hand_out(layer.cross_attn_image_to_token, placed, tokens + prompts, tokens)
    )


def gather(attention: Attention, asking: Tensor, placed: Tensor, cells: Tensor) -> Tensor:
    """Attend from N×n×C tokens to N×h·w×C cells: N×n×C.

    Parameters
    ----------
    placed, cells
        The cells with and without their positions.

    Notes
    -----
    The bias of the keys is omitted: it adds the same to all scores of a softmax.
    """
    heads = attention.num_heads
    queries = fold(attention.q_proj(asking), attention.k_proj.weight, heads)
    shares = torch.softmax(queries @ placed.transpose(1, 2), dim=-1)  # N×heads·n×h·w
    found = (shares @ cells).view(len(cells), heads, -1, cells.shape[2])
    value = attention.v_proj
    values = (
        torch.einsum(
            "nhqd,hcd->nqhc", found, of_heads(value.weight.to(found.dtype), heads)
        ).flatten(2)
        + value.bias
    )
    answer: Tensor = attention.out_proj(values.to(found.dtype))
    return answer


def hand_out(attention: Attention, placed: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attend from N×h·w×C cells, with their positions, to N×n×C tokens: N×h·w×C."""
    heads = attention.num_heads
    out = attention.out_proj
    projected = attention.k_proj(keys)
    folded = fold(projected, attention.q_proj.weight, heads)
    level = bias_of(attention.q_proj, projected, heads)
    # A softmax over few numbers is slow where they are contiguous; here the cells are.
    scores = torch.baddbmm(level.to(folded.dtype), folded, placed.transpose(1, 2))
    per_head = scores.view(len(placed), heads, -1, placed.shape[1])
    shares = torch.softmax(per_head, dim=2).flatten(1, 2)  # N×heads·n×h·w
    # The shares of a head sum to 1, so each brings its part of the bias.
    brought = by_head(attention.v_proj(values), out.weight.T, heads) + out.bias / heads
    found: Tensor = shares.transpose(1, 2) @ brought.to(shares.dtype)
    return found


def fold(projected: Tensor, weight: Tensor, heads: int) -> Tensor:
    """Multiply N×n×c of the tokens with c×C of the cells, head by head: N×heads·n×C.

    The product is scaled as attention is.
    """
    return by_head(projected * (projected.shape[2] / heads) ** -0.5, weight, heads)


def by_head(projected: Tensor, weight: Tensor, heads: int) -> Tensor:
    """Multiply N×n×c with c×C, head by head: N×heads·n×C."""
    split = projected.view(*projected.shape[:2], heads, -1)
    products: Tensor = torch.einsum(
        "nqhc,hcd->nhqd", split, of_heads(weight.to(split.dtype), heads)
    )
    return products.flatten(1, 2)


def bias_of(layer: nn.Linear, projected: Tensor, heads: int) -> Tensor:
    """Return what the bias of the cells' projection adds to the scores: N×heads·n×1.

    `projected` holds N×n×c tokens.
    """
    per_head = projected.view(*projected.shape[:2], heads, -1) * of_heads(
        layer.bias.to(projected.dtype), heads
    )
    scaled = per_head.sum(-1) * (projected.shape[2] / heads) ** -0.5
    level: Tensor = scaled.transpose(1, 2).flatten(1)[..., None]
    return level


def of_heads(weights: Tensor, heads: int) -> Tensor:
    """Split the first axis of weights by head: c×… to heads×c/heads×…."""
    return weights.reshape(heads, -1, *weights.shape[1:])
