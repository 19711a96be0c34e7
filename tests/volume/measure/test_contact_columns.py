"""Columns of contacts for the table of objects, computed by hand."""

import numpy as np
import pytest

from napari_scsam.volume.measure.contact_columns import contact_columns
from napari_scsam.volume.measure.table import ObjectTable

OBJECTS = ObjectTable(
    {
        "class": np.array(["ER", "mitochondrion", "mitochondrion", "vesicle"]),
        "id": np.array([1, 1, 2, 1]),
    }
)


def contacts_of(rows, extent="area_um2", other="area_b_um2") -> ObjectTable:
    """Contacts from rows: class, id, class, id, extent on each side, and sites on each side."""
    names = ("class_a", "id_a", "class_b", "id_b", extent, other, "sites", "sites_b")
    return ObjectTable(
        {
            name: np.array(column)
            for name, column in zip(names, zip(*rows, strict=True), strict=True)
        }
    )


ROWS = [
    ("ER", 1, "mitochondrion", 1, 2.0, 3.0, 1, 2),
    ("ER", 1, "mitochondrion", 2, 0.5, 0.25, 4, 5),
    ("mitochondrion", 1, "mitochondrion", 2, 1.0, 1.5, 6, 7),
]


def test_what_an_object_has_of_a_class_is_summed_over_all_objects_of_it():
    columns = contact_columns(OBJECTS, contacts_of(ROWS))
    assert set(columns) == {
        "contact_area_ER_um2",
        "contact_sites_ER",
        "contact_area_mitochondrion_um2",
        "contact_sites_mitochondrion",
    }
    assert columns["contact_area_mitochondrion_um2"].tolist() == [2.5, 1.0, 1.5, 0.0]
    assert columns["contact_sites_mitochondrion"].tolist() == [5, 6, 7, 0]
    assert columns["contact_area_ER_um2"].tolist() == [0.0, 3.0, 0.25, 0.0]
    assert columns["contact_sites_ER"].tolist() == [0, 2, 5, 0]


def test_contacts_in_a_slice_are_lengths():
    columns = contact_columns(OBJECTS, contacts_of(ROWS, "length_um", "length_b_um"))
    assert columns["contact_length_ER_um"].tolist() == [0.0, 3.0, 0.25, 0.0]


def test_a_contact_with_an_object_that_is_not_in_the_table_is_an_error():
    row = ("ER", 9, "mitochondrion", 1, 2.0, 3.0, 1, 2)
    with pytest.raises(KeyError):
        contact_columns(OBJECTS, contacts_of([row]))
