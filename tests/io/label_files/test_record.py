from __future__ import annotations

import pytest

from napari_scsam.config import ClassSpec
from napari_scsam.io.label_files.record import LabelRecord, origin_of, parse_record


def test_a_record_comes_back() -> None:
    record = LabelRecord((ClassSpec(2, "nucleus"),), (40.0, 8.0, 8.0), (0, 16, 24))
    found = parse_record(record.text())
    assert found["voxel_size"] == [40, 8, 8]
    assert ClassSpec.from_dict(found["classes"][0]) == ClassSpec(2, "nucleus")
    assert origin_of(found) == (0, 16, 24)


@pytest.mark.parametrize("text", ["", "[1]", "{", b"\xff", "[" * 100_000])
def test_anything_else_is_no_record(text: str | bytes) -> None:
    assert parse_record(text) == {}


@pytest.mark.parametrize("origin", [None, [1, 2], "abc", [1, 2, "nan"], [1, 2, float("inf")]])
def test_an_origin_that_is_none_is_zero(origin: object) -> None:
    assert origin_of({"origin": origin}) == (0, 0, 0)
