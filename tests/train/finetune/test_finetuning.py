"""A run from its first crop to its report, with little of everything."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from napari_scsam.config import UserError
from napari_scsam.model import ScSAM
from napari_scsam.steps import drive
from napari_scsam.train.finetune import data as finetune_data
from napari_scsam.train.finetune import finetuning
from napari_scsam.train.finetune.finetuning import SHARES, Finetuning, finetune
from napari_scsam.train.finetune.known_labels import KnownClass
from napari_scsam.train.finetune.levels import ClassLevels
from napari_scsam.train.finetune.review_crops import CROP_SIDE
from napari_scsam.train.finetune.settings import FinetuneSettings
from napari_scsam.train.finetune.shares import LEAST_AGREEMENT
from napari_scsam.train.finetune.steps import FinetuneStep
from napari_scsam.train.finetune.tuned_weights import learned, take_path
from napari_scsam.train.finetune.validation import Validation


@pytest.fixture(autouse=True)
def _noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replay noise, which is quicker than cells."""
    monkeypatch.setattr(finetune_data, "replay_images", noise)


def noise(count: int, seed: int) -> list[torch.Tensor]:
    """Return images of noise in 0..1."""
    chance = torch.Generator().manual_seed(seed)
    return [torch.rand(1, CROP_SIDE, CROP_SIDE, generator=chance) for _ in range(count)]


@pytest.fixture(scope="module")
def quick(quick: FinetuneSettings) -> FinetuneSettings:
    return replace(quick, crops=1, replayed=1, validated=4, batch=1)


@pytest.fixture(scope="module")
def embedded(source, random_model: ScSAM, quick: FinetuneSettings) -> Finetuning:
    """A run whose crops are embedded; tests must not change it."""
    run = Finetuning(source, random_model, 5.0, torch.device("cpu"), None, quick)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finetune_data, "replay_images", noise)
        list(run.embed())
    return run


@pytest.fixture
def run(source, model: ScSAM, quick: FinetuneSettings, embedded: Finetuning) -> Finetuning:
    """A run of its own that has the crops of another, as embedding takes most of the time."""
    run = Finetuning(source, model, 5.0, torch.device("cpu"), None, quick)
    for kind in ("learned", "held_out", "replayed", "rehearsed"):
        getattr(run.data, kind).crops.extend(getattr(embedded.data, kind).crops)
    run.data.pieces.extend(embedded.data.pieces)
    return run


@pytest.mark.slow
def test_a_run_goes_through_its_phases_and_reports(
    source, random_model: ScSAM, quick: FinetuneSettings
) -> None:
    weights = copy.deepcopy(random_model.state_dict())
    steps = finetune(source, random_model, device="cpu", settings=quick)
    seen: list[FinetuneStep] = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as done:
            result = done.value
            break
    phases = [step.phase for step in seen]
    order = list(dict.fromkeys(phases))
    assert order == ["embedding", "learning", "comparing"]
    assert phases[-1] == "comparing"
    learning = [step for step in seen if step.phase == "learning"]
    assert [step.step for step in learning] == [1, 2, 3]
    assert {step.total for step in learning} == {3}
    assert all(step.losses["loss"] > 0 for step in learning)
    assert all(step.seconds_left >= 0 for step in seen)
    assert [step.seconds for step in seen] == sorted(step.seconds for step in seen)
    report = result.report
    assert report.before.keys() == report.after.keys() == {"vesicle"}
    assert report.steps == 3
    assert report.parent_share in SHARES
    assert (result.model is random_model) == (not report.offered)
    for name, value in random_model.state_dict().items():
        assert torch.equal(value, weights[name]), f"the parent's {name} is as before"


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan"), float("inf")])
def test_a_run_needs_time(source, model: ScSAM, minutes: float) -> None:
    with pytest.raises(UserError, match="give a number above 0"):
        drive(finetune(source, model, minutes=minutes))


def test_the_loss_is_the_weighted_sum(run: Finetuning) -> None:
    losses = run.train_step(0, 6)
    assert losses.keys() == {"loss", "label", "hold", "replay"}
    how = run.settings
    expected = losses["label"] + how.hold * losses["hold"] + how.replay * losses["replay"]
    assert losses["loss"] == pytest.approx(expected, rel=1e-4)


def test_steps_change_the_copy_and_nothing_of_the_network(run: Finetuning) -> None:
    before = copy.deepcopy(run.model.state_dict())
    start = learned(run.path)
    run.train_step(0, 4)
    run.train_step(1, 4)
    changed = learned(run.path)
    for name in ("fusion.out.bias", "class_prompt.prototypes", "detail.class_filters.weight"):
        assert not torch.equal(changed[name], start[name]), name
    after = run.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_the_rate_rises_and_falls(run: Finetuning) -> None:
    rates = []
    for step in (0, 10, 39):
        run.train_step(step, 40)
        rates.append(run.optimiser.param_groups[1]["lr"])
    assert rates[0] < rates[1]
    assert rates[2] < rates[1] <= run.settings.rate


@torch.inference_mode()
def test_a_tuned_model_answers_clicks_and_other_classes_as_its_parent(run: Finetuning) -> None:
    image = torch.rand(1, 1, 64, 64)
    point = (torch.tensor([[[30.0, 30.0]]]), torch.ones(1, 1))
    run.path.detail.class_filters.weight += 1
    run.best_weights = learned(run.path)
    tuned = run.best_model()
    assert run.best_model() is tuned
    assert list(tuned.tuned) == [run.path], "added once"
    seen = [model.fuse(model.encode(image)) for model in (run.parent, tuned)]
    clicks = [
        model.prompt_logits(embedding, point)[0]
        for model, embedding in zip((run.parent, tuned), seen, strict=True)
    ]
    torch.testing.assert_close(*clicks, rtol=1e-3, atol=1e-3)
    before, after = run.parent.class_logits(seen[0]), tuned.class_logits(seen[1])
    torch.testing.assert_close(after[:, :2], before[:, :2], rtol=1e-3, atol=0.05)
    assert not torch.allclose(after[:, 2], before[:, 2], atol=0.5)


def test_learning_goes_on_where_an_earlier_fine_tuning_ended(
    source, model: ScSAM, quick: FinetuneSettings
) -> None:
    earlier = take_path(model, (KnownClass("vesicle", (2,)),))
    earlier.fusion.out.bias.data += 1
    model.tuned.append(earlier)
    run = Finetuning(source, model, 5.0, torch.device("cpu"), None, quick)
    assert torch.equal(run.path.fusion.out.bias, earlier.fusion.out.bias)
    assert run.path is not earlier, "the parent keeps its own"
    run.best_weights = learned(run.path)
    assert len(run.best_model().tuned) == 1


def test_steps_are_planned_by_the_time_that_is_left(run: Finetuning) -> None:
    run.settings = replace(run.settings, most_steps=100)
    run.budget = run.seconds + 50
    run.reserve = 10
    assert run.planned(3, 1.0) in (42, 43)
    assert run.planned(3, 0.1) == 100
    run.reserve = 1000
    assert run.planned(3, 1.0) == 3, "never fewer than were done"


def judged(run: Finetuning, *found: Validation) -> None:
    answers = iter(found)
    run.judge = SimpleNamespace(validate=lambda _model: next(answers))


def scored(dice: float, held: float) -> Validation:
    return Validation({"vesicle": dice}, {"membrane": held})


def test_the_best_weights_are_those_that_score_more_and_hold_the_rest(run: Finetuning) -> None:
    run.best = scored(0.5, 1.0)
    better, forgetful, worse = scored(0.6, 0.95), scored(0.9, 0.5), scored(0.55, 1.0)
    judged(run, forgetful, better, worse)
    run.keep_best()
    assert not run.best_weights
    run.keep_best()
    assert run.best is better
    kept = run.best_weights
    run.keep_best()
    assert run.best is better
    assert run.best_weights is kept


def test_agreement_just_reached_is_enough(run: Finetuning) -> None:
    run.best = scored(0.5, 1.0)
    judged(run, scored(0.6, LEAST_AGREEMENT))
    run.keep_best()
    assert run.best.score == 0.6


def test_the_chosen_share_of_the_parent_is_in_the_weights(run: Finetuning) -> None:
    start = learned(run.path)
    run.train_step(1, 4)
    end = learned(run.path)
    judged(run, scored(0.9, 0.5), scored(0.8, 0.97), scored(0.7, 0.97))
    run.judge.fit_levels = lambda _path: scored(0.82, 0.97)
    assert drive(run.choose(start)) == SHARES[1]
    assert run.best.score == 0.82
    found = learned(run.best_model().tuned[-1])
    for name, weight in found.items():
        torch.testing.assert_close(weight, torch.lerp(end[name], start[name], SHARES[1]))


def test_a_tuned_model_has_the_levels_that_were_chosen(run: Finetuning) -> None:
    before = run.model.thresholds.clone()
    run.best_weights = learned(run.path)
    run.best = replace(scored(0.9, 1.0), levels=(ClassLevels(shift=0.25, least_mean=0.5),))
    changes = (run.best_model().thresholds - before).tolist()
    assert changes == [0.0, 0.0, 0.25]
    assert run.best_model().classes[2].least_mean == 0.5
    assert (run.best_model().thresholds - before).tolist() == changes, "shifted once"


def test_embedding_ends_when_its_share_of_the_time_is_over(run: Finetuning) -> None:
    run.budget = 100.0
    run.clock = lambda: run.began + 30.0
    assert not run.is_late()
    run.clock = lambda: run.began + 46.0
    assert run.is_late()


def test_a_run_that_is_stopped_at_once_offers_the_parent(
    source, random_model: ScSAM, quick: FinetuneSettings
) -> None:
    result = drive(finetune(source, random_model, device="cpu", stop=lambda: True, settings=quick))
    assert result.model is random_model
    assert not result.report.offered
    assert result.report.steps == 0


@pytest.mark.slow
def test_a_stopped_run_is_resumed_where_it_was(
    source, random_model: ScSAM, quick: FinetuneSettings, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(finetuning, "SAVE_EVERY", 0.0)
    state = tmp_path / "state.safetensors"
    many = replace(quick, most_steps=3, validations=0)
    first = finetune(source, random_model, device="cpu", state=state, settings=many)
    for step in first:
        if step.phase == "learning" and step.step == 1:
            break
    first.close()
    assert state.exists()
    again = finetune(source, random_model, device="cpu", state=state, settings=many)
    learning = [step.step for step in again if step.phase == "learning"]
    assert learning[0] == 2
    assert learning[-1] == 3
    assert not state.exists(), "a finished run leaves no state"


def test_a_model_without_classes_is_refused(
    source, random_model: ScSAM, quick: FinetuneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(random_model.config, branches="sam", detail=False, prompts_only=True)
    monkeypatch.setattr(random_model, "config", config)
    with pytest.raises(UserError, match="class"):
        drive(finetune(source, random_model, device="cpu", settings=quick))
