"""Scoring clicks, with a predictor that answers each by a disc of known size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.infer.prompt_answer import PromptAnswer
from napari_scsam.infer.tiling import Tile
from napari_scsam.io.volumes import Volume, as_volume, open_labels, open_volume
from napari_scsam.steps import Progress
from napari_scsam.train.scoring.click_evaluation import ClickScores, evaluate_clicks

SPEC = ClassSpec(3, "granule")
IMAGE = as_volume(
    np.random.default_rng(1).integers(0, 255, (2, 40, 60)).astype(np.uint8), (20.0, 8.0, 8.0)
)


def labels_of(*boxes: tuple[int, int, int, int, int]) -> np.ndarray:
    """2×40×60 labels of 1 in boxes (z, y, x, height, width)."""
    labels = np.zeros(IMAGE.shape, np.uint8)
    for z, y, x, height, width in boxes:
        labels[z, y : y + height, x : x + width] = 1
    return labels


class Painter:
    """Fills a square of `side` round each click inside, clears one round each click outside, fills a box exactly."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.asked: list[dict[str, Any]] = []
        self.images: list[tuple[Any, ...]] = []

    def set_image(self, plane: np.ndarray, voxel_size: Any, *, contrast: Any) -> None:
        self.images.append((plane.shape, voxel_size, contrast))

    def predict_prompts(self, points=None, labels=None, boxes=None, masks=None) -> PromptAnswer:
        canvas, half = np.full((1, *IMAGE.shape[1:]), -1, np.float32), self.side // 2
        if boxes is not None:
            canvas[0, boxes[1] : boxes[3], boxes[0] : boxes[2]] = 1
        for (x, y), inside in zip(points or [], labels or [], strict=True):
            canvas[0, max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1] = (
                1 if inside else -1
            )
        part = np.s_[0:40, 0:60]
        answer = PromptAnswer(
            (40, 60),
            part,
            canvas,
            np.ones(1, np.float32),
            Tile(0, 0, 48, 64),
            torch.zeros(1, 1, 12, 16),
        )
        self.asked.append(
            {"points": points, "labels": labels, "boxes": boxes, "masks": masks, "answer": answer}
        )
        return answer


def score(
    painter: Painter, labels: np.ndarray, clicks: int, image: Volume = IMAGE, **options: Any
) -> ClickScores:
    steps = evaluate_clicks(painter, image, as_volume(labels), clicks, **options)  # type: ignore[arg-type]
    while True:
        try:
            assert isinstance(next(steps), Progress)
        except StopIteration as end:
            return end.value


def test_each_click_mends_more() -> None:
    scores = score(Painter(5), labels_of((0, 10, 10, 5, 15)), 3)
    np.testing.assert_allclose(scores.clicks, [[1 / 3, 2 / 3, 1]])
    np.testing.assert_allclose(scores.boxes, [1])
    table = scores.to_dict()
    assert table["clicks"]["objects"] == 1
    assert table["clicks"]["iou"] == pytest.approx([1 / 3, 2 / 3, 1])
    assert table["box_iou"] == 1
    assert table["box_iou_interval"] is None  # one object says nothing of others


def test_answers_are_fed_back_and_clicks_gather() -> None:
    painter = Painter(5)
    score(painter, labels_of((0, 10, 10, 5, 15)), 2)
    first, second, box = painter.asked
    assert first["masks"] is None
    assert second["masks"] is first["answer"]
    assert second["points"][:1] == first["points"]
    assert (first["labels"], second["labels"]) == ([1], [1, 1])
    assert (box["boxes"], box["masks"], box["points"]) == ((10, 10, 25, 15), None, None)


def test_too_much_is_clicked_away() -> None:
    painter = Painter(21)
    scores = score(painter, labels_of((0, 15, 25, 9, 9)), 2)
    assert painter.asked[1]["labels"] == [1, 0]
    assert scores.clicks[0, 0] == pytest.approx(81 / 441)


def test_a_perfect_answer_is_left_alone() -> None:
    painter = Painter(7)
    assert score(painter, labels_of((1, 10, 20, 7, 7)), 5).clicks.tolist() == [[1, 1, 1, 1, 1]]
    assert len(painter.asked) == 2


def test_means_are_over_objects_of_all_slices_with_their_spread() -> None:
    labels = labels_of(
        *((z, 2, x, 5, 5) for z in (0, 1) for x in (2, 22, 42)),
        *((z, 20, x, 10, 10) for z in (0, 1) for x in (2, 22, 42)),
    )
    scores = score(Painter(5), labels, 1)
    table = scores.to_dict()
    assert table["clicks"]["objects"] == 12
    assert table["clicks"]["iou"] == pytest.approx([0.625])
    low, high = table["clicks"]["iou_interval"][0]
    assert 0.25 < low < 0.5 < 0.75 < high < 1
    assert table["box_iou_interval"] == pytest.approx([1, 1])
    lines = str(scores).splitlines()
    assert [line.split()[:3] for line in lines[1:3]] == [
        ["1", "click", "0.625"],
        ["box", "1.000", "[1.000,"],
    ]
    assert lines[-1] == "12 objects"


def test_slices_and_sizes_can_be_chosen() -> None:
    painter, labels = Painter(5), labels_of((0, 2, 2, 5, 5), (1, 2, 2, 5, 5), (1, 20, 20, 2, 9))
    assert len(score(painter, labels, 1, slices=[1]).boxes) == 1
    assert [image[:2] for image in painter.images] == [((40, 60), (8.0, 8.0))]
    assert len(score(painter, labels, 1, slices=[1], smallest=18).boxes) == 2
    with pytest.raises(
        UserError,
        match="the labels hold no object of 99 or more pixels; choose other slices or values",
    ):
        score(painter, labels, 1, smallest=99)
    with pytest.raises(UserError, match="the image has no slice 2; its slices are 0 to 1"):
        score(painter, labels, 1, slices=[2])


def test_a_map_chooses_the_values_and_joins_those_of_one_class() -> None:
    labels = labels_of((0, 2, 2, 5, 5), (1, 20, 20, 5, 5)).astype(np.int32)
    labels[0, 2:7, 7:12], labels[0, 30:35, 30:35] = 500, 8
    assert len(score(Painter(5), labels, 1).boxes) == 4
    joined = score(Painter(5), labels, 1, mapping={1: SPEC, 500: SPEC})
    assert sorted(joined.clicks[:, 0].tolist()) == pytest.approx([0.5, 1])


def test_what_cannot_be_scored_is_told() -> None:
    with pytest.raises(UserError, match="0 clicks measure nothing; give 1 or more"):
        score(Painter(5), labels_of(), 0)
    with pytest.raises(UserError, match="give labels of that image"):
        score(Painter(5), labels_of()[:1], 1)


@pytest.mark.emdata
def test_the_shipped_checkpoint_answers_clicks_on_real_synapses(emdata: Any) -> None:
    from napari_scsam import Predictor, load_checkpoint

    predictor = Predictor(load_checkpoint("default"), "cpu")
    image, labels = (
        open_(emdata / "hippocampus" / f"dev_{name}.tif")
        for open_, name in ((open_volume, "raw"), (open_labels, "labels"))
    )
    steps = evaluate_clicks(
        predictor, image, labels, 2, {4: predictor.classes[3]}, slices=[6], smallest=100
    )
    while True:
        try:
            next(steps)
        except StopIteration as end:
            table = end.value.to_dict()
            break
    assert table["clicks"]["objects"] >= 3
    assert 0.02 < table["clicks"]["iou"][0] < 1
    assert 0.2 < table["box_iou"] < 1
