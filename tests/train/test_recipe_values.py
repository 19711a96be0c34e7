"""Numbers without sense in a recipe, and files that lead nowhere, are refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_scsam.config import UserError
from napari_scsam.train.recipe import parse_recipe, read_recipe


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        ("data", "weight", 0.0),
        ("data", "weight", -1.0),
        ("data", "weight", 1e300),
        *(("training", name, -1.0) for name in ("rate", "decoder_rate", "encoder_rate")),
        ("training", "rate", 1e30),
        *(("training", name, -1.0) for name in ("class_weight", "contrastive", "prompt_weight")),
        ("training", "prompts", -1),
        ("training", "prompts", 10**12),
        ("training", "rounds", 10**12),
        ("training", "crop", 2**40),
        *(("augmentation", name, 0.0) for name in ("zoom", "stretch", "coarse")),
        *(("augmentation", name, -2.0) for name in ("zoom", "blur", "noise", "lookalikes")),
        ("augmentation", "zoom", 1e9),
        ("augmentation", "blur", 1e9),
        ("augmentation", "invert", 9.0),
    ],
)
def test_a_number_without_sense_is_refused(table: str, name: str, value: float) -> None:
    data: dict[str, object] = {"data": [{"image": "a", "labels": "b"}]}
    if table == "data":
        data = {"data": [{"image": "a", "labels": "b", name: value}]}
    elif table == "training":
        data["training"] = {name: value}
    else:
        data["training"] = {"augmentation": {name: value}}
    with pytest.raises(UserError, match=rf"{name} = .* is not usable; give "):
        parse_recipe(data, Path())


def test_lists_in_lists_without_end_are_told(tmp_path: Path) -> None:
    (tmp_path / "deep.toml").write_text("a = " + "[" * 100_000)
    with pytest.raises(UserError, match=r"deep.toml is not valid TOML"):
        read_recipe(tmp_path / "deep.toml")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"deep.json cannot be read as classes"):
        parse_recipe({"model": {"start": "a.safetensors", "taught": "deep.json"}}, tmp_path)
