"""The learning rate rises, then falls by half a cosine."""

from __future__ import annotations

from itertools import pairwise

import pytest

from napari_scsam.train.schedule import learning_rate


def test_warm_up_peak_and_end() -> None:
    rates = [learning_rate(step, 1000, 2e-3) for step in range(1000)]
    assert rates[0] == pytest.approx(2e-3 / 50)
    assert rates[49] == rates[50] == max(rates) == pytest.approx(2e-3)
    assert all(b > a for a, b in pairwise(rates[:50]))
    assert all(b < a for a, b in pairwise(rates[50:]))
    assert rates[525] == pytest.approx(2e-3 * 0.505, rel=0.01)
    assert rates[-1] == pytest.approx(2e-5, rel=0.01)


@pytest.mark.parametrize("total", [1, 2, 3])
def test_a_short_run_learns_too(total: int) -> None:
    rates = [learning_rate(step, total, 1e-3) for step in range(total)]
    assert rates[0] == pytest.approx(1e-3)
    assert min(rates) > 0
