"""``scsam finetune``."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from napari_scsam import cli
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.cli.finetune import read_class_names
from napari_scsam.config import UserError
from napari_scsam.steps import Steps
from napari_scsam.train.finetune import finetuning, save
from napari_scsam.train.finetune.settings import FinetuneSettings


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A small stack with bright squares that are labelled 5."""
    chance = np.random.default_rng(0)
    image = chance.integers(0, 80, (4, 160, 160)).astype(np.uint8)
    labels = np.zeros(image.shape, np.uint8)
    for z in range(4):
        for y, x in ((20, 30), (90, 100), (100, 20)):
            image[z, y : y + 36, x : x + 36] += 150
            labels[z, y : y + 36, x : x + 36] = 5
    paths = {name: tmp_path / f"{name}.tif" for name in ("image", "labels")}
    tifffile.imwrite(paths["image"], image, photometric="minisblack")
    tifffile.imwrite(paths["labels"], labels, photometric="minisblack")
    paths["classes"] = tmp_path / "classes.json"
    paths["classes"].write_text(json.dumps({"5": "vesicle"}), encoding="utf-8")
    return paths


@pytest.fixture(autouse=True)
def few_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Embed a handful of crops; how many there are is no matter of the command line."""
    few = FinetuneSettings(crops=1, replayed=1, validated=1, batch=1, most_steps=2, validations=0)
    monkeypatch.setattr(finetuning, "FinetuneSettings", lambda: few)


def command(files: dict[str, Path], checkpoint: Path, out: Path, *more: str) -> list[str]:
    named = [f"--{name}={path}" for name, path in files.items()]
    base = ["finetune", *named, "--checkpoint", str(checkpoint), "-o", str(out)]
    return [*base, "--device", "cpu", "--voxel-size", "8", "8", "8", *more]


def test_the_report_and_the_checkpoint_are_written(
    files: dict[str, Path], checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "tuned.safetensors", tmp_path / "report.json"
    assert (
        cli.main(command(files, checkpoint, out, "--minutes", "0.05", "--json", str(report))) == 0
    )
    told = json.loads(report.read_text(encoding="utf-8"))
    assert set(told["before"]) == set(told["after"]) == {"vesicle"}
    assert told["seconds"] > 0
    assert told["steps"] >= 1
    assert capsys.readouterr().out.strip() == str(out)
    info = checkpoint_info(out)
    assert info.classes == checkpoint_info(checkpoint).classes
    assert info.training["finetuned"]["parent"]["name"] == "random"
    assert len(info.training["finetuned"]["data"]) == 2
    assert "sha256" in info.training["finetuned"]["data"][0]
    assert cli.main(command(files, checkpoint, out)) == 2
    assert "already exists" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_costs_no_training(
    files: dict[str, Path],
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def trained(*_: object, **__: object) -> Steps[SimpleNamespace]:
        yield from ()
        return SimpleNamespace(report=SimpleNamespace(to_dict=dict))

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "tuned.safetensors"
    monkeypatch.setattr(finetuning, "finetune", trained)
    monkeypatch.setattr(save, "save_tuned", lambda path, *_: path.write_text("trained"))
    monkeypatch.setattr("napari_scsam.cli.finetune.replace_json", refuse)
    report = str(tmp_path / "report.json")
    assert cli.main(command(files, checkpoint, out, "--json", report)) != 0
    assert out.read_text() == "trained"
    assert capsys.readouterr().out.strip() == str(out)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1]", "does not name classes"),
        ("{}", "must give names for label values from 1 on"),
        ('{"0": "background"}', "must give names for label values from 1 on"),
        ('{"1": " "}', "must give names for label values from 1 on"),
        ('{"one": "vesicle"}', "does not name classes"),
        ("nothing", "does not name classes"),
        ('[["1", "vesicle"]]', "does not name classes"),
        ("[" * 100_000, "does not name classes"),
        ('{"1": "vesicle", "1": "granule"}', "names the label value 1 2 times"),
        ('{"1": "vesicle", "01": "granule"}', "names the label value 1 2 times"),
    ],
)
def test_a_wrong_class_file_is_told(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "classes.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=says):
        read_class_names(path)


def test_a_missing_class_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_class_names(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--minutes", "0"], "'0' is not usable; give a number above 0"),
        (["--minutes", "nan"], "'nan' is not usable; give a number above 0"),
        (["--slices", "9"], "9"),
    ],
)
def test_mistakes_end_in_one_line(
    files: dict[str, Path],
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    says: str,
) -> None:
    try:
        code = cli.main(command(files, checkpoint, tmp_path / "a.safetensors", *more))
    except SystemExit as stopped:  # of the parser
        code = stopped.code
    assert code == 2
    error = capsys.readouterr().err
    assert says in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "a.safetensors").exists()


def test_another_suffix_is_refused(
    files: dict[str, Path], checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(command(files, checkpoint, tmp_path / "a.pth")) == 2
    assert "let it end in .safetensors" in capsys.readouterr().err
