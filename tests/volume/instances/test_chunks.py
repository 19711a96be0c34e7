from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_scsam.volume.blocks import BlockPlan
from napari_scsam.volume.instances.chunks import as_smallest_type, create_array, write_chunks

PLAN = BlockPlan((4, 40, 50), (4, 32, 32))


def test_a_block_is_one_file(tmp_path: Path) -> None:
    array = create_array(tmp_path / "labels", "", PLAN, np.uint32)
    for block in PLAN:
        write_chunks(array, block.slices, np.full(block.shape, block.number + 1))
    files = {
        path.relative_to(tmp_path / "labels" / "c").as_posix()
        for path in (tmp_path / "labels" / "c").rglob("*")
        if path.is_file()
    }
    assert files == {"0/0/0", "0/0/1", "0/1/0", "0/1/1"}
    read = zarr.open_array(tmp_path / "labels", mode="r")[...]
    for block in PLAN:
        assert (read[block.slices] == block.number + 1).all()


def test_a_member_of_a_group_has_the_names_of_its_axes(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "all.zarr", mode="w", zarr_format=3)
    array = create_array(group, "0", BlockPlan((6, 8), (6, 8)), np.uint16)
    assert array.metadata.dimension_names == ("y", "x")
    assert array.dtype == np.uint16
    assert (array[...] == 0).all()
    assert "0" in group


def test_shards_are_whole_chunks_and_no_larger_than_the_volume_needs(tmp_path: Path) -> None:
    plan = BlockPlan((5, 100, 30), (16, 128, 32))
    array = create_array(tmp_path / "a", "", plan, np.uint8)
    assert array.chunks == plan.chunks
    assert array.shards == (5, 128, 30)
    assert all(shard % chunk == 0 for shard, chunk in zip(array.shards, array.chunks, strict=True))


def test_damage_of_a_file_is_seen_when_it_is_read(tmp_path: Path) -> None:
    array = create_array(tmp_path / "a", "", BlockPlan((4, 4), (4, 4)), np.uint32)
    write_chunks(array, (slice(0, 4), slice(0, 4)), np.arange(16).reshape(4, 4))
    file = tmp_path / "a" / "c" / "0" / "0"
    data = bytearray(file.read_bytes())
    data[len(data) // 4] ^= 0xFF
    file.write_bytes(data)
    with pytest.raises((ValueError, RuntimeError)):
        zarr.open_array(tmp_path / "a", mode="r")[...]


@pytest.mark.parametrize(
    ("largest", "expected"),
    [(0, np.uint32), (2**32 - 1, np.uint32), (2**32, np.uint64), (2**40, np.uint64)],
)
def test_ids_get_32_bits_while_they_fit(largest: int, expected: type) -> None:
    assert as_smallest_type(largest) == np.dtype(expected)
