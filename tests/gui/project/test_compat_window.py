"""A project that commit 5b2b5ab wrote opens in a window as it was left; `tests/compat` holds it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_scsam.gui.project.keeper import ProjectKeeper

pytestmark = pytest.mark.gui

FILES = Path(__file__).parents[2] / "compat" / "files"


@pytest.fixture
def opened(window, info, tmp_path, wait):
    """Open the project in a window."""
    own = replace(info, path=tmp_path / "other.safetensors")
    own.path.write_text("other")
    one = window()
    one.session.choices.choose_checkpoint(own)
    one.keeper = one.session.part(ProjectKeeper)
    folder = Path(shutil.copytree(FILES, tmp_path / "files"))
    one.keeper.open(str(folder / "cell.scsam.zarr"))
    wait(lambda: one.keeper.project is not None, 60_000)
    one.finish()
    return one


def test_an_older_project_opens_with_its_layers(opened) -> None:
    layers = opened.viewer.layers
    assert [layer.name for layer in layers][:4] == ["cell", "Organelles", "Objects", "Marks"]
    assert layers.selection.active.name == "Organelles"
    assert layers["Organelles"].data[1, 10, 20] == 1
    assert layers["Organelles"].brush_size == 17
    assert np.unique(layers["Objects"].data[...]).tolist() == [0, 3, 700]
    assert layers["Marks"].data.tolist() == [[1, 2, 3]]
    assert opened.session.choices.typed_voxel_size(opened.keeper.image) == (30.0, 8.0, 8.0)


def test_an_older_project_opens_with_its_choices(opened, wait) -> None:
    session = opened.session
    wait(lambda: session.choices.threshold_offsets)
    assert session.choices.threshold_offsets == {"mitochondrion": 0.3}
    assert [spec.name for spec in session.choices.chosen] == ["mitochondrion"], (
        "the other class was taught to another checkpoint"
    )
    assert session.choices.replace_edits
    assert not session.choices.prefetch
    assert session.choices.tta
