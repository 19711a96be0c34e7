"""Checkpoints for other programs: the same outputs, and a description that bioimage.io accepts."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from bioimageio.spec import load_description

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.checkpoints.export.bioimageio import SPDX, make_package
from napari_scsam.checkpoints.export.onnx_file import ClassMaps, check_exportable, write_onnx
from napari_scsam.checkpoints.export.own_exports import check_own_export
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.checkpoints.imported.importing import NetworkCard, import_network
from napari_scsam.cli import main
from napari_scsam.config import UserError
from napari_scsam.infer.device import has_bfloat16
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import Contrast
from napari_scsam.model import ScSAM

TILE = 128


@pytest.fixture(scope="module")
def onnx_file(random_model: ScSAM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "random.onnx"
    write_onnx(path, random_model, TILE)
    return path


def run(content: bytes, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"image": image})
    return logits


def tolerance() -> float:
    """A processor with bfloat16 computes the network in it, with two or three digits."""
    return 0.05 if has_bfloat16() else 1e-4


def test_onnx_runtime_computes_what_torch_does(onnx_file: Path, random_model: ScSAM) -> None:
    image = np.random.default_rng(1).random((1, 1, TILE, TILE), np.float32)
    with torch.inference_mode():
        expected = ClassMaps(random_model)(torch.from_numpy(image)).numpy()
    assert np.ptp(expected) > 0.1
    assert np.abs(run(onnx_file.read_bytes(), image) - expected).max() < 1e-4


def test_what_is_exported_and_imported_again_answers_alike(
    onnx_file: Path, random_model: ScSAM, tmp_path: Path
) -> None:
    card = NetworkCard(
        tuple(f"{spec.name}={spec.id}" for spec in random_model.classes),
        nm_per_pixel=random_model.config.nm_per_pixel,
        probabilities=False,
    )
    import_network(onnx_file, tmp_path / "again.safetensors", card)
    image = np.random.default_rng(2).integers(0, 255, (TILE, TILE), np.uint8)
    maps = []
    for model in (random_model, load_checkpoint(tmp_path / "again.safetensors")):
        predictor = Predictor(model, "cpu")
        predictor.set_image(image, 8.0, contrast=Contrast(0, 255))
        maps.append(predictor.class_logits())
    assert np.abs(maps[0] - maps[1]).max() < tolerance()


def test_a_package_is_what_bioimageio_asks_for(
    onnx_file: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = onnx_file.read_bytes()
    monkeypatch.setattr("napari_scsam.checkpoints.export.bioimageio.onnx_bytes", lambda *_: content)
    model = load_checkpoint(checkpoint)
    path = tmp_path / "random.zip"
    make_package(model, checkpoint_info(checkpoint), TILE).write(path)
    with zipfile.ZipFile(path) as archive:
        described = json.loads(archive.read("rdf.yaml"))
        files = {name: archive.read(name) for name in archive.namelist()}
    assert described["config"]["napari_scsam"]["classes"] == [c.to_dict() for c in model.classes]
    assert b"| 0 | " in files["README.md"]
    for tensor in (described["inputs"][0], described["outputs"][0]):
        stated = tensor["test_tensor"]
        assert hashlib.sha256(files[stated["source"]]).hexdigest() == stated["sha256"]
    # Its checks of files ask the network, too.
    found = load_description(path, perform_io_checks=False)
    assert found.validation_summary.status == "valid-format", found.validation_summary.format()


@pytest.mark.parametrize(
    ("licence", "is_file"), [("BSD-3-Clause", False), ("CC0-1.0", False), ("mine, ask me", True)]
)
def test_a_licence_without_an_identifier_becomes_a_file(licence: str, is_file: bool) -> None:
    assert (SPDX.fullmatch(licence) is None) == is_file


def test_only_exports_are_replaced(onnx_file: Path, tmp_path: Path) -> None:
    check_own_export(onnx_file)
    check_own_export(tmp_path / "new.onnx")
    other = tmp_path / "other.onnx"
    other.write_bytes(onnx_file.read_bytes()[:-1])
    link = tmp_path / "link.onnx"
    link.symlink_to(tmp_path / "nowhere")
    package = tmp_path / "other.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("rdf.yaml", "type: model")
    crowded = tmp_path / "crowded.zip"
    with zipfile.ZipFile(crowded, "w") as archive:
        archive.writestr("rdf.yaml", json.dumps({"config": {"napari_scsam": {}}}))
    check_own_export(crowded)
    with zipfile.ZipFile(crowded, "a") as archive:
        archive.writestr("thesis.docx", "mine")
    text = tmp_path / "text.zip"
    text.write_text("no archive")
    for path in (other, link, package, crowded, text, tmp_path):
        with pytest.raises(UserError, match="is no export of napari-scsam, so it is not replaced"):
            check_own_export(path)
    (tmp_path / "empty.zip").touch()
    check_own_export(tmp_path / "empty.zip")


def test_the_command_replaces_no_file_of_somebody_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option, name in (("--onnx", "x.onnx"), ("--bioimageio", "x.zip")):
        (tmp_path / name).write_text("mine")
        command = ["checkpoints", "export", option, str(tmp_path / name), "--overwrite"]
        assert main(command) == 2
        assert "is no export of napari-scsam" in capsys.readouterr().err
        assert (tmp_path / name).read_text() == "mine"


def test_what_onnx_cannot_hold_is_refused(model: ScSAM) -> None:
    with pytest.raises(UserError, match="a multiple of 16 from 64"):
        check_exportable(model, 100)
    model.lessons["er"] = "…"
    with pytest.raises(UserError, match="strokes taught this checkpoint er"):
        check_exportable(model, TILE)
