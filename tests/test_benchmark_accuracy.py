"""The accuracy benchmark: its parts, what it plans to run, and all of it at a small scale."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn", reason="the benchmark extra is not installed")

from benchmarks.accuracy import unet
from benchmarks.accuracy.__main__ import bench_of, earlier_results, parse, waves_left, with_prices
from benchmarks.accuracy.budget import fit, seconds_a_step
from benchmarks.accuracy.forest import ForestLogits, features
from benchmarks.accuracy.pixels import PixelPredictor
from benchmarks.accuracy.plan import EFFICIENCY, FULL, QUICK, VARIANTS, Run, Scale, pending, runs_of
from benchmarks.accuracy.unet import UNet
from benchmarks.accuracy.work import Bench, digest, recipe_of, settings_of
from sklearn.ensemble import RandomForestClassifier

from napari_scsam.config import ClassSpec
from napari_scsam.io.contrast import Contrast
from napari_scsam.io.volumes import open_labels
from napari_scsam.train import resume
from napari_scsam.train.recipe import Recipe, read_recipe
from napari_scsam.train.schedule import TrainStep

ROOT = Path(__file__).resolve().parents[1]

CLASSES = (ClassSpec(2, "dark"), ClassSpec(7, "bright"))

ONE_OF_EACH_KIND = ("a", "a+", "f", "g", "h")
"""Variants of every kind; the others differ in settings of the network, which its own tests try."""


def test_the_unet_answers_at_full_size_for_every_class() -> None:
    model = UNet(6)
    assert model(torch.rand(2, 1, 64, 40)).shape == (2, 6, 64, 40)
    assert [level[0].out_channels for level in model.down] == [24, 48, 96, 192]
    assert all(any(p.abs().sum() > 0 for p in level.parameters()) for level in model.up)


def test_every_unet_level_reaches_the_answer() -> None:
    model = UNet(3)
    model(torch.rand(1, 1, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


class Dots:
    """Crops whose bright pixels are the class."""

    def __init__(self, recipe: object) -> None:
        pass

    def batch(self, generator: torch.Generator) -> SimpleNamespace:
        image = torch.rand(1, 1, 16, 16, generator=generator)
        return SimpleNamespace(image=image, labels=(image[:, 0] > 0.5).long())


def test_a_unet_that_was_stopped_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unet, "LabelledCrops", Dots)
    monkeypatch.setattr(resume, "SAVE_SECONDS", -1.0)
    training = SimpleNamespace(seed=3, steps=3)
    recipe = SimpleNamespace(training=training, classes=CLASSES[:1])
    list(unet.train_unet(recipe, tmp_path / "whole.safetensors"))
    stopped = unet.train_unet(recipe, tmp_path / "stopped.safetensors", resumes=True)
    next(stopped)
    stopped.close()
    resumed = unet.train_unet(recipe, tmp_path / "stopped.safetensors", resumes=True)
    assert [step.step for step in resumed] == [2, 3]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"whole.safetensors", "stopped.safetensors"}, "the state is removed"
    whole = (tmp_path / "whole.safetensors").read_bytes()
    assert whole == (tmp_path / "stopped.safetensors").read_bytes()


def test_each_variant_runs_and_the_compared_have_seeds_and_fewer_slices() -> None:
    runs = runs_of(FULL)
    assert len({run.name for run in runs}) == len(runs) == 25
    assert {run.variant for run in runs} == set(VARIANTS)
    assert {run.variant for run in runs if run.seed == 1} == {"a", "a+", "e", "f", "f+", "j"}
    assert sorted(
        {(run.variant, len(run.slices)) for run in runs if run.variant in EFFICIENCY}
    ) == [(key, count) for key in ("a", "f") for count in (1, 3, 10, 30)]


@pytest.mark.parametrize("scale", [FULL, QUICK])
def test_nobody_learns_from_the_slices_to_calibrate_on(scale: Scale) -> None:
    assert not any(set(run.slices) & set(scale.held_out) for run in runs_of(scale))


@pytest.mark.emdata
def test_what_is_learned_is_far_from_what_is_calibrated_on_and_has_all_classes(
    emdata: Path,
) -> None:
    depth = np.loadtxt(emdata / "hippocampus/train_z.txt", dtype=int)
    assert (
        min(abs(int(depth[a]) - int(depth[b])) for a in FULL.training for b in FULL.held_out) * 5
        >= 20
    )
    labels = open_labels(emdata / "hippocampus/train_labels.tif")
    for slices in (*FULL.subsets, FULL.held_out):
        assert set(np.unique([labels.plane(z) for z in slices])) == set(range(7))


def names(waves: list[list[Run]]) -> list[set[str]]:
    return [{run.name for run in wave} for wave in waves]


def test_what_takes_a_checkpoint_waits_for_it_and_the_longest_run_is_first() -> None:
    first, second = pending(runs_of(FULL), (), ())
    assert first[0].variant == "a+"
    assert [run.variant for run in second] == ["g"]
    assert len(first) == 24


def test_what_is_done_is_not_repeated() -> None:
    every = {run.name for run in runs_of(FULL)}
    assert pending(runs_of(FULL), every, ()) == []
    assert names(pending(runs_of(FULL), every - {"c-seed0-30slices"}, every)) == [
        {"c-seed0-30slices"}
    ]


def test_calibration_repeats_its_base_only_where_the_checkpoint_is_gone() -> None:
    every = {run.name for run in runs_of(FULL)}
    full, calibrated = "f-seed0-30slices", "g-seed0-30slices"
    assert names(pending(runs_of(FULL), every - {calibrated}, every)) == [{calibrated}]
    assert names(pending(runs_of(FULL), every - {calibrated}, ())) == [{full}, {calibrated}]
    assert names(pending(runs_of(FULL), every - {full}, every)) == [{full}, {calibrated}]


def test_calibration_alone_brings_its_base() -> None:
    only = [run for run in runs_of(FULL) if run.variant == "g"]
    assert names(pending(only, (), ())) == [{"f-seed0-30slices"}, {"g-seed0-30slices"}]


def spin(seconds: float, recipe: Recipe, out: Path) -> Iterator[TrainStep]:
    for step in range(recipe.training.steps):
        end = time.process_time() + (
            10 * seconds if step == 0 else seconds
        )  # the first step comes with the set-up
        while time.process_time() < end:
            pass
        yield TrainStep(step + 1, recipe.training.steps, {"loss": 0.5}, 0.0)
    out.write_text("trained")


def test_what_a_step_costs_is_measured_without_its_set_up_and_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = read_recipe(ROOT / "benchmarks/accuracy/recipe.toml")
    trainers = {"cheap": (partial(spin, 0.01), recipe), "dear": (partial(spin, 0.03), recipe)}
    found = seconds_a_step(trainers, rounds=3)
    assert found == {"cheap": pytest.approx(0.01, rel=0.3), "dear": pytest.approx(0.03, rel=0.3)}
    assert list(tmp_path.iterdir()) == [], "runs that are only timed leave nothing behind"


def test_minutes_buy_steps_by_their_price(tmp_path: Path) -> None:
    recipe = read_recipe(ROOT / "benchmarks/accuracy/recipe.toml")
    bench = Bench(
        replace(FULL, minutes=2.0),
        recipe,
        Path("data"),
        Path("out"),
        {"a": 0.5, "a+": 0.5, "f": 1.0},
    )
    steps = {key: bench.steps(Run(key, 0, (4,))) for key in bench.prices}
    assert steps == {"a": 240, "a+": 720, "f": 120}
    record = fit(partial(spin, 0.0), recipe, tmp_path / "out", 7)
    assert (record["steps"], record["crops"]) == (7, 28)
    assert (tmp_path / "out").read_text() == "trained"


def test_pixels_are_answered_tile_by_tile_without_seams() -> None:
    grey = np.random.default_rng(0).integers(0, 101, (150, 230)).astype(np.uint8)
    asked = []

    def answer(tile: np.ndarray) -> np.ndarray:
        asked.append(tile.shape)
        return np.stack([0.4 - tile, tile - 0.6]).astype(np.float32)

    predictor = PixelPredictor(CLASSES, answer, tile=128)
    predictor.set_image(grey, contrast=Contrast(0, 100))
    np.testing.assert_allclose(predictor.class_logits()[1], grey / 100 - 0.6, atol=1e-5)
    labels = predictor.segment()
    assert np.all(labels[grey < 40] == 2)
    assert np.all(labels[grey > 60] == 7)
    assert np.all(labels[(grey > 40) & (grey < 60)] == 0)
    assert len(asked) == 2 * 3


def test_the_forest_tells_dark_from_bright_and_knows_classes_it_never_saw() -> None:
    grey = np.zeros((48, 48), np.float32)
    grey[:, 24:] = 1
    rows = features(grey).reshape(48 * 48, -1)
    forest = RandomForestClassifier(5, random_state=0).fit(
        rows, (grey > 0.5).astype(np.uint8).ravel() * 2
    )
    logits = ForestLogits(forest, 2)(grey)
    assert logits.shape == (2, 48, 48)
    assert np.all(logits[1, :, 30:] > 0)
    assert np.all(logits[1, :, :18] < 0)
    assert np.all(logits[0, :, :18] < 0)


def test_a_variant_differs_from_the_shipped_recipe_in_what_it_says_alone() -> None:
    bench = Bench(
        FULL, read_recipe(ROOT / "benchmarks/accuracy/recipe.toml"), Path("data"), Path("out")
    )
    runs = {
        run.variant: recipe_of(bench, run)
        for run in runs_of(FULL)
        if run.slices == FULL.training and run.seed == 0
    }
    assert runs["b"].model == replace(runs["f"].model, branches="sam")
    assert runs["b"].training == replace(runs["f"].training, unfreeze=("sam",))
    assert runs["e"] == replace(runs["f"], model=replace(runs["f"].model, similarity="dot"))
    assert runs["g"] == runs["f"]
    assert runs["a"].sources == runs["f"].sources
    assert runs["f"].training.prompts == 0


def test_what_changes_nothing_repeats_nothing_and_what_changes_a_run_does(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"one")
    recipe = replace(
        read_recipe(ROOT / "benchmarks/accuracy/recipe.toml"),
        sam_weights=None,
        mae_weights=tmp_path / "weights",
    )
    bench, run = Bench(FULL, recipe, Path("data"), Path("out")), Run("f", 0, (4,))
    before = settings_of(bench, run)
    described = replace(
        recipe,
        classes=tuple(replace(c, description="another", colour="#000000") for c in recipe.classes),
    )
    clicks = replace(recipe, training=replace(recipe.training, steps=7, prompts=5, rounds=4))
    for same in (described, clicks):
        assert settings_of(replace(bench, recipe=same), run) == before
    faster = replace(recipe, training=replace(recipe.training, rate=0.1))
    others = [
        replace(bench, recipe=faster),
        replace(bench, scale=replace(FULL, minutes=9.0)),
        replace(bench, prices={"f": 2.0}),
    ]
    assert all(settings_of(other, run) != before for other in others)
    digest.cache_clear()
    (tmp_path / "weights").write_bytes(b"two")
    assert settings_of(bench, run) != before


@pytest.mark.emdata
@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_whole_benchmark_in_small(emdata: Path, tmp_path: Path) -> None:
    given = ["--quick", "--out", str(tmp_path), "--data", str(emdata / "hippocampus")]
    given += ["--jobs", "1", "--only", *ONE_OF_EACH_KIND]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.accuracy", *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    runs = [run for run in runs_of(QUICK) if run.variant in ONE_OF_EACH_KIND]
    assert set(results["runs"]) == {run.name for run in runs}
    for name, run in results["runs"].items():
        assert 0 <= run["scores"]["mean_dice"] <= 1, name
        assert [part["slices"] for part in run["parts"].values()] == [1, 1]
        assert run["revision"] or not (ROOT / ".git").exists()
    shares = {key: results["runs"][f"{key}-seed0-2slices"]["steps"] for key in ("a", "a+")}
    assert 1.5 * shares["a"] < shares["a+"]
    table = (tmp_path / "table.md").read_text()
    assert all(f"| ({key}) {VARIANTS[key].title}" in table for key in ONE_OF_EACH_KIND)
    assert table.count("| (f) full ScSAM") == 2
    assert all(math.isfinite(t) for t in results["runs"]["g-seed0-2slices"]["thresholds"])
    earlier = earlier_results(bench_of(parse(given)), fresh=False)
    bench = with_prices(bench_of(parse(given)), earlier)
    only = list(ONE_OF_EACH_KIND)
    assert waves_left(bench, earlier, only) == []
    afresh = waves_left(bench, earlier_results(bench, fresh=True), only)
    assert sum(map(len, afresh)) == len(runs)
