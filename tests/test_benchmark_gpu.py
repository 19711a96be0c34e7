"""What runs on a graphics card is tried on the processor, in few steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks import gpu

from napari_scsam.train.recipe import Recipe, read_recipe
from napari_scsam.train.schedule import TrainStep

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """Recipes that were trained, a step in no time."""
    recipes = []

    def fake(recipe: Recipe, out: Path, *_: object, **__: object) -> Iterator[TrainStep]:
        recipes.append(recipe)
        for step in range(min(recipe.training.steps, 40)):
            yield TrainStep(step + 1, recipe.training.steps, {"loss": 0.5}, 0.0)
        out.write_text("weights")

    monkeypatch.setattr(gpu, "train", fake)
    monkeypatch.setattr(gpu, "seconds_a_step", lambda *_: 3.0)
    return recipes


def test_steps_fill_the_minutes_and_a_report_says_what_was_done(
    trained: list[Recipe], tmp_path: Path
) -> None:
    given = ["--device", "cpu", "--minutes", "1.5", "--out", str(tmp_path), "--train-only"]
    assert gpu.main(given) == 0
    assert trained[0].training.steps == 30
    assert (trained[0].training.batch, trained[0].training.crop) == (16, 384)
    report = (tmp_path / "report.md").read_text()
    assert "30 steps took" in report
    assert '"device": "cpu"' in report


def test_what_this_machine_lacks_is_left_out_and_said(tmp_path: Path) -> None:
    plan = gpu.Plan(gpu.RECIPE, 1.0, 2, 64, "cpu", tmp_path)
    recipe, notes = gpu.usable_recipe(plan)
    every = read_recipe(gpu.RECIPE)
    missing = [s for s in every.sources if not (s.image.exists() and s.labels.exists())]
    assert len(recipe.sources) == len(every.sources) - len(missing)
    assert recipe.start is not None
    assert recipe.start.exists()
    assert len(notes) >= len(missing)


def test_a_machine_without_a_card_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    if gpu.torch.cuda.is_available():
        pytest.skip("this machine has a card")
    assert gpu.main([]) == 2
    assert "cuda" in capsys.readouterr().err


def test_a_step_is_timed_after_some_that_warm_up(
    trained: list[Recipe], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    ticks = iter([10.0, 30.0])

    def endless(*_: object, **__: object) -> Iterator[TrainStep]:
        while True:
            yield TrainStep(1, 1, {"loss": 0.5}, 0.0)

    monkeypatch.setattr(gpu, "train", endless)
    recipe = replace(read_recipe(gpu.RECIPE), sources=())
    plan = gpu.Plan(gpu.RECIPE, 1.0, 2, 64, "cpu", tmp_path)
    assert gpu.seconds_a_step(recipe, plan, lambda: next(ticks)) == pytest.approx(2.0)


def test_each_command_of_the_report_exists() -> None:
    for module in [command[1] for command in gpu.AFTER.values() if command[1] != "pytest"]:
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
