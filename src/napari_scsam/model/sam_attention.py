"""Attention with decomposed relative positions, without the big table.

segment-anything adds two terms to each score ``q·k``: ``q·R_h`` and ``q·R_w``. They depend on the
query, and on the distance of the key's row and column (Li et al. 2022, arXiv 2112.01526). Written
out they are as large as the scores, 4096×4096 per head at 1024 px. Both kernels here compute the
same numbers without holding them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.model.packed_linear import needs_grad

BUFFER = 4 << 20
"""Bytes of scores computed at once, so that they stay in the CPU's cache."""


def attend(q: Tensor, k: Tensor, v: Tensor, rel_h: Tensor, rel_w: Tensor) -> Tensor:
    """Attend over a grid of h×w tokens.

    Parameters
    ----------
    q, k, v
        N×heads×h·w×d.
    rel_h, rel_w
        N×heads×h·w×h and N×heads×h·w×w: what each query adds to its scores
        with the keys of each row, and of each column.

    Returns
    -------
    mixed
        N×heads×h·w×d.
    """
    on_cpu = q.device.type == "cpu" and q.dtype in {torch.float32, torch.bfloat16}
    if on_cpu and not needs_grad(q, k, v, rel_h, rel_w):
        return in_cache(q, k, v, rel_h, rel_w)
    return widened(q, k, v, rel_h, rel_w)


def widened(q: Tensor, k: Tensor, v: Tensor, rel_h: Tensor, rel_w: Tensor) -> Tensor:
    """Attend by torch's fused kernels, with one product for all three terms.

    Queries are widened by their terms and keys by ones at their row and
    column; values by zeros, as flash kernels need all three alike. Supports
    gradients.
    """
    h = rel_h.shape[-1]
    w = rel_w.shape[-1]
    d = q.shape[-1]
    row = torch.eye(h, device=q.device, dtype=q.dtype).repeat_interleave(w, dim=0)
    column = torch.eye(w, device=q.device, dtype=q.dtype).repeat(h, 1)
    codes = torch.cat((row, column), dim=1).expand(*k.shape[:2], -1, -1)
    scale = d**-0.5
    wide_q = torch.cat((q, rel_h / scale, rel_w / scale), dim=-1)
    wide_v = F.pad(v, (0, h + w))
    return F.scaled_dot_product_attention(
        wide_q, torch.cat((k, codes), dim=-1), wide_v, scale=scale
    )[..., :d]


def in_cache(q: Tensor, k: Tensor, v: Tensor, rel_h: Tensor, rel_w: Tensor) -> Tensor:
    """Attend from a few queries or heads at a time, in one small buffer, without gradients."""
    out = torch.empty_like(q)
    keys = k.shape[2]
    rows = max(1, BUFFER // (keys * q.itemsize))
    heads = max(1, rows // keys)
    queries = min(rows, keys)
    buffer = q.new_empty(heads * queries * keys)
    for n in range(len(q)):
        for a in range(0, q.shape[1], heads):
            for i in range(0, keys, queries):
                own = (n, slice(a, a + heads))
                part = (*own, slice(i, i + queries))
                _attend_part(q[part], k[own], v[own], rel_h[part], rel_w[part], buffer, out[part])
    return out


def _attend_part(
    q: Tensor, k: Tensor, v: Tensor, rel_h: Tensor, rel_w: Tensor, buffer: Tensor, out: Tensor
) -> None:
    heads, queries = q.shape[:2]
    keys = k.shape[1]
    scores = buffer[: heads * queries * keys].view(heads, queries, keys)
    torch.add(
        rel_h.unsqueeze(-1),
        rel_w.unsqueeze(-2),
        out=scores.view(heads, queries, rel_h.shape[-1], rel_w.shape[-1]),
    )
    torch.baddbmm(scores, q, k.transpose(1, 2), alpha=q.shape[-1] ** -0.5, out=scores)
    torch.softmax(scores, dim=-1, out=scores)
    torch.bmm(scores, v, out=out)


def relative_terms(
    q: Tensor, rel_pos_h: Tensor, rel_pos_w: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Return what every query adds to its scores with each row and each column.

    Parameters
    ----------
    q
        N×heads×h·w×d.
    rel_pos_h, rel_pos_w
        (2h-1)×d and (2w-1)×d, one row for each distance; resized if of
        another length.
    size
        h and w.

    Returns
    -------
    rel_h, rel_w
        N×heads×h·w×h and N×heads×h·w×w.
    """
    grid = q.reshape(*q.shape[:2], *size, -1)
    rel_h = torch.einsum("nahwc,hkc->nahwk", grid, _by_distance(rel_pos_h, size[0]).to(q.dtype))
    rel_w = torch.einsum("nahwc,wkc->nahwk", grid, _by_distance(rel_pos_w, size[1]).to(q.dtype))
    return rel_h.flatten(2, 3), rel_w.flatten(2, 3)


def _by_distance(rel_pos: Tensor, side: int) -> Tensor:
    """Arrange embeddings of distances, L×d, by query and key: side×side×d."""
    if len(rel_pos) != 2 * side - 1:
        rel_pos = F.interpolate(rel_pos.T[None], 2 * side - 1, mode="linear")[0].T
    place = torch.arange(side, device=rel_pos.device)
    return rel_pos[place[:, None] - place[None, :] + side - 1]
