"""Checkpoints, encoders and states of newer versions are named as such."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.numpy import save_file

from napari_scsam.checkpoints.card import read_card
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.checkpoints.formats import check_not_newer
from napari_scsam.checkpoints.mae_file import load_mae
from napari_scsam.checkpoints.replace import check_replaceable
from napari_scsam.config import UserError
from napari_scsam.paths import user_folder

NEWER = ["napari-scsam 2", "napari-scsam imported 3", "napari-scsam 10", "napari-scsam 2 mae"]


@pytest.mark.parametrize("stated", NEWER)
def test_a_newer_version_is_named_by_whoever_reads_it(tmp_path: Path, stated: str) -> None:
    path = tmp_path / "a.safetensors"
    save_file({}, path, {"format": stated, "card": "{}"})
    says = r"written by a newer version of napari-scsam \(format \d+\); update napari-scsam"
    with pytest.raises(UserError, match=says):
        read_card(path)
    with pytest.raises(UserError, match=says):
        load_mae(path, None)  # type: ignore[arg-type]  # it is not used
    with pytest.raises(UserError, match=says):
        check_replaceable(path)


def test_a_newer_checkpoint_in_the_list_is_named_when_it_is_asked_for() -> None:
    path = user_folder() / "mine.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({}, path, {"format": "napari-scsam 2"})
    with pytest.raises(UserError, match="newer version"):
        checkpoint_info("mine")


@pytest.mark.parametrize(
    "stated",
    [None, "", "pt", "napari-scsam 1", "napari-scsam imported 1", "napari-scsam 1 mae", "scsam 2"],
)
def test_other_formats_are_not_newer(tmp_path: Path, stated: str | None) -> None:
    check_not_newer(tmp_path, stated)
