"""Bytes that wait in a temporary file."""

import numpy as np
import pytest

from napari_scsam.volume.measure.spool import Spool, compress


def test_all_comes_back_in_any_order():
    rng = np.random.default_rng(0)
    parts = [rng.bytes(size) for size in (0, 1, 1000, 70_000)]
    with Spool() as spool:
        places = [spool.add(compress(part)) for part in parts]
        assert [place[0] for place in places] == np.cumsum(
            [0, *[place[1] for place in places[:-1]]]
        ).tolist()
        for number in (3, 0, 2, 1):
            assert spool.read(places[number]) == parts[number]


def test_more_can_be_added_after_some_was_read():
    with Spool() as spool:
        first = spool.add(compress(b"first"))
        assert spool.read(first) == b"first"
        second = spool.add(compress(b"second"))
        assert spool.read(first) == b"first"
        assert spool.read(second) == b"second"


def test_the_file_goes_with_it():
    with Spool() as spool:
        place = spool.add(compress(b"x"))
    with pytest.raises(ValueError, match="closed"):
        spool.read(place)


def test_empty_regions_take_little_room():
    assert len(compress(bytes(100_000))) < 1000
