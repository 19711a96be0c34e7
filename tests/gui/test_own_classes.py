from __future__ import annotations

from napari_scsam.config import ClassSpec
from napari_scsam.gui.own_classes import class_to_teach


def test_what_is_taught_gets_an_id_that_means_nothing_else() -> None:
    cell, granule, droplet = ClassSpec(1, "cell"), ClassSpec(2, "granule"), ClassSpec(3, "droplet")
    assert class_to_teach("Droplet", (cell,), (cell, granule, droplet)) == droplet, (
        "the labels know it"
    )
    assert class_to_teach("vacuole", (cell,), (granule, droplet)).id == 4
    assert class_to_teach("vacuole", (cell,), ()).id == 2
    assert class_to_teach("granule", (cell, granule), ()) == granule
    assert class_to_teach("granule", (cell, ClassSpec(2, "membrane")), (cell, granule)).id == 3, (
        "2 is taken"
    )
