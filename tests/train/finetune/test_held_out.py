import numpy as np
import pytest

from napari_scsam.config import UserError
from napari_scsam.train.finetune.held_out import (
    HeldOutRegion,
    choose_held_out,
    classes_on_both_sides,
    cut_up,
    evenly,
    without,
)
from napari_scsam.train.finetune.known_labels import UNKNOWN


def planes(count: int, side: int = 64) -> list[np.ndarray]:
    found = [np.zeros((side, side), np.uint8) for _ in range(count)]
    for plane in found:
        plane[::8] = 1
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8, 20])
def test_something_is_always_held_out_and_something_left(count: int) -> None:
    held = choose_held_out(planes(count))
    assert held
    left = without(planes(count), held)
    assert any((plane == 1).any() for plane in left)
    assert classes_on_both_sides(planes(count), held) == 1


def test_whole_slices_are_held_out_of_many() -> None:
    assert choose_held_out(planes(8)) == (HeldOutRegion(4, (slice(0, 64), slice(0, 64))),)


def test_blocks_are_held_out_of_few_slices() -> None:
    held = choose_held_out(planes(2))
    assert {region.place for region in held} == {0, 1}
    assert all(region.of(planes(2)).shape == (16, 16) for region in held)


def test_a_class_that_one_slice_alone_shows_is_found_on_both_sides() -> None:
    targets = planes(6)
    targets[3][4::8] = 2
    assert classes_on_both_sides(targets, choose_held_out(targets)) == 2


def test_one_small_patch_cannot_be_judged() -> None:
    targets = np.full((64, 64), UNKNOWN, np.uint8)
    targets[2, 2] = 1
    with pytest.raises(UserError, match="too little is reviewed"):
        choose_held_out([targets])


def test_what_is_held_out_is_unknown_in_training() -> None:
    targets = planes(8)
    left = without(targets, choose_held_out(targets))
    assert (left[4] == UNKNOWN).all()
    assert (targets[4] != UNKNOWN).all()


def test_regions_are_cut_into_pieces_that_cover_them() -> None:
    pieces = cut_up([HeldOutRegion(0, (slice(10, 110), slice(0, 50)))], (40, 50))
    assert sum(piece.window[0].stop - piece.window[0].start for piece in pieces) == 100
    assert len(pieces) == 3
    assert len(evenly(pieces, 2)) == 2
