from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from napari_scsam.doctor.finding import Finding
from napari_scsam.doctor.folders import examine_folders


class Usage(NamedTuple):
    free: int


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of the test's own, on a disk with much space."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(50_000_000_000))
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path / "models"))
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NAPARI_SCSAM_USER", str(tmp_path / "user"))
    return tmp_path


def found(topic: str) -> Finding:
    return next(each for each in examine_folders() if each.topic == topic)


def complaints() -> list[str]:
    return [each for finding in examine_folders() for each in finding.complaints]


def test_folders_that_do_not_exist_yet_are_no_complaint(folders: Path) -> None:
    assert complaints() == []
    assert list(folders.iterdir()) == []
    assert found("models").facts["exists"] is False


def test_sizes_are_those_of_the_files(folders: Path) -> None:
    (folders / "cache" / "embeddings").mkdir(parents=True)
    (folders / "cache" / "embeddings" / "0").write_bytes(bytes(1200))
    (folders / "cache" / "1").write_bytes(bytes(300))
    assert found("cache").facts["bytes"] == 1500
    assert "1.5 kB, 50.0 GB free" in found("cache").text


def test_a_disk_that_is_nearly_full_is_a_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10_000_000))
    assert [each for each in complaints() if "has 10 MB of free space" in each]


def test_a_folder_that_cannot_be_written_is_a_complaint(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folders / "file").write_text("")
    monkeypatch.setenv("NAPARI_SCSAM_CACHE", str(folders / "file"))
    (complaint,) = found("cache").complaints
    assert f"{folders / 'file'} cannot be written" in complaint


def test_a_limit_that_is_no_number_is_a_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_CACHE_GB", "much")
    (complaint,) = found("cache").complaints
    assert complaint.startswith("NAPARI_SCSAM_CACHE_GB is 'much'; set it to a number")


def test_the_limit_of_remote_images_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_REMOTE_GB", "-1")
    (complaint,) = found("cache").complaints
    assert complaint.startswith("NAPARI_SCSAM_REMOTE_GB is '-1'; give a number")


def test_variables_that_are_set_are_in_the_report(folders: Path) -> None:
    assert found("variables").facts["NAPARI_SCSAM_CACHE"] == str(folders / "cache")
    assert "NAPARI_SCSAM_USER=" in found("variables").text


def test_a_checkpoint_that_is_cut_off_is_a_complaint(folders: Path, checkpoint: Path) -> None:
    (folders / "models").mkdir()
    shutil.copy(checkpoint, folders / "models" / "good.safetensors")
    assert complaints() == []
    assert "1 checkpoints" in found("models").text
    (folders / "models" / "cut.safetensors").write_bytes(checkpoint.read_bytes()[:100])
    (complaint,) = complaints()
    assert "cut.safetensors is not a ScSAM checkpoint" in complaint
