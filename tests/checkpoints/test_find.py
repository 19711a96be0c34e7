"""Finding checkpoints by name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from napari_scsam.checkpoints.card import CHECKPOINT_FORMAT
from napari_scsam.checkpoints.checkpoint import verify_checkpoint
from napari_scsam.checkpoints.find import find_checkpoint, list_checkpoints
from napari_scsam.config import UserError


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, with the random model in it."""
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path))
    (tmp_path / "mine.safetensors").hardlink_to(checkpoint)
    return tmp_path


def write(path: Path, metadata: dict[str, str] | None) -> Path:
    """A safetensors file with one weight and that header."""
    save_file({"weight": np.zeros(2, np.float32)}, path, metadata)
    return path


def test_the_users_folder_is_listed(folder: Path) -> None:
    write(folder / "foreign.safetensors", None)
    write(folder / "no_card.safetensors", {"format": CHECKPOINT_FORMAT})
    (folder / "cut.safetensors").write_bytes((folder / "mine.safetensors").read_bytes()[:1000])
    (folder / "sam.pth").write_bytes(b"")
    mine = [info for info in list_checkpoints() if info.path.parent == folder]
    assert [info.name for info in mine] == ["mine"]
    assert [c.name for c in mine[0].classes] == ["mitochondrion", "membrane", "vesicle"]


def test_a_listed_name_is_enough(folder: Path) -> None:
    assert find_checkpoint("mine") == folder / "mine.safetensors"
    assert verify_checkpoint("mine") == "mine"
    with pytest.raises(
        UserError, match=r"no checkpoint 'theirs'; give a path, or one of: default, .*mine"
    ):
        find_checkpoint("theirs")


def test_listing_is_cheap(folder: Path) -> None:
    script = """
import sys
from napari_scsam.checkpoints.find import checkpoint_info, list_checkpoints
names = [info.name for info in list_checkpoints()]
print("mine" in names, checkpoint_info("mine").classes[0].name, sorted({"torch", "timm", "napari", "qtpy"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=os.environ
    )  # a script of ours
    assert done.stdout.strip() == "True mitochondrion []", done.stderr
