"""Regions that are kept from training show the whole volume and leave no twins behind."""

import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.train.finetune.held_out import (
    ALIKE,
    FEWEST_CELLS,
    cell_edges,
    choose_held_out,
    classes_on_both_sides,
    evenly,
    representative,
    without,
)
from napari_scsam.train.finetune.known_labels import UNKNOWN


def planes(count: int, side: int = 64) -> list[np.ndarray]:
    found = [np.zeros((side, side), np.uint8) for _ in range(count)]
    for plane in found:
        plane[::8] = 1
    return found


SIDES = (16.0, 16.0)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8, 20])
def test_something_is_always_held_out_and_something_left(count: int) -> None:
    held = choose_held_out(planes(count), SIDES)
    assert held
    left = without(planes(count), held)
    assert any((plane == 1).any() for plane in left)
    assert classes_on_both_sides(planes(count), held) == 1


@pytest.mark.parametrize("count", [1, 4, 8, 9])
def test_all_slices_have_held_out_regions_in_all_their_parts(count: int) -> None:
    held = choose_held_out(planes(count), SIDES)
    assert {region.place for region in held} == set(range(count))
    area = sum(region.of(planes(count)).size for region in held)
    assert area / (count * 64 * 64) == pytest.approx(0.2, abs=0.05)
    for place in range(count):
        rows = [region.window[0].start for region in held if region.place == place]
        assert max(rows) - min(rows) >= 32
        assert len(set(rows)) == len(rows), "no two beside each other"


def test_what_is_held_out_is_not_learned_from_the_next_slice() -> None:
    """Neighbouring slices are nearly equal; a region whose twin was learned tells nothing."""
    held = choose_held_out(planes(8), SIDES)
    windows = [{str(r.window) for r in held if r.place == place} for place in range(8)]
    same = [windows[place] == windows[place + 1] for place in range(7)]
    assert same.count(False) == 1
    assert not same[ALIKE - 1]
    assert not windows[0] & windows[-1], "other places are held out later"


def test_cells_are_about_as_large_as_a_tile_shows() -> None:
    assert [each.stop - each.start for each in cell_edges(1000, 210)] == [200] * 5
    assert len(cell_edges(100, 210)) == FEWEST_CELLS
    assert [each.start for each in cell_edges(7, 1)] == list(range(7))


def test_a_region_is_typical() -> None:
    targets = planes(4)
    for plane in targets:
        plane[:] = 0
        plane[16:32, 16:32] = 1
        plane[:4] = 1
    held = choose_held_out(targets, SIDES)
    inside = sum((region.of(targets) == 1).sum() for region in held)
    assert 0.1 < inside / sum((plane == 1).sum() for plane in targets) < 0.4


def test_a_class_that_one_slice_alone_shows_is_found_on_both_sides() -> None:
    targets = planes(6)
    targets[3][4::8] = 2
    assert classes_on_both_sides(targets, choose_held_out(targets, SIDES)) == 2


def test_one_small_patch_cannot_be_judged() -> None:
    targets = np.full((64, 64), UNKNOWN, np.uint8)
    targets[2, 2] = 1
    with pytest.raises(UserError, match="too little is reviewed"):
        choose_held_out([targets], SIDES)


def test_what_is_held_out_is_unknown_in_training() -> None:
    targets = planes(8)
    held = choose_held_out(targets, SIDES)
    left = without(targets, held)
    assert all((region.of(left) == UNKNOWN).all() for region in held)
    assert all((region.of(targets) != UNKNOWN).all() for region in held)


def test_few_regions_are_spread_evenly() -> None:
    held = choose_held_out(planes(8), SIDES)
    few = evenly(held, 5)
    assert len(few) == 5
    assert few[0].place == 0
    assert few[-1].place == 7
    assert evenly(held, 1000) == list(held)


def test_few_regions_show_every_class() -> None:
    targets = planes(8)
    held = choose_held_out(targets, SIDES)
    last = held[-2]
    last.of(targets)[0, 0] = 2
    chosen = representative(targets, held, 4)
    assert chosen[:4] == evenly(held, 4)
    assert chosen[4:] == [last]
    assert representative(targets, held, 1000) == list(held)
