from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from napari_scsam import cli
from napari_scsam.cli.meshes import FORMATS, add_mesh_options, check_mesh_folder
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.volume.meshes.write import MOST_ERROR_NM


def parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_mesh_options(parser)
    return parser.parse_args(argv)


def test_no_meshes_are_written_unless_asked_for() -> None:
    arguments = parsed()
    assert arguments.meshes is None
    assert arguments.mesh_format == "ply"
    assert arguments.mesh_error is None
    check_mesh_folder(arguments)


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_can_be_chosen(name: str) -> None:
    assert parsed("--mesh-format", name).mesh_format == name


def test_other_formats_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--mesh-format", "stl")
    assert "invalid choice: 'stl'" in capsys.readouterr().err


@pytest.mark.parametrize("error", ["-1", "nan", str(MOST_ERROR_NM * 1.01)])
def test_an_error_that_leaves_no_surface_is_refused(tmp_path: Path, error: str) -> None:
    arguments = parsed("--meshes", str(tmp_path / "meshes"), "--mesh-error", error)
    with pytest.raises(UserError, match="a vertex cannot move by"):
        check_mesh_folder(arguments)


def test_a_new_or_an_empty_folder_is_taken(tmp_path: Path) -> None:
    check_mesh_folder(parsed("--meshes", str(tmp_path / "meshes"), "--mesh-error", "0"))
    (tmp_path / "empty").mkdir()
    check_mesh_folder(parsed("--meshes", str(tmp_path / "empty")))


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other things than meshes; choose another name"):
        check_mesh_folder(parsed("--meshes", str(tmp_path)))
    with pytest.raises(UserError, match="holds other things than meshes"):
        check_mesh_folder(parsed("--meshes", str(tmp_path / "notes.txt")))


def test_meshes_of_a_single_slice_are_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_labels(tmp_path / "l.tif", np.ones((9, 9), np.uint8), None, (ClassSpec(1, "a"),))
    table = tmp_path / "t.csv"
    command = ["measure", str(tmp_path / "l.tif"), "-o", str(table), "--meshes"]
    assert cli.main([*command, str(tmp_path / "m")]) == 2
    assert "is a single slice, which has no surface" in capsys.readouterr().err
    assert cli.main([*command, str(table)]) == 2
    assert "t.csv is a table; give the meshes a folder" in capsys.readouterr().err
    assert not table.exists()
