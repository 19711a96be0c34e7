"""A segmentation writes over nothing that somebody may have corrected."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import open_volume
from napari_scsam.project.image import ImageReference, copy_image
from napari_scsam.project.project import create_project
from napari_scsam.volume.output import check_output, is_taken, make_writable_folder
from napari_scsam.volume.writing.ledger import LEDGER

TABLE = (ClassSpec(1, "mitochondrion"),)
LABELS = np.ones((2, 8, 9), np.uint8)


def labels_at(path: Path) -> Path:
    write_labels(path, LABELS, (40.0, 8.0, 8.0), TABLE)
    return path


@pytest.mark.parametrize("suffix", [".zarr", ".tif"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_free_place_is_free(tmp_path: Path, suffix: str, overwrite: bool) -> None:
    out = tmp_path / f"new{suffix}"
    check_output(out, overwrite)
    assert not is_taken(out)


def test_an_empty_file_and_an_empty_folder_are_free(tmp_path: Path) -> None:
    (tmp_path / "empty.tif").touch()
    (tmp_path / "empty.zarr").mkdir()
    for name in ("empty.tif", "empty.zarr"):
        check_output(tmp_path / name, overwrite=False)
        assert not is_taken(tmp_path / name)


@pytest.mark.parametrize("suffix", [".zarr", ".tif"])
def test_finished_labels_are_replaced_only_when_asked(tmp_path: Path, suffix: str) -> None:
    out = labels_at(tmp_path / f"labels{suffix}")
    assert is_taken(out)
    with pytest.raises(UserError) as told:
        check_output(out, overwrite=False)
    assert str(told.value) == (
        f"{out} already exists, and its labels may have been corrected; "
        "give another name, or --overwrite to replace them"
    )
    check_output(out, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_foreign_files_are_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    tifffile.imwrite(tmp_path / "em.tif", LABELS, photometric="minisblack")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine", encoding="utf-8")
    zarr.open_group(tmp_path / "other.zarr", mode="w").create_array("0", data=LABELS)
    for name in ("em.tif", "notes", "other.zarr"):
        assert is_taken(tmp_path / name)
        with pytest.raises(UserError, match="is not a label file of napari-scsam"):
            check_output(tmp_path / name, overwrite)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_project_is_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    list(copy_image(tmp_path / "cell.zarr", LABELS, None, (0.0, 0.0, 0.0)))
    path = tmp_path / "mine.scsam.zarr"
    reference = ImageReference.of(open_volume(tmp_path / "cell.zarr"), path)
    create_project(path, reference, TABLE).close()
    with pytest.raises(UserError, match="annotation project, whose labels are never replaced"):
        check_output(path, overwrite)
    (path / LEDGER).touch()  # even if a stopped run were in it
    with pytest.raises(UserError, match="annotation project"):
        check_output(path, overwrite)


def test_a_stopped_run_is_not_taken(tmp_path: Path) -> None:
    out = labels_at(tmp_path / "labels.zarr")
    (out / LEDGER).write_text("{}\n", encoding="utf-8")
    assert not is_taken(out)
    check_output(out, overwrite=False, resume=True)
    check_output(out, overwrite=True)
    with pytest.raises(UserError, match="holds a stopped run; add --resume to continue it"):
        check_output(out, overwrite=False)
    (out / LEDGER).unlink()
    assert is_taken(out)


def test_a_folder_is_created_and_one_without_permission_is_told_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_writable_folder(tmp_path / "new" / "out.tif")
    assert list((tmp_path / "new").iterdir()) == []

    def refuse(**_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "tmp123"))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # root may write anywhere
    with pytest.raises(UserError, match=r"out\.h5 cannot be written \(Permission denied\)"):
        make_writable_folder(tmp_path / "out.h5")
