"""``scsam checkpoints import``, and what commands do with an imported network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from small_networks import write_onnx

from napari_scsam.cli import main
from napari_scsam.cli.checkpoint_import import input_range
from napari_scsam.config import UserError
from napari_scsam.io.labels import read_class_table
from napari_scsam.io.volumes import open_labels


@pytest.fixture
def image(tmp_path: Path) -> Path:
    grey = np.random.default_rng(0).integers(0, 60, (2, 40, 80), np.uint8)
    grey[:, :, 40:] += 180
    tifffile.imwrite(tmp_path / "cell.tif", grey)
    return tmp_path / "cell.tif"


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path / "mine"))
    file = write_onnx(tmp_path / "er.onnx")
    assert main(["checkpoints", "import", str(file), "--channels", "ER=77,background"]) == 0
    return "er"


def test_its_classes_are_segmented_like_those_of_any_checkpoint(
    imported: str, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.zarr"
    assert main(["segment", str(image), "-o", str(out), "--checkpoint", imported]) == 0
    labels = np.asarray(open_labels(out).data[:])
    assert np.array_equal(labels, np.where(tifffile.imread(image) > 120, 77, 0))
    assert main(["checkpoints", "list"]) == 0
    assert "er " in capsys.readouterr().out
    assert main(["checkpoints", "info", imported, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"][0]["name"] == "ER"


@pytest.mark.parametrize("command", ["embed", "teach"])
def test_what_it_cannot_do_is_refused_in_a_sentence(
    imported: str,
    image: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    arguments = ["embed", str(image)]
    if command == "teach":
        strokes = tmp_path / "strokes.tif"
        tifffile.imwrite(strokes, (tifffile.imread(image) > 235).astype(np.uint8))
        out = str(tmp_path / "out.safetensors")
        arguments = ["teach", "--image", str(image), "--strokes", str(strokes), "--name", "a"]
        arguments += ["-o", out]
    capsys.readouterr()
    assert main([*arguments, "--checkpoint", imported]) == 2
    assert "choose a ScSAM checkpoint" in capsys.readouterr().err


def test_a_checkpoint_is_replaced_only_when_asked(
    imported: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = ["checkpoints", "import", str(tmp_path / "er.onnx"), "--channels", "ER,background"]
    assert main(again) == 2
    assert "add --overwrite" in capsys.readouterr().err
    assert main([*again, "--overwrite", "--mean-std", "0.5", "0.1"]) == 0


def test_mean_and_deviation_are_a_range() -> None:
    assert input_range(None, (0.5, 0.25)) == (-2.0, 2.0)
    assert input_range(None, None) == (0.0, 1.0)
    with pytest.raises(UserError, match="give one above 0"):
        input_range(None, (0.5, 0.0))
    with pytest.raises(UserError, match="black and white are the same"):
        input_range((1.0, 1.0), None)


def test_its_classes_are_written_beside_those_of_another(
    imported: str, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dark = write_onnx(tmp_path / "dark.onnx", [(-6.0, 3.0), (6.0, -3.0)])
    channels = ["--channels", "ER,background", "--nm", "8"]
    assert main(["checkpoints", "import", str(dark), *channels]) == 0
    out = tmp_path / "labels.zarr"
    words = ["segment", str(image), "-o", str(out), "--checkpoint", imported, "--with", "dark"]
    assert main([*words, "--voxel-size", "8", "--probabilities"]) == 0
    assert "dark finds ER (dark) at 8 nm per pixel" in capsys.readouterr().err
    labels = open_labels(out)
    classes = read_class_table(out)
    assert classes is not None
    assert [(spec.id, spec.name) for spec in classes] == [(7, "ER (dark)"), (77, "ER")]
    assert np.array_equal(labels.data[:], np.where(tifffile.imread(image) > 120, 77, 7))
    shares = np.asarray(zarr.open(out / "labels/classes/probabilities/0", mode="r"))
    assert shares[0, 0, 0, 60] < 50
    assert shares[1, 0, 0, 60] > 200
    channels = zarr.open(out / "labels/classes/probabilities", mode="r").attrs["ome"]["omero"]
    assert [channel["label"] for channel in channels["channels"]] == ["ER (dark)", "ER"]
    assert main([*words[:-2], "--voxel-size", "8", "--resume"]) == 2  # another run
    assert main([*words, "--voxel-size", "8", "--probabilities", "--resume"]) == 0  # the same one


def test_a_network_that_cannot_stand_beside_is_refused(
    imported: str, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["segment", str(image), "-o", str(tmp_path / "l.zarr"), "--checkpoint", imported]
    capsys.readouterr()
    assert main([*words, "--with", "default"]) == 2
    assert "scsam_tiny is not an imported network" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--mean-std", "128", "33"), "0.502 0.1294"),
        (("--mean-std", "nan", "1"), "grey values are in 0..1"),
        (("--mean-std", "0.5", "inf"), "other values for --mean-std"),
        (("--range", "0", "1e-300"), "other values for --range"),
        (("--nm", "0.008"), "8 nm?"),
        (("--nm", "8e-9"), "8 nm?"),
        (("--nm", "80000"), "8000"),
    ],
)
def test_values_in_another_unit_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], says: str
) -> None:
    network = write_onnx(tmp_path / "net.onnx")
    out = tmp_path / "new.safetensors"
    words = ["checkpoints", "import", str(network), "--channels", "background,mito"]
    assert main([*words, "-o", str(out), *options]) == 2
    assert says in capsys.readouterr().err
    assert not out.exists()


def test_a_network_that_does_not_fit_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "damaged.onnx").write_bytes(b"nothing")
    words = ["checkpoints", "import", str(tmp_path / "damaged.onnx"), "--channels", "mito"]
    assert main([*words, "-o", str(tmp_path / "new.safetensors")]) == 2
    assert "damaged.onnx" in capsys.readouterr().err
