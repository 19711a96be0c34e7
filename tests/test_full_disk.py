"""A full disk is told with the name of the file, and nothing is left behind."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_scsam import atomic, cli
from napari_scsam.config import ClassSpec
from napari_scsam.errors import UserError, describe_os_error, without_drafts
from napari_scsam.gui.layers.files import write_labels_layer
from napari_scsam.io.labels import write_labels
from napari_scsam.json_files import replace_json

TABLE = (ClassSpec(1, "mitochondrion"),)
LABELS = np.zeros((2, 40, 50), np.uint8)
LABELS[:, 3:20, 3:20] = 1


def no_space(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def labels_file(tmp_path: Path) -> Path:
    """Labels that were written while there was space."""
    write_labels(tmp_path / "labels.tif", LABELS, None, TABLE)
    return tmp_path / "labels.tif"


@pytest.fixture(params=["sync", "write"])
def full_disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the first write, or the moment when data must be on disk."""
    if request.param == "sync":
        monkeypatch.setattr(atomic, "sync", no_space)
    else:
        monkeypatch.setattr(Path, "write_text", no_space)
        monkeypatch.setattr(Path, "write_bytes", no_space)
        monkeypatch.setattr("csv.writer", no_space)
        monkeypatch.setattr("tifffile.imwrite", no_space)


def test_a_table_on_a_full_disk(labels_file: Path, full_disk: None, capsys: Any) -> None:
    out = labels_file.parent / "out"
    out.mkdir()
    assert cli.main(["measure", str(labels_file), "-o", str(out / "t.csv")]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"scsam: {out / 't.csv'} cannot be read or written (No space left")
    assert list(out.iterdir()) == []


def test_json_on_a_full_disk(tmp_path: Path, full_disk: None) -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        replace_json(tmp_path / "scores.json", {"dice": 1})
    assert caught.value.filename == str(tmp_path / "scores.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.tif", "out.zarr"])
def test_save_as_on_a_full_disk(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """napari shows a `UserError` as a sentence, and any other error as a traceback."""
    monkeypatch.setattr(atomic, "sync", no_space)
    with pytest.raises(UserError, match=r"out\.(tif|zarr).* cannot be read or written") as caught:
        write_labels_layer(str(tmp_path / name), LABELS, {})
    assert ".part" not in str(caught.value)
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/data/.t.csv.6124.part: gone", "/data/t.csv: gone"),
        ("/data/.cell.zarr.77.old/zarr.json", "/data/cell.zarr/zarr.json"),
        (f"/data/a.zarr/zarr.json.{'0a' * 16}.partial", "/data/a.zarr/zarr.json"),
        ("/data/.hidden.tif", "/data/.hidden.tif"),
        ("/data/mine.123.part", "/data/mine.123.part"),
    ],
)
def test_no_message_names_a_temporary_file(text: str, shown: str) -> None:
    assert without_drafts(text) == shown
    assert shown in describe_os_error(OSError(errno.EIO, "broken", text))
