"""The loop benchmark: its simulated annotator, computed by hand, and all of it on tiny slices."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the benchmark extra is not installed")

from benchmarks.accuracy.pixels import PixelPredictor
from benchmarks.loop.acts import dice, possible_acts
from benchmarks.loop.annotator import Annotator
from benchmarks.loop.asking import FIRST_TRUST, Trust
from benchmarks.loop.cases import CASES, Case, Picture
from benchmarks.loop.finetuning import Finetuning, Retraining, Tuned, corrected_volume
from benchmarks.loop.prices import Prices
from benchmarks.loop.regions import CROFTON, Mask, Region, regions
from benchmarks.loop.report import joined, read_records, write
from benchmarks.loop.teaching import teaching_strokes
from benchmarks.loop.tools import ByHand, ByNetwork, ByUNet
from benchmarks.loop.work import STROKES, WAYS, Shift, as_they_come, work_through

from napari_scsam.config import ClassSpec
from napari_scsam.io.contrast import Contrast

PRICES = Prices()


def square(y: int, x: int, side: int, shape: tuple[int, int] = (64, 64)) -> Mask:
    mask = np.zeros(shape, bool)
    mask[y : y + side, x : x + side] = True
    return mask


def picture(truth: Mask, z: int = 0) -> Picture:
    return Picture(z, truth.astype(np.uint8) * 200, truth, Contrast(0, 255), None)


class PerfectAnswers:
    """Knows every object."""

    kinds: Sequence[str] = ("click",)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def answer(self, kind: str, target: Region) -> Mask:
        self.asked.append(kind)
        mask = np.zeros((64, 64), bool)
        mask[target.place] = target.mask
        return mask


class Pupil(ByNetwork):
    """Finds what it was taught: the strokes themselves, or nothing any more."""

    def __init__(self, *, learns: bool) -> None:
        self.learns = learns
        self.found = square(4, 4, 6)
        self.forgot = 0

    def look(self, picture: Picture) -> Mask:  # noqa: ARG002 - as ByNetwork's
        return self.found

    def answers(self) -> None:  # type: ignore[override]
        """Answer no prompts."""

    def teach(self, picture: Picture, on: Mask, beside: Mask) -> None:  # noqa: ARG002 - as ByNetwork's
        self.before = self.found
        self.found = picture.truth if self.learns else self.found & False

    def forget_last(self) -> None:
        self.found = self.before
        self.forgot += 1


class WrongAnswers(PerfectAnswers):
    """Answers with the opposite."""

    def answer(self, kind: str, target: Region) -> Mask:
        return ~super().answer(kind, target)


def test_a_region_is_measured_along_its_outline() -> None:
    truth = square(10, 20, 8)
    (found,) = regions(truth, truth)
    assert found.place == (slice(10, 18), slice(20, 28))
    assert found.area == 64
    assert found.perimeter == pytest.approx(CROFTON * 32)
    assert found.edge == found.perimeter


def test_only_the_side_towards_an_object_must_fit() -> None:
    truth = square(10, 20, 8)
    wrong = np.zeros_like(truth)
    wrong[10:18, 28:30] = True
    (found,) = regions(wrong, truth)
    assert found.perimeter == pytest.approx(CROFTON * 20)
    assert found.edge == pytest.approx(CROFTON * 8)


def test_the_border_of_the_slice_need_not_fit() -> None:
    truth = square(0, 0, 8)
    (found,) = regions(truth, truth)
    assert found.edge == pytest.approx(CROFTON * 16)


def test_a_dab_costs_no_length_and_a_faster_hand_costs_less() -> None:
    mask = np.ones((4, 4), bool)
    dab = Region((slice(0, 4), slice(0, 4)), mask, 16, CROFTON * 16, 0.0)
    wide = Region((slice(0, 40), slice(0, 40)), np.ones((40, 40), bool), 1600, 160.0, 100.0)
    assert PRICES.stroke_of(dab) == PRICES.stroke
    assert PRICES.stroke_of(wide) == pytest.approx(0.7 + 92 / 40 + 92 / 100)
    assert PRICES.with_hand(2).stroke_of(wide) == pytest.approx(0.7 + 92 / 80 + 92 / 200)
    assert PRICES.outline_of(wide) == pytest.approx(0.7 + 160 / 40)


def test_the_gain_of_an_act_counts_what_it_spoils() -> None:
    truth = square(10, 10, 10)
    current = square(12, 10, 10)
    gains = {
        (act.kind, act.value): act.gain(current, truth)
        for act in possible_acts(current, truth, regions(truth, truth), PRICES)
    }
    assert gains == {
        ("stroke", True): 20,
        ("stroke", False): 20,
        ("delete", False): 20 - 80,
        ("outline", True): 20,
    }


def test_an_invented_object_is_deleted_at_one_price() -> None:
    truth = square(10, 10, 20)
    start = truth | square(33, 33, 30)
    day = Annotator(PRICES, 0.99).correct(start, truth)
    assert dict(day.acts) == {"delete": 1}
    assert day.seconds == PRICES.delete
    assert day.curve == [(0.0, dice(start, truth)), (PRICES.delete, 1.0)]


def test_a_good_slice_costs_nothing() -> None:
    truth = square(10, 10, 20)
    assert Annotator(PRICES, 0.9).correct(truth, truth).until(0.9) == 0


def test_the_effort_to_a_dice_is_that_of_the_first_act_that_reached_it() -> None:
    truth = square(4, 4, 20) | square(40, 40, 6)
    day = Annotator(PRICES, 1.0).correct(np.zeros_like(truth), truth)
    assert 0 < day.until(0.9) < day.until(1.0) == day.seconds
    assert Annotator(PRICES, 0.5).correct(truth & False, truth).until(1.0) == math.inf


def test_a_good_answer_is_cheaper_than_painting_and_a_bad_one_is_refused() -> None:
    truth = square(4, 4, 56)
    empty = np.zeros_like(truth)
    by_hand = Annotator(PRICES, 0.95).correct(empty, truth)
    clicked = Annotator(PRICES, 0.95).correct(empty, truth, PerfectAnswers())
    misled = Annotator(PRICES, 0.95).correct(empty, truth, WrongAnswers())
    assert clicked.seconds == PRICES.click + PRICES.accept < by_hand.seconds
    assert misled.acts["click refused"] == 1
    assert misled.seconds == pytest.approx(by_hand.seconds + PRICES.click + PRICES.key)


def test_who_was_refused_often_is_not_asked_any_more() -> None:
    truth = square(4, 4, 56)
    annotator = Annotator(PRICES, 0.95)
    answers = WrongAnswers()
    for _ in range(12):
        annotator.correct(np.zeros_like(truth), truth, answers)
    assert 0 < len(answers.asked) < 12


def test_trust_begins_with_a_guess_and_follows_what_is_seen() -> None:
    trust = Trust()
    assert trust.of("click") == pytest.approx(FIRST_TRUST)
    for _ in range(100):
        trust.learn("click", 1.0)
    assert trust.of("click") > 0.95
    assert trust.of("box") == pytest.approx(FIRST_TRUST)


def test_strokes_that_teach_are_where_they_must_be() -> None:
    truth = square(4, 4, 24)
    current = square(34, 34, 24)
    on, beside = teaching_strokes(current, truth, 2, np.random.default_rng(0))
    assert on.any()
    assert beside[34:58, 34:58].any()
    assert not (on & ~truth).any()
    assert not (beside & truth).any()


def test_slices_are_worked_through_in_the_chosen_order_and_learned_from() -> None:
    pictures = [picture(square(4, 4, 20), z) for z in (3, 5, 9)]
    shift = Shift(ByHand(), PRICES, teaches=False)
    learned: list[list[int]] = []
    finished = list(
        work_through(
            pictures,
            shift,
            lambda pictures, done: max({p.z for p in pictures} - set(done)),
            lambda done: learned.append([p.z for p in done]),
        )
    )
    assert [each.z for each in finished] == [9, 5, 3]
    assert learned == [[9], [9, 5]]
    assert as_they_come(pictures, [3]) == 5


def test_teaching_costs_its_strokes_and_what_made_it_worse_is_forgotten() -> None:
    truth = square(4, 4, 30)
    strokes = 2 * STROKES * PRICES.teach
    good = Pupil(learns=True)
    taught = Shift(good, PRICES, teaches=True).finish(picture(truth))
    assert (taught.day.seconds, taught.start, good.forgot) == (strokes, 1.0, 0)
    assert taught.first == dice(square(4, 4, 6), truth)
    bad = Pupil(learns=False)
    misled = Shift(bad, PRICES, teaches=True).finish(picture(truth))
    alone = Shift(Pupil(learns=False), PRICES, teaches=False).finish(picture(truth))
    assert bad.forgot == 1
    assert misled.day.seconds == pytest.approx(alone.day.seconds + strokes + PRICES.key)


def test_a_slice_is_cleared_where_starting_from_nothing_is_quicker() -> None:
    truth = square(4, 4, 20)
    pupil = Pupil(learns=False)
    pupil.found = truth & False
    pupil.found[::3, ::3] = True
    finished = Shift(pupil, PRICES, teaches=False).finish(picture(truth))
    by_hand = Shift(ByHand(), PRICES, teaches=False).finish(picture(truth))
    assert finished.day.acts["clear"] == 1
    assert finished.day.until(0.9) == pytest.approx(by_hand.day.until(0.9) + PRICES.key)
    assert by_hand.day.acts["clear"] == 0


def test_the_report_has_every_figure_and_shares_of_the_unet(tmp_path) -> None:
    case = Case("tissue", "blob", "", "", (), (0,), (0, 1), (0, 1), None)
    shift = Shift(ByHand(), PRICES, teaches=False)
    (slow,) = work_through([picture(square(4, 4, 20))], shift, as_they_come)
    record = slow.to_dict()
    half = {**record, "seconds": {k: v / 2 for k, v in record["seconds"].items()}}
    write({case.title: {"b": [record], "e": [half]}}, [case], {"click": 1.5}, tmp_path)
    table = (tmp_path / "table.md").read_text()
    row = next(line for line in table.splitlines() if line.startswith("| (e)"))
    assert row.endswith("| 50 % |")
    assert json.loads((tmp_path / "results.json").read_text())["cases"]["blob, tissue"]["e"]
    assert read_records(tmp_path, {"click": 1.5})["blob, tissue"]["e"] == [half]
    assert read_records(tmp_path, {"click": 2.0}) == read_records(tmp_path / "none", {}) == {}


def test_records_of_two_runs_are_joined_and_a_new_one_wins() -> None:
    assert joined({"blob": {"a": [], "b": []}}, {"blob": {"b": [{}]}, "cell": {"c": []}}) == {
        "blob": {"a": [], "b": [{}]},
        "cell": {"c": []},
    }


def test_finetuning_learns_from_the_finished_slices_and_one_class() -> None:
    finished = [picture(square(4, 4, 20), 3), picture(square(8, 8, 20), 9)]
    source = corrected_volume(finished, "blob")
    assert source.classes == {1: "blob"}
    assert source.image.shape == source.labels.shape == (2, 64, 64)
    assert np.array_equal(source.labels.plane(1), finished[1].truth)


def test_a_training_on_the_same_slices_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[list[int]] = []
    monkeypatch.setattr(
        Finetuning, "tuned", lambda _, finished: trained.append([p.z for p in finished])
    )
    known: Tuned = {}
    pictures = [picture(square(4, 4, 20), z) for z in (3, 5, 9)]
    for order in (pictures, pictures[::-1]):
        tool = Pupil(learns=True)
        tool.class_name = "blob"
        after = Finetuning(tool, parent=no_model, predictor_of=no_model, known=known).after
        after(order[:2])
        after(order)
    assert trained == [[3, 5, 9]]
    assert known == {("blob", (3, 5, 9)): None}


def no_model(*_: object) -> NoReturn:
    raise AssertionError("no network is needed")


def test_a_unet_is_trained_on_what_is_finished_and_corrected_from_then_on() -> None:
    asked: list[tuple[list[int], str]] = []

    def train(finished: Sequence[Picture], class_name: str) -> PixelPredictor:
        asked.append(([p.z for p in finished], class_name))
        return PixelPredictor([ClassSpec(1, class_name)], lambda grey: grey[None] - 0.5, 64)

    tool = ByUNet(PixelPredictor([], lambda grey: grey[None], 64), "blob", 5.0)
    pictures = [picture(square(4, 4, 20), z) for z in (3, 5, 9)]
    assert not tool.look(pictures[0]).any()
    training = Retraining(tool, train)
    training.after(pictures[:2])
    training.after(pictures)
    assert asked == [([3, 5, 9], "blob")]
    assert dice(tool.look(pictures[0]), pictures[0].truth) == 1


def test_each_part_of_the_loop_is_left_out_once() -> None:
    everything = next(way for way in WAYS if way.teaches and way.suggested and way.finetunes)
    without = [
        (way.teaches, way.suggested, way.finetunes)
        for way in WAYS
        if way.tool == "network" and way.teaches + way.suggested + way.finetunes == 2
    ]
    assert everything.key == "e"
    assert sorted(without) == [(False, True, True), (True, False, True), (True, True, False)]
    assert {way.tool for way in WAYS} == {"hand", "unet", "network"}
    assert {case.name for case in CASES} == {"hippocampus", "brain_sbem", "leaf"}
    assert all(b - a <= 768 for case in CASES for a, b in (case.rows, case.columns))
