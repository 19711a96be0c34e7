from __future__ import annotations

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.objects.components import label_components
from napari_scsam.objects.cuts import (
    parts_by_line,
    parts_by_seeds,
    relabel_parts,
    separate_parts,
    wall_along,
)

FLAT = (1.0, 1.0)


@pytest.fixture
def dumbbell() -> np.ndarray:
    grid = np.ogrid[:40, :70]
    return sum(((grid[0] - 20) ** 2 + (grid[1] - column) ** 2 <= 15**2) for column in (20, 46)) > 0


def test_two_seeds_part_at_the_neck(dumbbell):
    parts = parts_by_seeds(dumbbell, [(20, 14), (22, 50)], FLAT)
    assert ((parts > 0) == dumbbell).all()
    assert (parts[:, :31][dumbbell[:, :31]] == 1).all()
    assert (parts[:, 36:][dumbbell[:, 36:]] == 2).all()


@pytest.mark.parametrize(
    "seeds", [[(20, 17), (20, 24)], [(20, 24), (20, 17)], [(24, 21), (14, 10)]]
)
def test_without_a_neck_the_cut_is_half_way(seeds):
    disc = (np.ogrid[:40, :40][0] - 20) ** 2 + (np.ogrid[:40, :40][1] - 20) ** 2 <= 15**2
    parts = parts_by_seeds(disc, seeds, FLAT)
    assert ((parts > 0) == disc).all()
    centre = np.mean(seeds, axis=0)
    along = np.subtract(seeds[1], seeds[0])
    far = ((np.stack(np.indices(disc.shape), -1) - centre) @ along) / np.linalg.norm(along)
    assert (parts[disc & (far > 1)] == 2).all()
    assert (parts[disc & (far < -1)] == 1).all()


def test_a_small_bud_is_cut_off_and_not_half_of_the_body(dumbbell):
    small = (np.ogrid[:40, :70][0] - 20) ** 2 + (np.ogrid[:40, :70][1] - 65) ** 2 <= 4**2
    parts = parts_by_seeds(dumbbell | small, [(20, 20), (20, 66)], FLAT)
    assert 10 <= np.count_nonzero(parts == 2) <= 60


def test_a_piece_without_a_seed_stays_with_the_first(dumbbell):
    dumbbell[0, 0] = True
    assert parts_by_seeds(dumbbell, [(20, 50), (20, 14)], FLAT)[0, 0] == 1


@pytest.mark.parametrize(
    "line", [[(0, 33), (39, 33)], [(0, 20), (39, 55)], [(-9, 60.4), (20, 30), (50, 41.7)]]
)
def test_a_line_parts_an_object_and_leaves_no_pixel(dumbbell, line):
    parts = parts_by_line(dumbbell, wall_along(line, dumbbell.shape), FLAT)
    assert ((parts > 0) == dumbbell).all()
    assert parts.max() >= 2
    assert np.count_nonzero(parts == 1) >= np.count_nonzero(parts == 2)
    for number in range(1, parts.max() + 1):
        assert label_components(parts == number).max() == 1


def test_a_line_that_ends_inside_is_refused(dumbbell):
    with pytest.raises(UserError, match="does not cut"):
        parts_by_line(dumbbell, wall_along([(20, 10), (20, 40)], dumbbell.shape), FLAT)


def test_far_pieces_are_not_touched_by_a_cut(dumbbell):
    dumbbell[38:40, :6] = True
    parts = parts_by_line(dumbbell, wall_along([(0, 33), (39, 33)], dumbbell.shape), FLAT)
    assert (parts[38:40, :6] == 1).all()
    assert parts.max() == 2


def test_parts_get_labels_or_a_gap(dumbbell):
    parts = parts_by_line(dumbbell, wall_along([(0, 20), (39, 55)], dumbbell.shape), FLAT)
    block = np.where(dumbbell, 5, 0).astype(np.uint8)
    labelled = relabel_parts(block, parts, [9])
    assert set(np.unique(labelled)) == {0, 5, 9}
    gap = separate_parts(block, parts)
    assert label_components(gap > 0).max() == 2
    assert np.count_nonzero(block) - np.count_nonzero(gap) < 100


def test_a_wall_holds_in_a_volume():
    mask = np.ones((6, 20, 20), bool)
    wall = np.broadcast_to(wall_along([(0, 3), (19, 15)], (20, 20)), mask.shape)
    parts = parts_by_line(mask, wall, (5, 1, 1))
    assert parts.max() == 2
    assert (parts == parts[0]).all()
