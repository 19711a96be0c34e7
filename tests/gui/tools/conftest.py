"""A viewer in which single objects are pointed at; the network sees bright discs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from at_once import AtOnce
from discs import DISCS, MIDDLE, PLACE
from napari.components import ViewerModel
from napari.layers import Image

from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.one_object import Prompting


@pytest.fixture
def start_prompting(fake_engine, predictor, info):
    """Prompt in a viewer without a window, where everything happens at once."""

    def begin(image):
        viewer = ViewerModel()
        session = Session(viewer, fake_engine, AtOnce)
        fake_engine.predictor = predictor
        session.choices.choose_checkpoint(info)
        session.choices.choose_image(viewer.add_layer(image))
        if image.ndim == 3:
            viewer.dims.set_current_step(0, MIDDLE)
        one = SimpleNamespace(
            viewer=viewer, session=session, prompting=session.part(Prompting), said=[]
        )
        session.status.connect(one.said.append)
        one.prompting.start()
        return one

    return begin


@pytest.fixture
def prompted(start_prompting):
    return start_prompting(Image(DISCS, name="cell", **PLACE))
