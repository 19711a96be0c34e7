"""The card inside a checkpoint, and files without one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from napari_scsam.checkpoints.card import CHECKPOINT_FORMAT
from napari_scsam.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.config import UserError
from napari_scsam.model import ScSAM


def save(path: Path, model: ScSAM) -> None:
    save_checkpoint(
        path, model, summary="A test.", licence="CC0", training={"steps": 3, "data": ["a"]}
    )


def write(path: Path, metadata: dict[str, str] | None) -> Path:
    """A safetensors file with one weight and that header."""
    save_file({"weight": np.zeros(2, np.float32)}, path, metadata)
    return path


def test_the_card_tells_what_is_inside(tmp_path: Path, random_model: ScSAM) -> None:
    save(tmp_path / "new" / "tiny.safetensors", random_model)
    info = checkpoint_info(tmp_path / "new" / "tiny.safetensors").to_dict()
    assert info == json.loads(json.dumps(info))
    assert info["classes"][0] == random_model.classes[0].to_dict()
    del info["classes"]
    assert info == {
        "name": "tiny",
        "file": "tiny.safetensors",
        "nm_per_pixel": 8.0,
        "bytes": (tmp_path / "new" / "tiny.safetensors").stat().st_size,
        "licence": "CC0",
        "summary": "A test.",
        "config": random_model.config.to_dict(),
        "training": {"steps": 3, "data": ["a"]},
    }


def test_no_pickle_is_written(checkpoint: Path) -> None:
    length = int.from_bytes(checkpoint.read_bytes()[:8], "little")
    header = json.loads(checkpoint.read_bytes()[8 : 8 + length])
    assert header["__metadata__"]["format"] == CHECKPOINT_FORMAT


@pytest.mark.parametrize(
    "metadata",
    [None, {"format": "pt"}, {"format": f"{CHECKPOINT_FORMAT} mae", "encoder": "hybrid"}],
)
def test_a_file_of_somebody_else_is_refused(
    tmp_path: Path, metadata: dict[str, str] | None
) -> None:
    with pytest.raises(
        UserError,
        match=r"its header lacks the format 'napari-scsam 1'\); choose one written by scsam",
    ):
        load_checkpoint(write(tmp_path / "a.safetensors", metadata))


@pytest.mark.parametrize(
    ("card", "problem"),
    [
        ("", "its card is not JSON"),
        ("{", "its card is not JSON"),
        ("[" * 100_000, "its card is not JSON"),
        ("[]", r"the record = \[\] is not usable"),
        ("{}", "config is missing"),
        ('{"config": {}, "classes": 3}', "classes = 3 is not usable"),
        (
            '{"config": 3, "classes": [{"id": 1, "name": "a"}]}',
            "config = 3 is not usable",
        ),
    ],
)
def test_a_broken_card_is_told(tmp_path: Path, card: str, problem: str) -> None:
    with pytest.raises(
        UserError,
        match=r"a\.safetensors is a ScSAM checkpoint whose card cannot be used "
        rf"\({problem}\); fetch it again",
    ):
        checkpoint_info(
            write(tmp_path / "a.safetensors", {"format": CHECKPOINT_FORMAT, "card": card})
        )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sam.pth", "a .pth of SAM is for training only"),
        ("a.safetensors", "it may be cut off"),
    ],
)
@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 a zip file", b"\xff" * 100, b"\x10\0\0\0\0\0\0\0{}"]
)
def test_garbage_is_refused(tmp_path: Path, name: str, hint: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        UserError, match=rf"{name} is not a ScSAM checkpoint \(no safetensors header\); {hint}"
    ):
        load_checkpoint(tmp_path / name)


def test_a_truncated_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    whole = checkpoint.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        UserError,
        match=r"cut\.safetensors is not a ScSAM checkpoint .*it may be cut off; fetch it again",
    ):
        load_checkpoint(tmp_path / "cut.safetensors")
