"""The distance to the nearest object of a class, from boxes first."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from napari_scsam.volume.blocks import BlockPlan
from napari_scsam.volume.measure.fragments import FragmentFile, NearestOfClass, find_fragments
from napari_scsam.volume.measure.spool import Spool
from napari_scsam.volume.measure.window import find_objects, window_of

SIZE = (4.0, 1.0, 2.0)


def test_the_nearest_object_is_found_wherever_it_is() -> None:
    random = np.random.default_rng(0)
    shape = (20, 40, 30)
    images = [np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)]
    for number in range(1, 13):
        z, y, x = (int(random.integers(0, side - 4)) for side in shape)
        image = images[number % 2]
        box = image[z : z + 3, y : y + 4, x : x + 4]
        box[box == 0] = number
    plan = BlockPlan(shape, (7, 16, 11))
    with Spool() as spool:
        file = FragmentFile(spool, SIZE)
        for block in plan:
            window, where = window_of(block, shape, SIZE, 4.0)
            classes = [find_objects(image[where], window) for image in images]
            fragments = find_fragments(classes, window)
            file.add(fragments, np.ones(len(fragments.ids), bool))
        boxes = file.arrange()
        for own, other in ((0, 1), (1, 0)):
            search = NearestOfClass(file, boxes, other)
            targets = np.argwhere(images[other]) * SIZE
            for number in np.unique(images[own][images[own] > 0]):
                chosen = np.flatnonzero((boxes.classes == own) & (boxes.ids == number))
                places = np.argwhere(images[own] == number) * SIZE
                assert search.distance(chosen) == pytest.approx(cdist(places, targets).min())


def test_without_any_object_there_is_no_distance() -> None:
    with Spool() as spool:
        file = FragmentFile(spool, SIZE)
        search = NearestOfClass(file, file.arrange(), 1)
        assert np.isnan(search.distance(np.array([0])))
