"""The table and the JSON of an evaluation, from counts made by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.metrics import BoundaryMatch, Calibration, ObjectMatch, Overlap
from napari_scsam.train.scoring.class_metrics import (
    METRICS,
    SCORE_COLUMNS,
    ClassCounts,
    MatchLimits,
)
from napari_scsam.train.scoring.scores import Scores

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(4, "PSD"))
NM = MatchLimits(10.0, "nm", (5.0, 5.0), 30)


def counts(both: int, predicted: int, truth: int) -> ClassCounts:
    """Overlap as said; outlines and objects that score 1/2; probabilities off by 0.1."""
    pixels = np.zeros(15)
    pixels[6] = 10
    calibration = Calibration(pixels, pixels * 0.4, pixels * 0.5)
    return {
        "overlap": Overlap(both, predicted, truth),
        "boundary": BoundaryMatch(1, 2, 2, 4),
        "objects": ObjectMatch(1, 2, 2, 0.75),
        "calibration": calibration,
    }


NOTHING: ClassCounts = {
    "overlap": Overlap(),
    "boundary": BoundaryMatch(),
    "objects": ObjectMatch(),
    "calibration": Calibration(),
}
SCORES = ("dice", "iou", "boundary_f1", "object_f1", "pq", "calibration_error")


def test_every_score_is_a_column_and_every_metric_has_a_name_of_its_own() -> None:
    assert tuple(column.name for column in SCORE_COLUMNS) == SCORES
    assert [metric.name for metric in METRICS] == list(NOTHING)


def test_json_has_every_score_of_every_class() -> None:
    table = Scores(CLASSES, ((counts(3, 4, 4), NOTHING), (counts(1, 4, 4), NOTHING)), NM).to_dict()
    assert json.loads(json.dumps(table, allow_nan=False)) == table
    first, second = table["classes"]
    assert first["dice_interval"] == pytest.approx([0.25, 0.75])
    assert first["iou_interval"] == pytest.approx([1 / 7, 3 / 5])
    assert (first["id"], first["name"], first["pixels"]) == (1, "mitochondrion", 8)
    assert [first[name] for name in SCORES] == pytest.approx([0.5, 1 / 3, 0.5, 0.5, 0.375, 0.1])
    assert second == {
        "id": 4,
        "name": "PSD",
        "pixels": 0,
        **dict.fromkeys((*SCORES, "dice_interval", "iou_interval")),
    }
    assert (table["mean_dice"], table["mean_iou"]) == (0.5, pytest.approx(1 / 3))
    assert table["mean_dice_interval"] == pytest.approx([0.25, 0.75])
    assert [table[k] for k in ("slices", "tolerance", "tolerance_unit", "smallest_object")] == [
        2,
        10.0,
        "nm",
        30,
    ]


def test_a_class_of_one_slice_has_an_interval_from_the_drawings_that_hold_it() -> None:
    slices = tuple(
        (counts(n, 10, 10), counts(3, 4, 4) if n == 5 else NOTHING) for n in (5, 6, 7, 8)
    )
    scores = Scores(CLASSES, slices, NM)
    rare, mean = scores.intervals()["dice_interval"][1:]
    assert rare == pytest.approx([0.75, 0.75])
    assert 0.5 < mean[0] < scores.to_dict()["mean_dice"] < mean[1] < 0.8


def test_the_interval_holds_the_score_and_narrows_with_more_slices() -> None:
    rng = np.random.default_rng(0)

    def width(number: int) -> float:
        scores = Scores(
            CLASSES[:1],
            tuple((counts(int(b), 100, 100),) for b in rng.integers(40, 90, number)),
            NM,
        )
        low, high = scores.to_dict()["classes"][0]["dice_interval"]
        assert low < scores.to_dict()["mean_dice"] < high
        return high - low

    assert width(400) < 0.5 * width(25)


def test_one_slice_says_nothing_of_others() -> None:
    table = Scores(CLASSES, ((counts(3, 4, 4), NOTHING),), NM).to_dict()
    assert table["classes"][0]["dice"] == 0.75
    assert table["classes"][0]["dice_interval"] is table["mean_iou_interval"] is None


def test_the_table_has_a_dash_for_a_class_that_never_occurs() -> None:
    scores = Scores(CLASSES, ((counts(3, 4, 4), NOTHING), (counts(1, 4, 4), NOTHING)), NM)
    head, *lines, foot = str(scores).splitlines()
    assert head.split() == [
        "class",
        "Dice",
        "[95",
        "%",
        "interval]",
        "IoU",
        "boundary",
        "F1",
        "object",
        "F1",
        "PQ",
        "ECE",
    ]
    numbers = ["0.500", "[0.250,", "0.750]", "0.333", "0.500", "0.500", "0.375", "0.100"]
    assert [line.split() for line in lines] == [
        ["mitochondrion", *numbers],
        ["PSD", *["–"] * 6],
        ["mean", *numbers],
    ]
    assert len({len(line) for line in (head, *lines)}) == 1
    assert foot == "2 slices; boundary tolerance 10 nm; objects of 30 pixels or more"


def test_one_line_says_what_is_not_labelled() -> None:
    *_, row, mean, line, foot = str(
        Scores(CLASSES[:1], ((counts(3, 4, 4),),), NM, CLASSES[1:])
    ).splitlines()
    assert row.split() == ["PSD", *["–"] * 6]
    assert mean.split()[1] == "0.750"
    assert line == "not labelled there, so not scored: PSD"
    assert foot.startswith("1 slice;")


def test_the_tolerance_is_two_pixels_unless_said() -> None:
    assert MatchLimits.for_pixels((40.0, 8.0, 6.0)) == MatchLimits(16.0, "nm", (8.0, 6.0), 24)
    assert MatchLimits.for_pixels((40.0, 8.0, 6.0), 5.0, 7) == MatchLimits(5.0, "nm", (8.0, 6.0), 7)
    assert MatchLimits.for_pixels(None) == MatchLimits(2.0, "px", (1.0, 1.0), 24)
    assert (
        str(MatchLimits.for_pixels(None))
        == "boundary tolerance 2 px (voxel size unknown); objects of 24 pixels or more"
    )


@pytest.mark.parametrize("nm", [0.0, -1.0, float("nan"), float("inf")])
def test_a_tolerance_that_cannot_be_used_is_told(nm: float) -> None:
    with pytest.raises(UserError, match=r"a tolerance of .* nm is not usable; give one above 0"):
        MatchLimits.for_pixels((5.0, 5.0, 5.0), nm)


def test_nm_of_unknown_pixels_are_told() -> None:
    with pytest.raises(
        UserError, match="the voxel size is unknown, so a tolerance in nm means nothing"
    ):
        MatchLimits.for_pixels(None, 10.0)
