from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_scsam.config import UserError
from napari_scsam.infer.prompts import NO_POINT, prompt_tensors, tile_for
from napari_scsam.infer.tiling import Tile, tile_grid

ONE = (1.0, 1.0)


def test_points_of_one_object_and_of_many() -> None:
    one = prompt_tensors([(3, 5), (4, 6)], None, None, ONE)
    assert one.points.tolist() == [[[3, 5], [4, 6]]]
    assert one.labels.tolist() == [[1, 1]]
    many = prompt_tensors([[(3, 5)], [(4, 6)]], [[1], [0]], None, ONE)
    assert many.points.shape == (2, 1, 2)
    assert many.labels.tolist() == [[1], [0]]


def test_labels_may_be_flat() -> None:
    assert prompt_tensors([(3, 5), (4, 6)], [1, 0], None, ONE).labels.tolist() == [[1, 0]]


def test_coordinates_follow_the_zoom() -> None:
    prompts = prompt_tensors([(0, 0), (9, 19)], None, [2, 4, 10, 20], (0.5, 2.0))
    assert prompts.points.tolist() == [
        [[0.5, -0.25], [18.5, 9.25]]
    ]  # the middle of the pixel stays its middle
    assert prompts.boxes.tolist() == [[4, 2, 20, 10]]


def test_coordinates_inside_a_tile() -> None:
    prompts = prompt_tensors([[(30, 50)]], [[0]], [[20, 40, 60, 90]], ONE)
    (points, labels), boxes = prompts.inside(
        Tile(y=32, x=16, height=64, width=64), torch.device("cpu")
    )
    assert points.tolist() == [[[14, 18]]]
    assert labels.tolist() == [[0]]
    assert boxes.tolist() == [[4, 8, 44, 58]]
    assert (
        prompt_tensors(None, None, [0, 0, 5, 5], ONE).inside(
            Tile(0, 0, 16, 16), torch.device("cpu")
        )[0]
        is None
    )
    assert (
        prompt_tensors([(1, 1)], None, None, ONE).inside(Tile(0, 0, 16, 16), torch.device("cpu"))[1]
        is None
    )


def test_how_many_objects_and_whether_they_fit_a_tile() -> None:
    many = prompt_tensors([[(3, 5)], [(40, 6)]], None, None, ONE)
    assert many.objects == 2
    assert many.fit(Tile(0, 0, 16, 48))
    assert not many.fit(Tile(0, 0, 48, 32))
    box = prompt_tensors(None, None, [2, 4, 10, 20], ONE)
    assert box.objects == 1
    assert box.fit(Tile(4, 0, 32, 16))
    assert not box.fit(Tile(5, 0, 32, 16))


def test_only_what_contradicts_an_answer_is_a_correction() -> None:
    prompts = prompt_tensors(
        [[(3, 5), (4, 6), (7, 8), (9, 9)]], [[1, 0, 1, 0]], [0, 0, 20, 20], ONE
    )
    corrections = prompts.corrections(np.array([[True, True, False, False]]))
    assert corrections.labels.tolist() == [[NO_POINT, 0, 1, NO_POINT]]
    assert torch.equal(corrections.points, prompts.points)


@pytest.mark.parametrize(
    ("points", "labels", "boxes", "sentence"),
    [
        (None, None, None, "no prompt given; give points, boxes or both"),
        (None, [1], [0, 0, 9, 9], "labels belong to points, and there are none"),
        ([1, 2], None, None, r"points have shape \(2,\); give P×2 or N×P×2, each \(x, y\)"),
        ([(1, 2, 3)], None, None, r"points have shape \(1, 3\)"),
        (np.zeros((0, 2)), None, None, r"points have shape \(0, 2\)"),
        (
            [(1, 2), (3, 4)],
            [1, 0, 1],
            None,
            "3 labels do not match 2 points; give one label per point",
        ),
        ([(1, 2), (3, 4)], [1], None, "1 labels do not match 2 points"),
        (None, None, [1, 2, 3], r"boxes have shape \(3,\); give 4 or N×4, as \(x0, y0, x1, y1\)"),
        (None, None, [[[1, 2, 3, 4]]], r"boxes have shape \(1, 1, 4\)"),
        (None, None, np.zeros((0, 4)), r"boxes have shape \(0, 4\)"),
        (
            [(1, 2)],
            None,
            [[1, 2, 3, 4], [5, 6, 7, 8]],
            "1 sets of points and 2 boxes; give as many of each",
        ),
    ],
)
def test_what_does_not_fit_is_told(points, labels, boxes, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        prompt_tensors(points, labels, boxes, ONE)


SHAPE = (300, 400)
TILES = tile_grid(SHAPE, 128, 32)


def chosen(
    points=None, boxes=None, shape: tuple[int, int] = SHAPE, tiles: list[Tile] = TILES
) -> Tile:
    return tile_for(prompt_tensors(points, None, boxes, ONE), tiles, shape)


@pytest.mark.parametrize("point", [(0, 0), (399, 299), (200, 150), (70, 250), (64.5, 10)])
def test_a_click_gets_the_tile_where_it_lies_most_centrally(point: tuple[float, float]) -> None:
    tile = chosen([point])
    assert tile in TILES
    assert tile.contains(point[1], point[0])

    def off_centre(t: Tile) -> float:
        return max(abs(t.y + 64 - point[1]), abs(t.x + 64 - point[0]))

    assert off_centre(tile) == min(off_centre(t) for t in TILES if t.contains(point[1], point[0]))


def test_prompts_too_far_apart_for_a_tile_get_one_of_their_own() -> None:
    tile = chosen([(100, 80), (280, 140)])
    assert tile not in TILES
    assert (tile.height, tile.width) == (128, 272)
    for x, y in [(100, 80), (280, 140)]:
        assert tile.contains(y, x)
    assert 0 <= tile.y <= SHAPE[0] - tile.height
    assert 0 <= tile.x <= SHAPE[1] - tile.width


@pytest.mark.parametrize("box", [(0, 0, 400, 300), (-20, -9, 500, 400), (3, 3, 390, 299)])
def test_a_box_round_everything_gets_the_whole_slice(box: tuple[int, ...]) -> None:
    assert chosen(boxes=box) == Tile(0, 0, 304, 400)


def test_in_a_small_slice_a_box_round_everything_needs_no_new_tile() -> None:
    tiles = tile_grid((96, 90), 128, 32)
    assert chosen(boxes=(0, 0, 90, 96), shape=(96, 90), tiles=tiles) in tiles


def test_a_click_outside_the_slice_gets_the_nearest_tile() -> None:
    assert chosen([(-30, 1000)]) == Tile(172, 0, 128, 128)
