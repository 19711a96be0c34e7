from __future__ import annotations

import numpy as np

from napari_scsam.config import ClassSpec
from napari_scsam.project.provenance import Changes, count_changes, software

TABLE = (ClassSpec(1, "mitochondrion"), ClassSpec(4, "ER"), ClassSpec(9, "vesicle"))


def test_what_a_person_changed_is_counted_in_reviewed_pixels_only():
    predicted, labels, reviewed = (np.zeros((10, 10), np.uint8) for _ in range(3))
    predicted[0:5], labels[2:6], labels[6:7], reviewed[1:] = 1, 1, 4, 1
    found = count_changes(predicted, labels, reviewed, TABLE)
    assert found == {"mitochondrion": Changes(40, 40, 30, 10, 10), "ER": Changes(0, 10, 0, 10, 0)}


def test_values_without_a_class_do_no_harm():
    odd = np.full((4, 4), 200, np.uint8)
    assert count_changes(odd, odd, np.ones_like(odd), TABLE) == {}


def test_versions_are_known():
    assert {"napari-scsam", "numpy", "zarr"} <= set(software())
