from __future__ import annotations

import numpy as np

from napari_scsam.gui.layers.instance_classes import reviewed_objects


def test_the_walk_follows_the_order_of_the_table_and_begins_again(found):
    found.walking.order = np.array([1, 0, 2, 3, 4])
    walked = []
    for _ in range(6):
        found.walking.next_unreviewed()
        walked += found.selecting.labels.tolist()
    assert walked == [2, 1, 3, 4, 5, 2]
    assert "1 of 5" in found.said[-1]


def test_marking_goes_on_and_marking_again_takes_back(found):
    found.selecting.select([2])
    found.walking.mark()
    assert reviewed_objects(found.store.layer).tolist() == [2]
    assert found.selecting.labels.tolist() == [3]
    found.selecting.select([2])
    found.walking.mark()
    assert reviewed_objects(found.store.layer).tolist() == []


def test_what_is_reviewed_is_passed_by(found):
    found.selecting.select([1, 2, 3, 4])
    found.walking.mark()
    assert found.selecting.labels.tolist() == [5]
    found.walking.mark()
    assert "Every object listed is reviewed" in found.said[-1]
    found.walking.next_unreviewed()
    assert "Every object listed is reviewed" in found.said[-1]
