from __future__ import annotations

import pytest
import torch

from napari_scsam.model.click_path import MAP_CELL, ClickPath, click_map, prompt_maps


def maps_of(points=None, boxes=None, masks=None, count: int = 2) -> torch.Tensor:
    return prompt_maps((8, 12), points, boxes, masks, count, torch.zeros(1))


def test_a_click_is_a_spot_where_it_was_made_and_of_its_kind() -> None:
    points = torch.tensor([[[20.0, 9.0]], [[41.0, 30.0]]]), torch.tensor([[1.0], [0.0]])
    maps = maps_of(points)
    for number, (channel, x, y) in enumerate([(0, 20, 9), (1, 41, 30)]):
        row, column = divmod(int(maps[number, channel].argmax()), 12)
        assert abs(row * MAP_CELL + 1.5 - y) <= MAP_CELL / 2
        assert abs(column * MAP_CELL + 1.5 - x) <= MAP_CELL / 2
        assert maps[number, channel].max() > 0.9
        assert maps[number, 1 - channel].abs().max() == 0
    assert maps[:, 2:].abs().max() == 0


def test_padding_points_leave_no_spot() -> None:
    assert maps_of((torch.full((2, 3, 2), 10.0), torch.full((2, 3), -1.0))).abs().max() == 0


def test_far_clicks_do_not_add_up() -> None:
    y, x = torch.arange(8.0) * 4, torch.arange(12.0) * 4
    twice = click_map(y, x, torch.full((1, 2, 2), 16.0), torch.ones(1, 2), 1)
    assert torch.equal(twice, click_map(y, x, torch.full((1, 1, 2), 16.0), torch.ones(1, 1), 1))


def test_a_box_fills_its_inside() -> None:
    maps = maps_of(boxes=torch.tensor([[8.0, 4.0, 24.0, 16.0], [0.0, 0.0, 48.0, 32.0]]))
    assert maps[0, 2, 1:4, 2:6].min() == 1
    assert maps[0, 2].sum() == 12
    assert maps[1, 2].min() == 1


def test_an_earlier_answer_is_bounded() -> None:
    maps = maps_of(masks=torch.tensor([-50.0, 50.0]).view(2, 1, 1, 1).expand(2, 1, 8, 12))
    assert maps[0, 3].unique().tolist() == [-1]
    assert maps[1, 3].unique().tolist() == [1]


@pytest.mark.parametrize("grid", [(8, 12), (4, 4), (20, 36)])
def test_untrained_it_leaves_sams_answer(grid: tuple[int, int]) -> None:
    path, logits = ClickPath(8).eval(), torch.randn(3, 1, *grid)
    assert torch.equal(path(logits, torch.randn(3, 4, *grid), torch.randn(3, 8, *grid)), logits)


def test_trained_it_heeds_prompts_and_features() -> None:
    torch.manual_seed(0)
    path = ClickPath(8).eval()
    path.out.reset_parameters()
    logits, maps, features = (
        torch.randn(2, 1, 8, 12),
        torch.rand(2, 4, 8, 12),
        torch.randn(2, 8, 8, 12),
    )
    answer = path(logits, maps, features)
    for changed in (
        path(logits, maps.flip(3), features),
        path(logits, maps, -features),
        path(-logits, maps, features) + 2 * logits,
    ):
        assert not torch.allclose(answer, changed, atol=1e-3)
    assert torch.allclose(answer[1:], path(logits[1:], maps[1:], features[1:]), atol=1e-5)
