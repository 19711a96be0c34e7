"""Links that lead nowhere, as to a share that is not mounted, are never replaced."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.atomic import replacing, replacing_folder
from napari_scsam.checkpoints.replace import check_replaceable
from napari_scsam.cli.pseudo_label import check_mask
from napari_scsam.cli.shared.reports import check_report
from napari_scsam.config import UserError
from napari_scsam.steps import drive
from napari_scsam.volume.demo import write_demo
from napari_scsam.volume.instances.run_folder import InstanceFolder, check_instances_output
from napari_scsam.volume.measure.table import check_not_foreign
from napari_scsam.volume.meshes.write import check_meshes_replaceable
from napari_scsam.volume.output import check_output, make_writable_folder


def report(path: Path) -> None:
    check_report(argparse.Namespace(json=path), {"before"})


CHECKS: dict[str, Callable[[Path], object]] = {
    "out.zarr": lambda path: check_output(path, overwrite=False),
    "out.tif": lambda path: check_output(path, overwrite=True),
    "new.safetensors": check_replaceable,
    "report.json": report,
    "table.csv": check_not_foreign,
    "meshes": check_meshes_replaceable,
    "reviewed.tif": lambda path: check_mask(path, overwrite=True),
}


@pytest.fixture(params=["nowhere", "circle"])
def link(request: pytest.FixtureRequest) -> Callable[[Path], Path]:
    """Make a link that leads nowhere, or to itself."""

    def make(path: Path) -> Path:
        target = path if request.param == "circle" else path.with_name("share") / path.name
        path.symlink_to(target)
        return path

    return make


@pytest.mark.parametrize("name", CHECKS)
def test_no_command_takes_the_place_of_a_link(
    name: str, link: Callable[[Path], Path], tmp_path: Path
) -> None:
    path = link(tmp_path / name)
    with pytest.raises(UserError, match=name):
        CHECKS[name](path)
    assert path.is_symlink()


def test_nothing_is_written_there(link: Callable[[Path], Path], tmp_path: Path) -> None:
    path = link(tmp_path / "labels.tif")
    with pytest.raises(FileExistsError, match="a link to what is not there"), replacing(path):
        pass
    with pytest.raises(FileExistsError), replacing_folder(path, lambda _: True):
        pass
    assert [child.name for child in tmp_path.iterdir()] == ["labels.tif"]


FOLDERS: dict[str, Callable[[Path], object]] = {
    "out.zarr": lambda path: check_output(path, overwrite=True),
    "out.precomputed": lambda path: check_output(path, overwrite=True),
    "meshes": check_meshes_replaceable,
    "instances.zarr": lambda path: check_instances_output(
        InstanceFolder(path), resume=False, overwrite=True
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_does_not_take_the_place_of_a_link(name: str, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / name).symlink_to(tmp_path / "disk")
    with pytest.raises(UserError, match=f"{name} is a link to a folder"):
        FOLDERS[name](tmp_path / name)


@pytest.mark.parametrize("name", ["out.tif", "instances.zarr"])
def test_what_is_read_only_is_not_replaced(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).touch()
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(UserError, match=f"{name} is read-only"):
        FOLDERS.get(name, make_writable_folder)(tmp_path / name)


def test_a_link_to_a_file_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "real.tif").write_text("old")
    (tmp_path / "out.tif").symlink_to(tmp_path / "disk" / "real.tif")
    with replacing(tmp_path / "out.tif") as draft:
        draft.write_text("new")
    assert (tmp_path / "out.tif").is_symlink()
    assert (tmp_path / "disk" / "real.tif").read_text() == "new"
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("name", ["sample.tif", "labels.png"])
def test_the_demonstration_replaces_no_file_of_that_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(np.arange(9, dtype="u1").tobytes())
    with pytest.raises(UserError, match=f"{name} already exists and is not"):
        drive(write_demo(tmp_path))
    assert (tmp_path / name).stat().st_size == 9
    assert not (tmp_path / "labels.zarr").exists()
