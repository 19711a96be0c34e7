"""The training loop on a synthetic cell: it learns, what is frozen stays, and a killed run goes on exactly."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from napari_scsam.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.model import ScSAM, ScSAMConfig
from napari_scsam.samples.phantom import PHANTOM_CLASSES
from napari_scsam.train.build_model import build_model
from napari_scsam.train.recipe import Recipe
from napari_scsam.train.schedule import learning_rate
from napari_scsam.train.training import train


def with_training(recipe: Recipe, **settings: Any) -> Recipe:
    return replace(recipe, training=replace(recipe.training, **settings))


def part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k: v for k, v in weights.items() if k.startswith(prefix)}


def test_losses_fall_and_the_checkpoint_says_what_it_is(recipe: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "new folder" / "cell.safetensors"
    quick = replace(
        with_training(recipe, steps=24, pool=8, save_every=100, rate=1e-3),
        summary="A test",
        licence="CC0",
    )
    steps = list(train(quick, out))
    assert [s.step for s in steps] == list(range(1, 25))
    assert set(steps[0].losses) == {"loss", "class", "prototype", "prompt"}
    for name in ("loss", "class"):
        assert np.mean([s.losses[name] for s in steps[-6:]]) < 0.85 * np.mean(
            [s.losses[name] for s in steps[:4]]
        ), name
    info = checkpoint_info(out)
    assert (info.summary, info.licence, info.nm_per_pixel, info.classes) == (
        "A test",
        "CC0",
        8.0,
        PHANTOM_CLASSES[:6],
    )
    assert info.training["steps_done"] == 24
    assert info.training["sources"][0]["labels"].endswith("/labels.tif")
    assert load_checkpoint(out)(torch.rand(1, 1, 64, 64)).shape == (1, 6, 64, 64)
    assert sorted(p.name for p in out.parent.iterdir()) == ["cell.run", "cell.safetensors"]


def test_frozen_encoders_stay_and_crops_are_embedded_once(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded, encode = [], ScSAM.encode

    def count(model: ScSAM, image: Tensor) -> Any:
        embedded.append(len(image))
        return encode(model, image)

    monkeypatch.setattr(ScSAM, "encode", count)
    torch.manual_seed(recipe.training.seed)
    before = {k: v.clone() for k, v in build_model(recipe).state_dict().items()}
    list(train(with_training(recipe, steps=6), tmp_path / "cell.safetensors"))
    assert embedded == [2, 2]  # the pool's four crops
    after = load_file(tmp_path / "cell.safetensors")
    for prefix in ("image_encoder.", "mae."):
        assert part(after, prefix)
        assert all(torch.equal(v, before[k]) for k, v in part(after, prefix).items())
    for prefix in (
        "class_prompt.prototypes",
        "class_prompt.dense",
        "fusion.",
        "mask_decoder.",
        "detail.",
        "prompt_encoder.",
    ):
        assert any(not torch.equal(v, before[k]) for k, v in part(after, prefix).items()), prefix


@pytest.mark.parametrize(
    ("unfreeze", "stays"),
    [(("sam",), "mae."), (("mae",), "image_encoder."), (("sam", "mae"), None)],
)
def test_unfrozen_encoders_learn(
    recipe: Recipe, tmp_path: Path, unfreeze: tuple[str, ...], stays: str | None
) -> None:
    torch.manual_seed(recipe.training.seed)
    before = {k: v.clone() for k, v in build_model(recipe).state_dict().items()}
    list(train(with_training(recipe, unfreeze=unfreeze, steps=1), tmp_path / "cell.safetensors"))
    after = load_file(tmp_path / "cell.safetensors")
    for prefix in ("image_encoder.", "mae."):
        changed = sum(not torch.equal(v, before[k]) for k, v in part(after, prefix).items())
        assert changed == 0 if prefix == stays else changed > 0.5 * len(part(after, prefix))


@pytest.mark.parametrize("unfreeze", [(), ("sam", "mae")])
def test_a_killed_run_goes_on_exactly(
    recipe: Recipe, tmp_path: Path, unfreeze: tuple[str, ...]
) -> None:
    settings = with_training(recipe, unfreeze=unfreeze)
    whole = list(train(settings, tmp_path / "whole.safetensors"))
    run = train(settings, tmp_path / "killed.safetensors")
    for _ in range(3):  # one more than was saved
        next(run)
    run.close()
    resumed = list(train(settings, tmp_path / "killed.safetensors"))
    assert [s.step for s in resumed] == [3, 4]
    for now, then in zip(resumed, whole[2:], strict=True):
        assert now.losses == pytest.approx(then.losses, rel=1e-5)
    after = load_file(tmp_path / "killed.safetensors")
    for name, value in load_file(tmp_path / "whole.safetensors").items():
        torch.testing.assert_close(after[name], value, rtol=1e-5, atol=1e-6, msg=name)


def test_another_recipe_does_not_go_on_from_this_one(recipe: Recipe, tmp_path: Path) -> None:
    run = train(recipe, tmp_path / "cell.safetensors")
    next(run), next(run), run.close()
    other = replace(recipe, model=replace(recipe.model, nm_per_pixel=16.0))
    fewer = replace(recipe, classes=PHANTOM_CLASSES[:2])
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for changed, what in ((other, r"model\.nm_per_pixel: 8\.0 → 16\.0"), (fewer, "classes")):
        with pytest.raises(UserError, match=rf"other settings \({what}\) was stopped after step 2"):
            next(train(changed, tmp_path / "cell.safetensors"))
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == kept
    told: list[str] = []
    assert next(train(other, tmp_path / "cell.safetensors", on_restart=told.append)).step == 1
    assert [sentence.endswith("so this one starts from the beginning") for sentence in told] == [
        True
    ]


def test_without_prompts_only_classes_are_trained(recipe: Recipe, tmp_path: Path) -> None:
    step = next(train(with_training(recipe, prompts=0), tmp_path / "cell.safetensors"))
    assert set(step.losses) == {"loss", "class", "prototype"}


def test_without_classes_only_prompts_are_trained(recipe: Recipe, tmp_path: Path) -> None:
    steps = list(
        train(
            with_training(recipe, class_weight=0.0, rounds=1, steps=2),
            tmp_path / "cell.safetensors",
        )
    )
    assert set(steps[0].losses) == {"loss", "prompt"}
    assert steps[0].losses["loss"] == pytest.approx(0.5 * steps[0].losses["prompt"])


def test_weights_scale_their_losses(recipe: Recipe, tmp_path: Path) -> None:
    losses = next(
        train(
            with_training(recipe, class_weight=3.0, contrastive=0.2, prompt_weight=0.7),
            tmp_path / "cell.safetensors",
        )
    ).losses
    assert losses["loss"] == pytest.approx(
        3 * losses["class"] + 0.2 * losses["prototype"] + 0.7 * losses["prompt"], rel=1e-5
    )


@pytest.mark.parametrize(
    ("settings", "learns", "stays"),
    [
        ({"branches": "sam"}, ("image_encoder.", "detail."), ("mae.", "fusion.")),
        ({"branches": "mae"}, ("mae.", "detail.", "fusion."), ("image_encoder.",)),
        (
            {"fusion": "sum", "similarity": "dot", "detail": False},
            ("fusion.out", "class_prompt."),
            ("detail.", "fusion.channel_gate"),
        ),
    ],
)
def test_a_model_without_some_of_its_parts_trains_and_is_read_back(
    recipe: Recipe,
    tmp_path: Path,
    settings: dict[str, Any],
    learns: tuple[str, ...],
    stays: tuple[str, ...],
) -> None:
    ablated = replace(
        with_training(recipe, steps=2, save_every=1, unfreeze=("sam", "mae")),
        model=replace(recipe.model, **settings),
    )
    torch.manual_seed(ablated.training.seed)
    before = {k: v.clone() for k, v in build_model(ablated).state_dict().items()}
    run = train(ablated, tmp_path / "cell.safetensors")
    next(run), run.close()
    assert [s.step for s in train(ablated, tmp_path / "cell.safetensors")] == [2]
    after = load_file(tmp_path / "cell.safetensors")
    for prefix in learns:
        assert any(not torch.equal(v, before[k]) for k, v in part(after, prefix).items()), prefix
    for prefix in stays:
        assert part(after, prefix)
        assert all(torch.equal(v, before[k]) for k, v in part(after, prefix).items()), prefix
    again = load_checkpoint(tmp_path / "cell.safetensors")
    assert again.config == ablated.model
    assert again(torch.rand(1, 1, 64, 64)).shape == (1, 6, 64, 64)


def test_slices_kept_for_calibration_set_temperature_and_thresholds(
    recipe: Recipe, tmp_path: Path
) -> None:
    kept = replace(recipe.sources[0], calibration=(1,))
    list(
        train(
            replace(with_training(recipe, steps=1), sources=(kept,)), tmp_path / "cell.safetensors"
        )
    )
    assert load_checkpoint(tmp_path / "cell.safetensors").temperature.item() != 1


def test_a_missing_device_is_told(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this machine has no 'xpu' device"):
        next(train(recipe, tmp_path / "cell.safetensors", "xpu"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")
def test_it_trains_on_a_card(recipe: Recipe, tmp_path: Path) -> None:
    assert [s.step for s in train(recipe, tmp_path / "cell.safetensors", "cuda")] == [1, 2, 3, 4]


def test_it_starts_from_a_checkpoint_with_its_classes(recipe: Recipe, tmp_path: Path) -> None:
    torch.manual_seed(5)
    old = ScSAM(ScSAMConfig(nm_per_pixel=16.0, tile=128), PHANTOM_CLASSES[:3])
    save_checkpoint(tmp_path / "old.safetensors", old, summary="", licence="", training={})
    again = replace(
        with_training(recipe, rate=0.0, decoder_rate=0.0, steps=1),
        start=tmp_path / "old.safetensors",
        classes=(),
    )
    list(train(again, tmp_path / "new.safetensors"))
    assert checkpoint_info(tmp_path / "new.safetensors").nm_per_pixel == 16.0
    assert checkpoint_info(tmp_path / "new.safetensors").classes == PHANTOM_CLASSES[:3]
    new = load_file(tmp_path / "new.safetensors")
    assert all(torch.equal(new[k], v) for k, v in old.state_dict().items())
    wrong = replace(again, classes=(ClassSpec(2, "er"),))
    with pytest.raises(
        UserError,
        match=r"old\.safetensors calls the class with id 2 'mitochondrial_boundary', not 'er'; give 'er' another id",
    ):
        next(train(wrong, tmp_path / "wrong.safetensors"))
    wrong = replace(again, classes=(ClassSpec(9, "Vesicle"),))
    with pytest.raises(
        UserError, match=r"old\.safetensors knows 'Vesicle' with id 3, not 9; use one id"
    ):
        next(train(wrong, tmp_path / "wrong.safetensors"))


def test_what_labels_leave_open_is_held_to_the_checkpoint(recipe: Recipe, tmp_path: Path) -> None:
    torch.manual_seed(5)
    start = tmp_path / "old.safetensors"
    old = ScSAM(recipe.model, recipe.classes)
    save_checkpoint(start, old, summary="", licence="", training={})
    partly = replace(recipe.sources[0], classes=(recipe.classes[0].id,))
    held = with_training(recipe, hold=1.0, prompts=0, steps=2)
    steps = list(train(replace(held, start=start, sources=(partly,)), tmp_path / "new.safetensors"))
    assert steps[0].losses["hold"] == pytest.approx(0, abs=1e-3), "they are still the same"
    assert steps[1].losses["hold"] > steps[0].losses["hold"]
    rest = steps[0].losses["class"] + 0.1 * steps[0].losses["prototype"]
    assert steps[0].losses["loss"] == pytest.approx(steps[0].losses["hold"] + rest, rel=1e-4)


def test_classes_that_the_checkpoint_lacks_are_added(recipe: Recipe, tmp_path: Path) -> None:
    old = ScSAM(ScSAMConfig(nm_per_pixel=8.0, tile=128), PHANTOM_CLASSES[:3])
    save_checkpoint(tmp_path / "old.safetensors", old, summary="", licence="", training={})
    asked = (PHANTOM_CLASSES[0], ClassSpec(9, "er", "#123456"))
    more = replace(
        with_training(recipe, rate=0.0, decoder_rate=0.0, steps=1, keep=0.5),
        start=tmp_path / "old.safetensors",
        classes=asked,
    )
    list(train(more, tmp_path / "new.safetensors"))
    assert checkpoint_info(tmp_path / "new.safetensors").classes == (*PHANTOM_CLASSES[:3], asked[1])
    prototypes = load_checkpoint(tmp_path / "new.safetensors").class_prompt.prototypes
    torch.testing.assert_close(prototypes[:3], old.class_prompt.prototypes)
    assert prototypes[3].norm().item() == pytest.approx(1.0)
    assert {
        t.shape[0] for t in (prototypes, load_checkpoint(tmp_path / "new.safetensors").thresholds)
    } == {4}


def test_a_share_of_the_weights_it_started_from_is_kept(recipe: Recipe, tmp_path: Path) -> None:
    before = tmp_path / "before.safetensors"
    list(train(with_training(recipe, steps=1), before))
    ends = {}
    for share in (0.0, 0.75):
        out = tmp_path / f"{share}.safetensors"
        list(train(replace(with_training(recipe, steps=3, keep=share), start=before), out))
        ends[share] = load_file(out)
    first = load_file(before)
    moved = [name for name, value in ends[0.0].items() if not torch.equal(value, first[name])]
    assert moved
    for name in moved:
        torch.testing.assert_close(
            ends[0.75][name], 0.25 * ends[0.0][name] + 0.75 * first[name], atol=1e-6, rtol=1e-4
        )
    earlier = replace(
        with_training(recipe, steps=3, keep=0.75), start=before, kept=tmp_path / "0.0.safetensors"
    )
    list(train(earlier, tmp_path / "kept.safetensors"))
    kept = load_file(tmp_path / "kept.safetensors")
    assert all(torch.allclose(kept[name], ends[0.0][name], atol=1e-6) for name in moved)


def test_a_checkpoint_for_clicks_alone_is_not_started_from(recipe: Recipe, tmp_path: Path) -> None:
    """It lacks the parts that classes need; its SAM is what training can take."""
    clicks = ScSAM(
        ScSAMConfig(tile=128, branches="sam", detail=False, prompts_only=True), PHANTOM_CLASSES[:2]
    )
    save_checkpoint(tmp_path / "clicks.safetensors", clicks, summary="", licence="", training={})
    with pytest.raises(
        UserError,
        match=r'write sam = "vit_t" and sam_weights = ".*clicks\.safetensors" in place of start',
    ):
        next(
            train(
                replace(recipe, start=tmp_path / "clicks.safetensors", classes=()),
                tmp_path / "out.safetensors",
                "cpu",
            )
        )
    taken = replace(recipe, sam_weights=tmp_path / "clicks.safetensors")
    list(train(with_training(taken, steps=1), tmp_path / "out.safetensors", "cpu"))
    info = checkpoint_info(tmp_path / "out.safetensors")
    assert not info.prompts_only
    ours, theirs = load_file(tmp_path / "out.safetensors"), clicks.state_dict()
    assert all(torch.equal(v, theirs[k]) for k, v in part(ours, "image_encoder.").items())
    more = replace(recipe, start=tmp_path / "clicks.safetensors", classes=())
    list(
        train(with_training(more, steps=1, class_weight=0.0), tmp_path / "more.safetensors", "cpu")
    )
    assert checkpoint_info(tmp_path / "more.safetensors").prompts_only, "clicks alone were trained"


def test_a_run_has_its_folder(recipe: Recipe, tmp_path: Path) -> None:
    run = train(recipe, tmp_path / "cell.safetensors", "cpu")
    steps = [next(run) for _ in range(3)]  # one more than was saved
    run.close()
    folder = tmp_path / "cell.run"
    record = json.loads((folder / "run.json").read_text())
    assert record["settings"] == json.loads(json.dumps(recipe.to_dict()))
    assert record["steps_done"] == 2
    assert [f["file"].split("/")[-1] for f in record["starts"][0]["files"]] == [
        "image.tif",
        "labels.tif",
    ]
    steps += list(train(recipe, tmp_path / "cell.safetensors", "cpu"))
    record = json.loads((folder / "run.json").read_text())
    assert (record["steps_done"], [start["step"] for start in record["starts"]]) == (4, [0, 2])
    with (folder / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"]
    assert list(rows[0]) == [
        "step",
        "loss",
        "class",
        "prototype",
        "prompt",
        "rate",
        "decoder_rate",
        "encoder_rate",
        "seconds",
    ]
    for row, step in zip(rows, steps[:2] + steps[3:], strict=True):
        assert {name: float(row[name]) for name in step.losses} == pytest.approx(
            step.losses, rel=1e-4
        )
    for name in ("rate", "decoder_rate", "encoder_rate"):
        expected = [learning_rate(step, 4, getattr(recipe.training, name)) for step in range(4)]
        assert [float(row[name]) for row in rows] == pytest.approx(expected, rel=1e-4)
    with Image.open(folder / "predictions.png") as picture:
        assert picture.size == (
            5 * 64 + 6 * 4,
            2 * 64 + 3 * 4,
        )  # image, classes twice, an object twice; a row for each crop


def test_a_checkpoint_has_the_right_suffix(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"end its name in \.safetensors"):
        next(train(recipe, tmp_path / "cell.pth"))
