"""What a table of contacts says of each object: columns for the table of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.volume.measure.table import ObjectTable

EXTENTS = ("area_um2", "length_um")
"""Columns of contacts in a volume and in a slice."""


def contact_columns(objects: ObjectTable, contacts: ObjectTable) -> Mapping[str, NDArray[Any]]:
    """Return what each object has in contact with the objects of each class.

    Parameters
    ----------
    objects
        The table of objects.
    contacts
        From `find_contacts`.

    Returns
    -------
    dict
        ``contact_area_CLASS_um2`` (``contact_length_CLASS_um`` in a slice) and
        ``contact_sites_CLASS``, for each class that is in any contact; 0 where there is none.
    """
    extent = next(name for name in EXTENTS if name in contacts.columns)
    kind, unit = extent.split("_")
    rows = {
        key: row
        for row, key in enumerate(
            zip(objects["class"].tolist(), objects["id"].tolist(), strict=True)
        )
    }
    columns: dict[str, NDArray[Any]] = {}
    for other in sorted({*contacts["class_a"].tolist(), *contacts["class_b"].tolist()}):
        sizes = np.zeros(len(objects))
        sites = np.zeros(len(objects), np.int64)
        for side, beside, size, count in (
            ("a", "b", extent, "sites"),
            ("b", "a", f"{kind}_b_{unit}", "sites_b"),
        ):
            chosen = np.flatnonzero(contacts[f"class_{beside}"] == other)
            owners = zip(
                contacts[f"class_{side}"][chosen].tolist(),
                contacts[f"id_{side}"][chosen].tolist(),
                strict=True,
            )
            places = np.array([rows[owner] for owner in owners], np.intp)
            np.add.at(sizes, places, contacts[size][chosen])
            np.add.at(sites, places, contacts[count][chosen])
        columns[f"contact_{kind}_{other}_{unit}"] = sizes
        columns[f"contact_sites_{other}"] = sites
    return columns
