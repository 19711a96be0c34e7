"""The benchmark of orders: what learns, what is ordered, and what is counted."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the benchmark extra is not installed")

from benchmarks.suggest.__main__ import Material, curve, share_needed, slices_until, table
from benchmarks.suggest.features import SETS, pooled
from benchmarks.suggest.learner import (
    Example,
    best_threshold,
    dice,
    example,
    learned_dice,
    standardise,
)
from benchmarks.suggest.orders import ORDERS, Seen, seen, spread, worst

from napari_scsam.infer.suggest import next_slices


def slices(count: int) -> list[Seen]:
    names = [
        "mean entropy",
        "entropy of the worst regions",
        "predicted area",
        "disagreement of two views",
    ]
    chance = np.random.default_rng(1)
    return [Seen(z, chance.random(4), {name: float(z % 3) for name in names}) for z in range(count)]


def taught(seed: int, *, useful: bool = True) -> Example:
    """A slice whose first feature says where the class is, or nothing does."""
    chance = np.random.default_rng(seed)
    truth = chance.random((1, 400)) < 0.3
    values = chance.normal(size=(400, 3)).astype(np.float32)
    if useful:
        values[:, 0] += 6 * truth[0]
    values[:, -1] = 1
    return Example(values, truth)


@pytest.mark.parametrize("name", ORDERS)
def test_every_order_begins_where_it_must_and_names_each_slice_once(name: str) -> None:
    order = ORDERS[name](slices(9), 4, np.random.default_rng(0))
    assert order[0] == 4
    assert sorted(order) == list(range(9))


def test_regular_spacing_is_the_order_of_scsam_suggest() -> None:
    name = next(each for each in ORDERS if "scsam suggest" in each)
    order = ORDERS[name](slices(30), 7, np.random.default_rng(0))
    assert order == [7, *(z for z, _ in next_slices(30, [7]))]


def test_a_score_ranks_and_a_weight_changes_what_is_far() -> None:
    by_area = ORDERS["most predicted area"](slices(6), 0, np.random.default_rng(0))
    assert by_area == [0, 2, 5, 1, 4, 3]
    line = np.arange(5.0)[:, None]
    assert spread(line, 0, np.ones(5))[:3] == [0, 4, 2]
    assert spread(line, 0, np.array([1, 1, 1, 2, 1.0]))[1] == 3


def test_the_worst_regions_are_averaged_not_the_slice() -> None:
    doubt = np.zeros((80, 80), np.float32)
    doubt[:8, :8] = 1
    assert worst(doubt) == pytest.approx(1 / 20)


def test_maps_of_a_slice_are_read_for_learner_and_orders() -> None:
    logits = np.full((6, 16, 24), -9, np.float32)
    maps = {
        "logits": logits,
        "view": logits,
        "fused": np.ones((256, 4, 6), np.float32),
        "detail": np.ones((32, 16, 24), np.float32),
        "truth": np.zeros((6, 16, 24), np.float32),
        "grey": np.ones((16, 24), np.float32),
    }
    found = example(maps, (0, 3))
    assert found.values.shape == (16 * 24, 6 + 32 + 256 + 1 + 1)
    assert found.truth.shape == (2, 16 * 24)
    known = seen(maps, 5)
    assert known.summary.shape == (512,)
    assert known.scores["predicted area"] == pytest.approx(6 * np.exp(-9), rel=1e-2)
    assert known.scores["disagreement of two views"] == 0


def test_the_learner_finds_what_the_features_tell_and_nothing_else() -> None:
    useful = [taught(seed) for seed in range(4)]
    useless = [taught(seed, useful=False) for seed in range(4)]
    standardise(useful)
    standardise(useless)
    assert learned_dice(useful[:2], useful[2:]) > 0.95
    assert learned_dice(useless[:2], useless[2:]) < 0.6


def test_thresholds_are_those_with_the_best_dice() -> None:
    truth = np.array([False, False, True, True])
    threshold = best_threshold(np.array([-1.0, 0.1, 0.3, 1.0]), truth)
    assert 0.1 < threshold < 0.3
    assert best_threshold(np.zeros(4), truth & False) == np.inf
    assert dice(truth, truth) == 1


def test_slices_are_counted_until_the_dice_of_random_ones() -> None:
    random = np.array([0.5, 0.6, 0.7, 0.8])
    assert share_needed(random, random) == pytest.approx(1)
    assert share_needed(random, np.array([0.5, 0.5, 0.45, 0.8])) == pytest.approx(1)
    assert share_needed(random, np.array([0.5, 0.505, 0.5, 0.509])) is None
    assert slices_until(np.array([0.5, 0.7]), 0.6) == pytest.approx(1.5)
    assert slices_until(np.array([0.5, 0.7]), 0.8) == 3
    assert share_needed(np.array([0.6, 0.8, 0.8, 0.8]), random) == pytest.approx(
        np.mean([1 / 2, 1.5 / 3, 2 / 4])
    )


def test_a_seed_gives_the_same_curve_again_and_the_table_compares_with_random() -> None:
    examples = [taught(seed) for seed in range(12)]
    found = Material(slices(10), examples[:10], examples[10:])
    first, again = (curve(found, ORDERS["random"], 3) for _ in range(2))
    assert len(first) == 7
    assert np.array_equal(first, again)
    drawn = table({"tissue": dict.fromkeys(ORDERS, np.array([0.5, 0.6, 0.7]))})
    assert "| random | 100 % | 100 % |" in drawn
    flat = table({"tissue": dict.fromkeys(ORDERS, np.array([0.5, 0.5, 0.5]))})
    assert "| random | – | – |" in flat


def test_cells_average_and_sets_are_small() -> None:
    assert pooled(np.arange(16, dtype=np.float32).reshape(1, 4, 4))[0, 0, 0] == 7.5
    assert all(b - a <= 768 for each in SETS.values() for a, b in (each.rows, each.columns))
