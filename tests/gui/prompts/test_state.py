from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from at_once import AtOnce
from napari.components import ViewerModel

from napari_scsam.gui.prompts.state import PromptState
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.one_object import Prompting


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def prompting(viewer, fake_engine, info) -> Prompting:
    session = Session(viewer, fake_engine, AtOnce)
    session.choices.choose_checkpoint(info)
    return session.part(Prompting)


def test_before_anything_is_drawn_the_first_class_is_the_target(prompting, classes):
    assert prompting.state == PromptState(
        active=False,
        kind="point",
        inside=True,
        target=classes[0],
        found=None,
        max_slices=50,
        ends=(),
    )


def test_a_state_is_a_snapshot(prompting):
    state = prompting.state
    with pytest.raises(FrozenInstanceError):
        state.inside = False
    assert state == prompting.state
