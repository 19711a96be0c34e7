"""``scsam pseudo-label``: where labels and mask go, and what is refused before hours of work."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from file_steps import ENDED, play

from napari_scsam import cli
from napari_scsam.cli.pseudo_label import write_certain
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.label_files.record import LabelRecord
from napari_scsam.io.labels import read_class_table, write_labels
from napari_scsam.io.volumes import open_labels
from napari_scsam.steps import Progress, Steps
from napari_scsam.train import pseudo_labels

LABELS = np.zeros((2, 20, 31), np.uint8)
LABELS[:, 3:9, 4:12] = 5
KNOWN = np.zeros_like(LABELS)
KNOWN[:, :, :8] = 1  # 8 of 31 columns: 26 %


@pytest.fixture
def base(tmp_path: Path, checkpoint: Path) -> list[str]:
    """A command that lacks its output."""
    image = np.random.default_rng(0).integers(0, 256, LABELS.shape).astype(np.uint8)
    tifffile.imwrite(tmp_path / "em.tif", image, photometric="minisblack")
    options = ["--checkpoint", str(checkpoint), "--device", "cpu"]
    return ["pseudo-label", str(tmp_path / "em.tif"), *options, "-o"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str | list[str] | None]:
    """The classes asked for, and ``"done"`` when the work has been done; nothing is computed."""
    seen: list[str | list[str] | None] = []

    def work(_: Any, __: Any, names: list[str] | None) -> Steps[tuple[np.ndarray, np.ndarray]]:
        seen.append(names)
        yield Progress(0, 1, "looking across z")
        seen.append("done")
        return LABELS, KNOWN

    monkeypatch.setattr(pseudo_labels, "pseudo_labels", work)
    return seen


def test_labels_and_mask_lie_beside_each_other(
    base: list[str], asked: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "set"
    options = ["--voxel-size", "20", "8", "8", "--classes", "vesicle, membrane"]
    assert cli.main([*base, str(out), *options]) == 0
    assert asked == [["vesicle", "membrane"], "done"]
    told = capsys.readouterr()
    assert told.out == f"{out / 'labels.tif'}\n"
    assert told.err == (
        "scsam: 26% of the voxels are labelled; name labels.tif in a recipe, "
        "and scsam train finds reviewed.tif next to it\n"
    )
    for name, content in (("labels", LABELS), ("reviewed", KNOWN)):
        written = open_labels(out / f"{name}.tif")
        np.testing.assert_array_equal(written.data[...], content)
        assert written.voxel_size == pytest.approx((20.0, 8.0, 8.0))
    table = read_class_table(out / "labels.tif")
    assert table is not None
    assert [spec.id for spec in table] == [1, 2, 5]


def test_all_classes_are_labelled_unless_some_are_named(
    base: list[str], asked: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*base, str(tmp_path / "set")]) == 0
    assert asked[0] is None
    assert "voxel size unknown" in capsys.readouterr().err


def test_labels_that_are_there_are_replaced_only_when_asked(
    base: list[str], asked: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "set").mkdir()
    path = tmp_path / "set" / "labels.tif"
    assert cli.main([*base, str(tmp_path / "set")]) == 0
    table = read_class_table(path)
    assert table is not None
    write_labels(tmp_path / "mine.tif", 0 * LABELS, None, table)
    (tmp_path / "mine.tif").replace(path)
    asked.clear()
    capsys.readouterr()
    assert cli.main([*base, str(tmp_path / "set")]) == 2
    told = capsys.readouterr()
    assert (told.out, len(told.err.splitlines())) == ("", 1)
    assert "or --overwrite to replace them" in told.err
    assert "done" not in asked
    assert not open_labels(path).data[...].any()
    assert cli.main([*base, str(tmp_path / "set"), "--overwrite"]) == 0
    assert open_labels(path).data[...].any()


def test_a_foreign_file_is_never_replaced(
    base: list[str], asked: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "labels.tif").write_text("mine", encoding="utf-8")
    assert cli.main([*base, str(tmp_path / "set"), "--overwrite"]) == 2
    assert "is not a label file of napari-scsam" in capsys.readouterr().err
    assert (tmp_path / "set" / "labels.tif").read_text(encoding="utf-8") == "mine"


def test_a_mistake_leaves_no_folder(
    base: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: Any) -> Steps[None]:
        raise UserError("no class is called 'x'; choose another")
        yield

    monkeypatch.setattr(pseudo_labels, "pseudo_labels", refuse)
    assert cli.main([*base, str(tmp_path / "set"), "--classes", "x"]) == 2
    assert capsys.readouterr() == ("", "scsam: no class is called 'x'; choose another\n")
    assert not (tmp_path / "set").exists()


def test_labels_without_their_mask_are_never_there(tmp_path: Path) -> None:
    """Otherwise every voxel of a stopped command would count as certain."""
    record = LabelRecord((ClassSpec(5, "vesicle"),), None, (0.0, 0.0, 0.0))
    out = tmp_path / "labels.tif"
    mask = tmp_path / "reviewed.tif"
    work = partial(write_certain, out, mask, LABELS, KNOWN, record)
    stop = 0
    while True:
        stop += 1
        out.unlink(missing_ok=True)
        mask.unlink(missing_ok=True)
        if play(work, tmp_path, stop)[0] != ENDED:
            break
        if out.exists():
            found = tifffile.imread(mask)
            assert not found.any() or np.array_equal(found, KNOWN)
    assert stop > 6
    np.testing.assert_array_equal(tifffile.imread(mask), KNOWN)


def test_a_checkpoint_that_is_certain_of_nothing_writes_nothing(
    base: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def work(*_: Any) -> Steps[tuple[np.ndarray, np.ndarray]]:
        yield Progress(0, 1, "looking across z")
        return LABELS, 0 * KNOWN

    monkeypatch.setattr(pseudo_labels, "pseudo_labels", work)
    assert cli.main([*base, str(tmp_path / "set")]) == 2
    assert "is certain of no voxel" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()
