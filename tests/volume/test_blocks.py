"""Blocks cover a volume, once, in whole chunks."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scsam.volume.blocks import plan_blocks


@st.composite
def volumes(draw):
    ndim = draw(st.sampled_from([2, 3]))
    sizes = st.lists(st.integers(1, 30), min_size=ndim, max_size=ndim)
    return draw(sizes), draw(st.none() | sizes), draw(st.integers(100, 5000))


@settings(max_examples=40, deadline=None)
@given(volumes())
def test_blocks_cover_each_voxel_once_and_are_small_enough(volume):
    shape, chunks, most = volume
    plan = plan_blocks(shape, chunks, most_voxels=most)
    seen = np.zeros(shape, int)
    for number, block in enumerate(plan):
        assert block.number == number
        assert plan.at(block.position) == block == plan[number]
        assert prod(block.shape) <= most
        seen[block.slices] += 1
    assert (seen == 1).all()
    assert len(plan) == number + 1


@settings(max_examples=40, deadline=None)
@given(volumes())
def test_blocks_are_whole_chunks_where_a_chunk_fits(volume):
    shape, chunks, most = volume
    plan = plan_blocks(shape, chunks, most_voxels=most)
    if chunks is None or prod(map(min, chunks, shape)) > most:
        return
    for side, chunk, length in zip(plan.sides, chunks, shape, strict=True):
        assert side == length or side % chunk == 0


@settings(max_examples=40, deadline=None)
@given(volumes())
def test_no_chunk_that_is_written_is_in_two_blocks(volume):
    shape, chunks, most = volume
    plan = plan_blocks(shape, chunks, most_voxels=most)
    for side, chunk, length in zip(plan.sides, plan.chunks, shape, strict=True):
        assert side >= length or side % chunk == 0


@pytest.mark.parametrize(
    ("shape", "chunks", "sides"),
    [
        ((2000, 2000, 2000), (64, 64, 64), (256, 256, 256)),
        ((2000, 2000, 2000), (1, 2000, 2000), (4, 2000, 2000)),
        ((100, 500, 500), None, (100, 500, 256)),
        ((9000, 9000), (512, 512), (4096, 4096)),
    ],
)
def test_blocks_of_usual_files(shape, chunks, sides):
    assert plan_blocks(shape, chunks).sides == sides


def test_a_halo_ends_at_the_volume():
    plan = plan_blocks((10, 10), None, most_voxels=25)
    assert plan[0].grown(2, plan.shape) == (slice(0, 6), slice(0, 6))
    assert plan[8].grown(2, plan.shape) == (slice(6, 10), slice(6, 10))


def test_there_is_no_block_outside_of_the_volume():
    plan = plan_blocks((10, 10), None, most_voxels=25)
    assert plan.at((0, 3)) is None
    assert plan.at((-1, 0)) is None
    with pytest.raises(IndexError):
        plan[9]


def test_a_plan_of_a_petabyte_is_made_at_once():
    plan = plan_blocks((100_000, 100_000, 100_000), (64, 64, 64))
    assert plan[len(plan) - 1].stop == (100_000, 100_000, 100_000)
