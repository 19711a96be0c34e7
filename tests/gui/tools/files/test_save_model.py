"""A network that was taught a class becomes a checkpoint that knows it."""

from __future__ import annotations

import pytest
from at_once import AtOnce
from napari.components import ViewerModel

from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.files.save_model import TaughtModel


@pytest.fixture
def session(fake_engine, checkpoint, model):
    """A session with a real network, where everything happens at once."""
    from napari_scsam.infer.predictor import Predictor

    fake_engine.predictor = Predictor(model, "cpu")
    session = Session(ViewerModel(), fake_engine, AtOnce)
    session.choices.choose_checkpoint(checkpoint_info(checkpoint))
    return session


def test_what_was_taught_is_in_the_file_and_in_use(session, tmp_path):
    granule = TaughtClass(ClassSpec(7, "granule", "#123456"), tuple(i / 256 for i in range(256)))
    own, said = session.choices.classes, []
    session.status.connect(said.append)
    session.choices.restore_taught([granule])
    session.part(TaughtModel).save(str(tmp_path / "mine"))
    info = checkpoint_info(tmp_path / "mine.safetensors")
    assert info.classes == (*own, granule.spec)
    assert "taught granule" in info.summary
    assert info.training["taught"] == {"classes": ["granule"], "from": "random"}
    assert (session.choices.checkpoint, session.choices.taught) == (info, ())
    assert "granule" in said[-1]
    from napari_scsam.checkpoints.checkpoint import load_checkpoint

    prototype = load_checkpoint(info.path).class_prompt.prototypes[-1]
    assert prototype.tolist() == pytest.approx(granule.prototype)


def test_what_it_was_saved_with_before_is_not_forgotten(session, tmp_path):
    for number, name in enumerate(("granule", "droplet")):
        session.choices.restore_taught(
            [
                TaughtClass(
                    ClassSpec(7 + number, name), tuple((i + number) / 256 for i in range(256))
                )
            ]
        )
        session.part(TaughtModel).save(str(tmp_path / name))
    assert checkpoint_info(tmp_path / "droplet.safetensors").taught == ("granule", "droplet")
