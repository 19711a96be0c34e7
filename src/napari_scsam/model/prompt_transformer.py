"""SAM's two-way transformer, same keys and numbers, for many prompts on one image."""

from __future__ import annotations

import torch
from segment_anything.modeling import TwoWayTransformer
from segment_anything.modeling.transformer import Attention, TwoWayAttentionBlock
from torch import Tensor
from torch.nn import functional as F


class PromptTransformer(TwoWayTransformer):  # type: ignore[misc]
    """Lets prompts and image cells look at each other.

    Most of the original's time goes to the cells, of which there are hundreds
    for a handful of tokens. Here they are read once a layer: positions are
    added after the linear layers, where they are the same for all prompts
    (``W(x + p) = Wx + Wp``), and so one product gives all three projections.
    """

    def forward(self, image_embedding: Tensor, image_pe: Tensor, point_embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Refine N prompts and their images.

        Parameters
        ----------
        image_embedding
            N×256×h×w.
        image_pe
            1×256×h×w, the same for all.
        point_embedding
            N×n×256 tokens.

        Returns
        -------
        tokens : N×n×256
        cells : N×h·w×256
        """
        cells, key_pe = (x.flatten(2).transpose(1, 2) for x in (image_embedding, image_pe))
        tokens = point_embedding
        for layer in self.layers:
            tokens, cells = two_way(layer, tokens, cells, point_embedding, key_pe)
        last = self.final_attn_token_to_image
        keys, values = project(cells, key_pe, (last.k_proj, True), (last.v_proj, False))
        tokens = tokens + mix(last, last.q_proj(tokens + point_embedding), keys, values)
        return self.norm_final_attn(tokens), cells


def two_way(layer: TwoWayAttentionBlock, tokens: Tensor, cells: Tensor, query_pe: Tensor, key_pe: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens look at each other, then at the cells, and the cells at them; `_pe` are positions, as in SAM."""
    q = tokens if layer.skip_first_layer_pe else tokens + query_pe
    mixed = layer.self_attn(q=q, k=q, v=tokens)
    tokens = layer.norm1(mixed if layer.skip_first_layer_pe else tokens + mixed)
    to_image, to_tokens = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
    keys, values, asking = project(cells, key_pe, (to_image.k_proj, True), (to_image.v_proj, False), (to_tokens.q_proj, True))
    tokens = layer.norm2(tokens + mix(to_image, to_image.q_proj(tokens + query_pe), keys, values))
    tokens = layer.norm3(tokens + layer.mlp(tokens))
    answer = mix(to_tokens, asking, to_tokens.k_proj(tokens + query_pe), to_tokens.v_proj(tokens))
    return tokens, layer.norm4(cells + answer)


def project(cells: Tensor, key_pe: Tensor, *layers: tuple[torch.nn.Linear, bool]) -> tuple[Tensor, ...]:
    """Send N×h·w×C cells through linear layers at once; a layer that is told so sees them with their positions."""
    weight = torch.cat([layer.weight for layer, _ in layers])
    widths = [layer.out_features for layer, _ in layers]
    added = [F.linear(key_pe, layer.weight, layer.bias) if seen else layer.bias.expand(1, key_pe.shape[1], -1) for layer, seen in layers]
    together = F.linear(cells, weight)
    together = together + torch.cat(added, dim=-1).to(together.dtype)  # else half precision would end here
    return torch.split(together, widths, dim=-1)


def mix(attention: Attention, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend with what was projected already, N×queries×c and N×keys×c."""
    q, k, v = (x.reshape(*x.shape[:2], attention.num_heads, -1).transpose(1, 2) for x in (q, k, v))
    if k.shape[2] < q.shape[2]:  # a softmax over a few numbers, many times, is slow where they lie side by side
        scores = torch.softmax(k @ q.transpose(2, 3) * q.shape[3] ** -0.5, dim=2).transpose(2, 3)
        mixed = scores @ v
    else:
        mixed = F.scaled_dot_product_attention(q, k, v)
    answer: Tensor = attention.out_proj(mixed.transpose(1, 2).flatten(2))
    return answer
