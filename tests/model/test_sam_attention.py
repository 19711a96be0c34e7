"""Both attention kernels against the sums written out in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_scsam.model import sam_attention
from napari_scsam.model.sam_attention import attend, in_cache, relative_terms, widened

SIZE = (3, 5)
"""Rows and columns of the grid; not square, so that they cannot be mixed up."""


@pytest.fixture
def terms() -> tuple[Tensor, ...]:
    torch.manual_seed(0)
    h, w = SIZE
    n, heads, d = 2, 3, 4
    q, k, v = torch.randn(3, n, heads, h * w, d)
    return q, k, v, torch.randn(n, heads, h * w, h), torch.randn(n, heads, h * w, w)


def by_hand(q: Tensor, k: Tensor, v: Tensor, rel_h: Tensor, rel_w: Tensor) -> np.ndarray:
    """Attend query by query and key by key."""
    h, w = SIZE
    out = np.zeros(q.shape)
    for n, head, i in np.ndindex(*q.shape[:3]):
        scores = np.zeros(h * w)
        for row, column in np.ndindex(h, w):
            key = row * w + column
            scores[key] = float(q[n, head, i] @ k[n, head, key]) / q.shape[-1] ** 0.5
            scores[key] += float(rel_h[n, head, i, row]) + float(rel_w[n, head, i, column])
        shares = np.exp(scores - scores.max())
        out[n, head, i] = shares / shares.sum() @ v[n, head].numpy()
    return out


@pytest.mark.parametrize("kernel", [attend, widened, in_cache])
def test_a_kernel_equals_the_sums_written_out(kernel, terms: tuple[Tensor, ...]) -> None:
    np.testing.assert_allclose(kernel(*terms).numpy(), by_hand(*terms), atol=1e-5)


@pytest.mark.parametrize("rows", [1, 4, 15, 16, 30, 44])
def test_a_smaller_buffer_changes_nothing(
    terms: tuple[Tensor, ...], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few queries of a head at a time, whole heads, and an uneven number of both."""
    whole = in_cache(*terms)
    monkeypatch.setattr(sam_attention, "BUFFER", rows * 15 * 4)
    torch.testing.assert_close(in_cache(*terms), whole)


def test_gradients_flow_when_they_are_needed(terms: tuple[Tensor, ...]) -> None:
    learned = [term.clone().requires_grad_() for term in terms]
    attend(*learned).square().sum().backward()
    assert all(term.grad is not None and term.grad.abs().sum() > 0 for term in learned)


def test_a_gradient_equals_the_change_of_the_result(terms: tuple[Tensor, ...]) -> None:
    doubles = [term[:1, :1].double().clone().requires_grad_() for term in terms]
    assert torch.autograd.gradcheck(attend, doubles)


def test_equal_scores_average_all_values(terms: tuple[Tensor, ...]) -> None:
    v = terms[2]
    nothing = [torch.zeros_like(term) for term in terms]
    mixed = attend(nothing[0], nothing[1], v, nothing[3], nothing[4])
    torch.testing.assert_close(mixed, v.mean(2, keepdim=True).expand_as(v))


def test_a_large_term_picks_one_row_and_one_column(terms: tuple[Tensor, ...]) -> None:
    q, k, v, rel_h, rel_w = (term.clone() for term in terms)
    rel_h[..., 2] = 1000
    rel_w[..., 1] = 1000
    mixed = attend(q, k, v, rel_h, rel_w)
    torch.testing.assert_close(mixed, v[:, :, 2 * 5 + 1 : 2 * 5 + 2].expand_as(v))


def test_relative_terms_depend_on_how_far_the_key_is() -> None:
    torch.manual_seed(1)
    h, w = SIZE
    q = torch.randn(2, 3, h * w, 4)
    by_row, by_column = torch.randn(2 * h - 1, 4), torch.randn(2 * w - 1, 4)
    rel_h, rel_w = relative_terms(q, by_row, by_column, SIZE)
    assert rel_h.shape == (2, 3, h * w, h)
    assert rel_w.shape == (2, 3, h * w, w)
    for y, x in np.ndindex(h, w):
        query = q[1, 2, y * w + x]
        for row in range(h):
            expected = float(query @ by_row[y - row + h - 1])
            assert float(rel_h[1, 2, y * w + x, row]) == pytest.approx(expected, abs=1e-5)
        for column in range(w):
            expected = float(query @ by_column[x - column + w - 1])
            assert float(rel_w[1, 2, y * w + x, column]) == pytest.approx(expected, abs=1e-5)


def test_distances_of_another_grid_are_interpolated() -> None:
    """A straight line of embeddings is halved to a straight line, whatever the method."""
    stored = torch.linspace(0, 10, 11)[:, None]  # for a side of 6
    q = torch.ones(1, 1, 9, 1)
    rel_h, _ = relative_terms(q, stored, stored, (3, 3))
    expected = np.interp((np.arange(5) + 0.5) * 11 / 5 - 0.5, np.arange(11), np.arange(11.0))
    found = [float(rel_h[0, 0, 3 * y, row]) for y, row in ((0, 2), (0, 1), (0, 0), (1, 0), (2, 0))]
    np.testing.assert_allclose(found, expected, atol=1e-5)
