from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel

from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.files.save_labels import SavingLabels
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.io.volumes import open_labels


@pytest.fixture
def one(fake_engine, info, stack):
    viewer = ViewerModel()
    session = Session(viewer, fake_engine, AtOnce)
    session.choices.choose_checkpoint(info)
    image = viewer.add_image(stack, name="cell", scale=(8, 8, 8), units=("nm",) * 3)
    session.choices.choose_image(image)
    said: list[str] = []
    session.status.connect(said.append)
    saving = session.part(SavingLabels)
    return SimpleNamespace(viewer=viewer, session=session, saving=saving, said=said)


@pytest.mark.parametrize("name", ["mine.zarr", "mine.tif", "mine.mrc", "mine.h5", "mine"])
def test_the_labels_are_saved_with_their_voxel_size(one, tmp_path, name):
    one.session.part(Segmenting).segment()
    one.saving.save(str(tmp_path / name))
    (saved,) = tmp_path.iterdir()
    assert saved.suffix == (Path(name).suffix or ".zarr")
    assert one.said[-1] == f"The labels are saved as {saved.name} in {tmp_path}."
    labels = open_labels(saved)
    assert labels.voxel_size == (8.0, 8.0, 8.0)
    np.testing.assert_array_equal(labels.data[...], one.session.labels.data)
    assert labels.data[...].any()


def test_without_labels_it_says_what_to_do(one, tmp_path):
    one.saving.save(str(tmp_path / "mine.zarr"))
    assert "segment a slice first" in one.said[-1]
    assert list(tmp_path.iterdir()) == []
