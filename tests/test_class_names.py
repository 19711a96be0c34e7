"""Names of classes: which are refused at every door, and how those of old files are written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_scsam.checkpoints.imported.class_table import read_channels
from napari_scsam.class_names import check_class_name, parse_class_names
from napari_scsam.cli import main
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.own_classes import check_name
from napari_scsam.project.nnunet import nnunet_table
from napari_scsam.train.recipe import parse_recipe

REFUSED = ["background", " Background", "ER, smooth", 'the "ER"', "E\nR"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_new_class_has_a_name_that_commands_can_use(name: str) -> None:
    for check in (check_class_name, lambda text: check_name(text, [])):
        with pytest.raises(UserError, match=r"class|characters"):
            check(name)
    for ordinary in ("smooth ER", "Ca2+ = high", "PSD-95", "Golgi (cis)", "ミトコンドリア"):
        check_class_name(ordinary)


@pytest.mark.parametrize("name", ["background", "ER, smooth"])
def test_recipes_and_channels_refuse_it(name: str) -> None:
    with pytest.raises(UserError, match=name):
        parse_recipe({"classes": [{"id": 1, "name": name}], "data": []}, Path())
    if name != "background":  # which is the channel of no class
        with pytest.raises(UserError, match=name):
            read_channels([name, "PSD"], ())


@pytest.mark.parametrize("name", ["background", "ER, smooth"])
def test_commands_refuse_it_before_they_read_anything(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    teach = ["teach", "--image", "no.tif", "--strokes", "no.tif", "--name", name]
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, np.ones((4, 4), np.uint8))
    for command in (
        [*teach, "-o", f"{out}.safetensors"],
        ["instances", str(labels), "--classes", f'"1={name}"', "-o", f"{out}.zarr"],
    ):
        assert main(command) == 2
        assert name in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [labels]


def test_a_name_of_an_old_file_is_written_in_quotes() -> None:
    assert parse_class_names('"ER, smooth",PSD') == ["ER, smooth", "PSD"]
    assert parse_class_names("a\nb,c") == ["a\nb", "c"]
    assert parse_class_names("") == [""]


@pytest.mark.parametrize("name", ["background", "ignore"])
def test_classes_that_nnunet_has_itself_are_not_exported(name: str) -> None:
    with pytest.raises(UserError, match="rename the class"):
        nnunet_table([ClassSpec(1, "PSD"), ClassSpec(2, name)])
