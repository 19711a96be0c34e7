from __future__ import annotations

import json
import re

import numpy as np
import pytest

from napari_scsam.config import NoClassesError, UserError
from napari_scsam.model import ScSAMConfig


@pytest.mark.parametrize(
    ("setting", "choices"),
    [
        ("branches", ("sam+mae", "sam", "mae")),
        ("fusion", ("gated", "sum")),
        ("similarity", ("cosine", "unscaled", "dot")),
    ],
)
def test_a_setting_has_a_few_choices(setting: str, choices: tuple[str, ...]) -> None:
    for choice in choices:
        assert getattr(ScSAMConfig(**{setting: choice}), setting) == choice
    with pytest.raises(
        UserError, match=f"{setting} = .other. is unknown; choose from {re.escape(choices[0])}"
    ):
        ScSAMConfig(**{setting: "other"})


def test_settings_come_back_from_json() -> None:
    config = ScSAMConfig(sam="vit_b", nm_per_pixel=5.0, tile=1024, detail=False)
    assert ScSAMConfig(**json.loads(json.dumps(config.to_dict()))) == config


def test_a_network_for_prompts_only_finds_no_classes() -> None:
    ScSAMConfig().need_classes()
    with pytest.raises(NoClassesError, match="answers clicks and boxes only"):
        ScSAMConfig(prompts_only=True).need_classes()


def test_a_network_of_ours_answers_prompts_and_measures_the_contrast() -> None:
    config = ScSAMConfig()
    assert not config.classes_only
    config.need_prompts()
    assert config.own_contrast(np.dtype(np.uint8)) is None
