from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from napari_scsam.checkpoints.replace import check_replaceable
from napari_scsam.cli.pseudo_label import check_mask
from napari_scsam.cli.shared.training_run import check_finished
from napari_scsam.cli.teach import check_checkpoint_path
from napari_scsam.config import UserError
from napari_scsam.io.label_files.record import LabelRecord
from napari_scsam.io.label_files.tiff import write_label_tiff


def test_our_checkpoints_are_replaced(checkpoint: Path, tmp_path: Path) -> None:
    check_replaceable(checkpoint)
    check_replaceable(tmp_path / "new.safetensors")
    (tmp_path / "empty.safetensors").touch()
    check_replaceable(tmp_path / "empty.safetensors")


@pytest.mark.parametrize("kind", ["text", "weights of others", "folder"])
def test_nothing_else_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mine.safetensors"
    if kind == "text":
        path.write_text("raw data")
    elif kind == "weights of others":
        save_file({"a": np.zeros(3)}, path, {"format": "pt"})
    else:
        path.mkdir()
    for check in (
        check_replaceable,
        lambda p: check_checkpoint_path(p, overwrite=True),
        lambda p: check_finished(p, True),
    ):
        with pytest.raises(UserError, match="is not a checkpoint of napari-scsam"):
            check(path)


def test_a_folder_of_somebody_else_takes_no_record_of_a_run(tmp_path: Path) -> None:
    out = tmp_path / "mine.safetensors"
    check_finished(out, False)
    (tmp_path / "mine.run").mkdir()
    check_finished(out, False)
    (tmp_path / "mine.run" / "curves.csv").write_text("mine")
    with pytest.raises(UserError, match="holds files that no run of napari-scsam wrote"):
        check_finished(out, True)
    (tmp_path / "mine.run" / "run.json").write_text("{}")
    check_finished(out, True)


def test_a_mask_that_a_person_made_is_not_replaced(tmp_path: Path) -> None:
    mask = tmp_path / "reviewed.tif"
    check_mask(mask, overwrite=False)
    write_label_tiff(mask, np.ones((2, 8, 8), np.uint8), LabelRecord())
    with pytest.raises(UserError, match="add --overwrite"):
        check_mask(mask, overwrite=False)
    check_mask(mask, overwrite=True)
    mask.write_bytes(b"mine")
    with pytest.raises(UserError, match="was not written by napari-scsam"):
        check_mask(mask, overwrite=True)
