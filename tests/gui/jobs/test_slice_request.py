"""What is asked about a plane: which requests are the same."""

from dataclasses import replace

import numpy as np

from napari_scsam.config import ClassSpec
from napari_scsam.gui.jobs.slice_request import SliceRequest
from napari_scsam.gui.layers.plane import Plane

REQUEST = SliceRequest(
    checkpoint="a",
    volume="cell",
    data=np.zeros((4, 5)),
    plane=Plane(),
    voxel_size=None,
    classes=(ClassSpec(1, "mitochondrion"),),
)


def test_requests_are_compared_by_the_identity_of_the_volume_and_not_by_its_pixels() -> None:
    assert replace(REQUEST, data=np.zeros((4, 5))) == REQUEST
    assert replace(REQUEST, volume="another") != REQUEST
