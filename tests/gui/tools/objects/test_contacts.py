from __future__ import annotations

import numpy as np
from listed import CLASSES

from napari_scsam.gui.tools.objects.contacts import MeasuringContacts
from napari_scsam.io.labels import write_labels
from napari_scsam.steps import drive
from napari_scsam.volume.measure.objects import measure_objects


def test_contacts_become_columns_as_the_command_has_them(found, tmp_path):
    labels = np.asarray(found.labels.data)
    write_labels(tmp_path / "classes.zarr", labels, (20, 8, 8), CLASSES)
    path = tmp_path / "contacts.csv"
    steps = measure_objects(tmp_path / "classes.zarr", contacts=path, distance=500)
    expected = drive(steps)
    found.session.part(MeasuringContacts).measure(500)
    table = found.store.table
    for key in ("distance_to_vesicle_um", "distance_to_mitochondrion_um"):
        np.testing.assert_allclose(table[key], expected[key])
    rows = [line.split(",") for line in path.read_text().splitlines()]
    names = rows[0]
    area = sum(float(row[names.index("area_um2")]) for row in rows[1:])
    area += sum(float(row[names.index("area_b_um2")]) for row in rows[1:])
    keys = [key for key in table.columns if key.startswith("contact_area")]
    assert keys
    assert sum(table[key].sum() for key in keys) > 0
    np.testing.assert_allclose(sum(table[key].sum() for key in keys), area)
    found.store.write_features()
    assert set(keys) <= set(found.store.layer.features.columns)
    assert "within 500 nm of another one" in found.said[-1]


def test_what_was_edited_since_has_no_value(found):
    found.store.stale.add(1)
    found.store.add_columns(found.store.labels, {"contact_sites_vesicle": np.arange(5)})
    np.testing.assert_array_equal(found.store.table["contact_sites_vesicle"], [np.nan, 1, 2, 3, 4])


def test_mistakes_are_sentences(found, session):
    found.session.part(MeasuringContacts).measure(1)
    assert "give a larger distance" in found.said[-1]
    found.store.list_layer(None)
    found.session.part(MeasuringContacts).measure(30)
    assert "press Find objects" in found.said[-1]
