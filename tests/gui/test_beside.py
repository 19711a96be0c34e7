"""Classes of imported networks beside ours, in a session without a window; the networks are real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from at_once import AtOnce
from napari.components import ViewerModel
from napari.layers import Labels
from small_networks import write_onnx

from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.checkpoints.imported.importing import NetworkCard, import_network
from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.gui.jobs.engine import Engine
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.project.model import ProjectModel
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.segment import Segmenting

pytestmark = pytest.mark.gui


@pytest.fixture
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two imported networks in the list: one of bright things, one of dark ones."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(folder))
    for name, weight in (("light", 8.0), ("dark", -8.0)):
        file = write_onnx(tmp_path / f"{name}.onnx", [(weight, -weight / 2)])
        card = NetworkCard(("ER=7",), nm_per_pixel=8.0, probabilities=False)
        import_network(file, folder / f"{name}.safetensors", card)
    return folder


def image() -> np.ndarray:
    grey = np.full((3, 48, 64), 30, np.uint8)
    grey[:, :, 32:] = 220
    grey[:, ::4, ::4] += 1
    return grey


@pytest.fixture
def session(networks: Path) -> Session:
    viewer = ViewerModel()
    session = Session(viewer, Engine(), AtOnce)
    session.choices.choose_checkpoint(checkpoint_info("light"))
    session.choices.choose_image(viewer.add_image(image(), name="cell", scale=(8, 8, 8)))
    session.kept = viewer  # the session holds it weakly
    return session


def labels_of(session: Session) -> Labels:
    (found,) = [layer for layer in session.viewer.layers if isinstance(layer, Labels)]
    return found


def test_both_networks_write_into_one_layer_with_ids_of_their_own(session: Session) -> None:
    choices = session.choices
    choices.choose_checkpoint(checkpoint_info("light+dark"))
    assert [(spec.id, spec.name) for spec in choices.classes] == [(7, "ER"), (8, "ER (dark)")]
    assert len({spec.colour for spec in choices.classes}) == 2
    choices.choose_classes(choices.classes)
    session.part(Segmenting).go()
    layer = labels_of(session)
    shown = np.asarray(layer.data).max(axis=0)  # one slice has labels
    assert set(np.unique(shown[:, :28])) == {8}
    assert set(np.unique(shown[:, 36:])) == {7}
    table = {spec.id: spec.name for spec in classes_of(layer) or ()}
    assert table == {7: "ER", 8: "ER (dark)"}


def test_taught_classes_stay_when_a_network_is_added(session: Session) -> None:
    choices = session.choices
    choices.taught = (TaughtClass(ClassSpec(8, "granule"), (0.0,) * 256),)
    choices.choose_checkpoint(checkpoint_info("light+dark"))
    ids = [(spec.id, spec.name) for spec in choices.classes]
    assert ids == [(7, "ER"), (8, "granule"), (9, "ER (dark)")]
    choices.choose_checkpoint(checkpoint_info("dark"))
    assert choices.taught == ()


def test_another_checkpoint_keeps_the_networks_beside(session: Session, networks: Path) -> None:
    choices = session.choices
    choices.choose_checkpoint(checkpoint_info("light+dark"))
    choices.exchange_checkpoint(checkpoint_info())
    assert [other.name for other in choices.checkpoint.beside] == ["dark"]
    assert choices.checkpoint.alone == checkpoint_info()
    choices.exchange_checkpoint(checkpoint_info("dark"))
    assert choices.checkpoint.beside == ()


def test_a_project_remembers_them(session: Session, tmp_path: Path, networks: Path) -> None:
    session.choices.choose_checkpoint(checkpoint_info("light+dark"))
    session.part(ProjectModel)
    keeper = session.part(ProjectKeeper)
    keeper.new(str(tmp_path / "p"))
    stored = keeper.project.record.checkpoint
    assert (stored["name"], stored["beside"]) == ("light", ["dark"])
    keeper.close()
    session.choices.choose_checkpoint(checkpoint_info("light"))
    keeper.open(str(tmp_path / "p.scsam.zarr"))
    assert [other.name for other in session.choices.checkpoint.beside] == ["dark"]


def test_a_network_that_is_gone_is_named(session: Session, tmp_path: Path, networks: Path) -> None:
    session.choices.choose_checkpoint(checkpoint_info("light+dark"))
    session.part(ProjectModel)
    keeper = session.part(ProjectKeeper)
    keeper.new(str(tmp_path / "p"))
    keeper.close()
    session.choices.choose_checkpoint(checkpoint_info("light"))
    (networks / "dark.safetensors").unlink()
    said: list[str] = []
    session.status.connect(said.append)
    keeper.open(str(tmp_path / "p.scsam.zarr"))
    assert any("no checkpoint 'dark'" in text for text in said)
    assert session.choices.checkpoint.name == "light"
