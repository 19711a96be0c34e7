from __future__ import annotations

from dataclasses import replace

import pytest
from at_once import AtOnce
from napari.components import ViewerModel

from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.segment import Segmenting


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def session(viewer, fake_engine, info) -> Session:
    session = Session(viewer, fake_engine, AtOnce)
    session.choices.choose_checkpoint(info)
    return session


def test_the_state_of_the_model_is_told(viewer, session, info, stack):
    assert session.network.state == "Runs on cpu"
    states = []
    session.network.changed.connect(lambda: states.append(session.network.state))
    session.engine.damaged = True
    session.choices.choose_checkpoint(replace(info, name="damaged"))
    assert states == ["Loading …", "Not loaded"]
    session.engine.damaged = False
    session.choices.choose_image(viewer.add_image(stack))
    session.part(Segmenting).segment()
    assert states[-1] == "Runs on cpu"
