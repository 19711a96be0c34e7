"""What fixes a fine-tuning, and when it validates."""

from __future__ import annotations

import json

import pytest

from napari_scsam.train.finetune.settings import FinetuneSettings, is_due


def test_settings_are_plain_values_and_tell_every_one() -> None:
    settings = FinetuneSettings(crops=7, seed=3)
    told = settings.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["crops"] == 7
    assert told["seed"] == 3
    assert told["look"]["zoom"] == settings.look.zoom
    assert told.keys() == vars(settings).keys()


def test_the_look_varies_less_than_in_training() -> None:
    from napari_scsam.train.augment import Augmentation

    mild = FinetuneSettings().look
    strong = Augmentation()
    for name in ("zoom", "stretch", "contrast", "brightness", "gamma", "blur", "tone", "noise"):
        assert getattr(mild, name) < getattr(strong, name), name


@pytest.mark.parametrize(
    ("total", "times", "due"),
    [
        (100, 3, [25, 50, 75]),
        (600, 3, [150, 300, 450]),
        (10, 1, [5]),
        (103, 3, [25, 50, 75]),
        (3, 1, [1, 2]),
        (1, 3, []),
    ],
)
def test_validations_are_evenly_spaced_and_none_is_on_the_last_step(
    total: int, times: int, due: list[int]
) -> None:
    assert [n for n in range(1, total + 1) if is_due(n, total, times)] == due
    assert not is_due(total, total, times) or total == 1
