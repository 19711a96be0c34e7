"""``scsam evaluate``: its options, and which scores are computed; the scores are tested in train."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import tifffile

from napari_scsam import cli
from napari_scsam.cli import evaluate as command
from napari_scsam.cli.evaluate import parse_map
from napari_scsam.config import ClassSpec, NoClassesError, UserError
from napari_scsam.io.volumes import as_volume
from napari_scsam.train.scoring import click_evaluation, evaluate

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(5, "vesicle"))
NEEDED = ["evaluate", "--image", "i", "--labels", "l"]


def read(*more: str) -> argparse.Namespace:
    return cli.build_parser().parse_args([*NEEDED, *more])


def test_pairs_of_a_map_add_up_over_the_options() -> None:
    assert read("--map", "1=a", "2=b", "--map", "3=c").map == ["1=a", "2=b", "3=c"]
    assert read().map == []
    assert (read().smallest, read().clicks, read().tolerance) == (24, None, None)


@pytest.mark.parametrize("pair", ["mitochondrion", "=PSD", "3=", "-3=vesicle", "1.5=vesicle"])
def test_what_is_no_pair_is_told(pair: str) -> None:
    with pytest.raises(UserError, match=f"^--map {pair} is not a pair; write a label value"):
        parse_map([pair], CLASSES)


def test_several_values_may_be_one_class() -> None:
    assert parse_map(["3=vesicle", "4=vesicle"], CLASSES) == {3: CLASSES[1], 4: CLASSES[1]}
    assert parse_map([], CLASSES) is None
    with pytest.raises(UserError, match="no class is called 'golgi'"):
        parse_map(["1=golgi"], CLASSES)
    with pytest.raises(UserError, match="names the label value 1 twice"):
        parse_map(["1=vesicle", "1=mitochondrion"], CLASSES)


def scored(monkeypatch: pytest.MonkeyPatch, result: Any) -> dict[str, Any]:
    """Return the arguments that both evaluations get; `result` is of classes, or their error."""
    seen: dict[str, Any] = {}

    def classes(*arguments: Any, **chosen: Any):
        seen["classes"] = (arguments[3:], chosen)
        if isinstance(result, Exception):
            raise result
        yield from ()
        return result

    def clicks(*arguments: Any, **chosen: Any):
        seen["clicks"] = (arguments[3:], chosen)
        yield from ()
        return "clicks"

    monkeypatch.setattr(evaluate, "evaluate", classes)
    monkeypatch.setattr(click_evaluation, "evaluate_clicks", clicks)
    return seen


def score(*more: str) -> list[Any]:
    volume = as_volume(np.zeros((4, 5, 6), np.uint8))
    predictor = cast(Any, SimpleNamespace(classes=CLASSES))
    return command.score(read(*more), predictor, volume, volume)


def test_classes_are_scored_and_clicks_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = scored(monkeypatch, "classes")
    assert score("--slices", "1-2", "--tolerance", "9", "--map", "7=vesicle") == ["classes"]
    chosen = {"slices": (1, 2), "smallest": 24}
    assert seen == {"classes": (({7: CLASSES[1]},), {"tolerance": 9.0, **chosen})}
    assert score("--clicks", "3", "--smallest", "5") == ["classes", "clicks"]
    assert seen["clicks"] == ((3, None), {"slices": None, "smallest": 5})


@pytest.mark.parametrize("error", [NoClassesError(), evaluate.UnknownLabelError("value 9; map it")])
def test_without_classes_only_clicks_are_scored(
    error: UserError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scored(monkeypatch, error)
    with pytest.raises(type(error)):
        score()
    assert capsys.readouterr().err == ""
    assert score("--clicks", "1") == ["clicks"]
    assert capsys.readouterr().err == f"scsam: only clicks are scored, because {error}\n"


def test_the_json_is_all_scores_in_one_table(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Part(str):
        def to_dict(self) -> dict[str, str]:
            return {str(self): "0.5"}

    monkeypatch.setattr(command, "score", lambda *_: [Part("classes"), Part("clicks")])
    tifffile.imwrite(tmp_path / "em.tif", np.eye(9, dtype=np.uint8))
    tifffile.imwrite(tmp_path / "lab.tif", np.eye(9, dtype=np.uint8))
    files = ["--image", str(tmp_path / "em.tif"), "--labels", str(tmp_path / "lab.tif")]
    out = ["--checkpoint", str(checkpoint), "--device", "cpu", "--json", str(tmp_path / "o.json")]
    assert cli.main(["evaluate", *files, *out]) == 0
    told = capsys.readouterr()
    assert told.out == "classes\n\nclicks\n"
    assert "voxel size unknown" in told.err
    written = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))
    assert written == {"classes": "0.5", "clicks": "0.5"}
