from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_scsam.volume.blocks import BlockPlan
from napari_scsam.volume.measure.parts import measure_part
from napari_scsam.volume.measure.seams import PlaneFile, pack_plane, seam_surfaces
from napari_scsam.volume.measure.spool import Spool, compress
from napari_scsam.volume.measure.surface import cell_weights


def test_what_a_spool_keeps_is_read_in_any_order() -> None:
    with Spool() as spool:
        pieces = [bytes([number]) * 1000 for number in range(5)]
        places = [spool.add(compress(piece)) for piece in pieces]
        assert places[0][0] == 0
        assert all(a[0] + a[1] == b[0] for a, b in itertools.pairwise(places))
        for number in (3, 0, 4, 1, 2):
            assert spool.read(places[number]) == pieces[number]
        later = spool.add(compress(b"later"))
        assert spool.read(places[2]) == pieces[2]
        assert spool.read(later) == b"later"


def test_nothing_can_be_read_from_a_closed_spool() -> None:
    with Spool() as spool:
        place = spool.add(compress(b"x"))
    with pytest.raises(ValueError, match="closed"):
        spool.read(place)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint64, np.int32])
def test_faces_come_back_as_they_were(dtype: type) -> None:
    plane = np.arange(12).reshape(3, 1, 4).astype(dtype)[::-1]
    with Spool() as spool:
        planes = PlaneFile(spool)
        planes.add((0, 1, 0), {(1, 0): pack_plane(plane)})
        read = planes.read((0, 1, 0), (1, 0))
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, plane)


@pytest.mark.parametrize("sides", [(3, 4, 5), (6, 4, 5), (3, 8, 10), (2, 3, 4), (6, 8, 10)])
@pytest.mark.parametrize("size", [(1.0, 1.0, 1.0), (4.0, 1.0, 2.0)])
def test_blocks_and_seams_add_up_to_the_surface_of_the_whole(
    sides: tuple[int, ...], size: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(0)
    shape = (6, 8, 10)
    labels = np.kron(rng.integers(0, 4, (3, 4, 5)), np.ones((2, 2, 2), int)).astype(np.uint16)
    whole = measure_part(labels, BlockPlan(shape, shape)[0], shape, size).sums
    expected = dict(zip(whole.ids.tolist(), whole.surface.tolist(), strict=True))
    plan = BlockPlan(shape, sides)
    found: dict[int, float] = {}
    with Spool() as spool:
        planes = PlaneFile(spool)
        for block in plan:
            part = measure_part(labels[block.slices], block, shape, size)
            planes.add(block.position, part.planes)
            for number, area in zip(part.sums.ids.tolist(), part.sums.surface, strict=True):
                found[number] = found.get(number, 0) + area
        for block in plan:
            for ids, areas in seam_surfaces(plan, block, planes, cell_weights(size)):
                for number, area in zip(ids.tolist(), areas, strict=True):
                    found[number] = found.get(number, 0) + area
    assert found.keys() == expected.keys()
    for number, area in expected.items():
        assert found[number] == pytest.approx(area)
