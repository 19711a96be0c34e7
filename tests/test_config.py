"""Classes, voxel sizes and progress: the values that every room shares."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import pytest

from napari_scsam.config import (
    ClassSpec,
    UserError,
    distinct_colour,
    family,
    parse_classes,
    parse_voxel_size,
    select_classes,
    update_run_settings,
)
from napari_scsam.steps import Progress, as_part

TABLE = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "ER"), ClassSpec(7, "membrane"))


def test_class_survives_the_way_through_json() -> None:
    spec = ClassSpec(3, "dense granule", "#A0b0C0", "Dense-core granules")
    assert spec.colour == "#a0b0c0"
    assert ClassSpec.from_dict(spec.to_dict()) == spec
    assert "overrides" not in spec.to_dict()


def test_what_a_class_overrides_is_kept_and_is_not_what_it_is() -> None:
    spec = ClassSpec(3, "dark", overrides=("mitochondrion", "vesicle"))
    again = ClassSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again.overrides == ("mitochondrion", "vesicle")
    assert again == ClassSpec(3, "dark", overrides=("membrane",))
    alone = ClassSpec.from_dict({"id": 3, "name": "dark", "overrides": "vesicle"})
    assert alone.overrides == ("vesicle",)


def test_the_key_of_version_0_1_is_read_and_the_new_one_written() -> None:
    spec = ClassSpec.from_dict({"id": 3, "name": "dark", "over": ["vesicle", "membrane"]})
    assert spec.overrides == ("vesicle", "membrane")
    written = spec.to_dict()
    assert written["overrides"] == ["vesicle", "membrane"]
    assert "over" not in written


def test_settings_of_a_run_of_version_0_1_get_the_new_key() -> None:
    old = {"step": 3, "classes": [{"id": 1, "name": "a"}, {"id": 2, "name": "b", "over": ["a"]}]}
    new = [{"id": 1, "name": "a"}, {"id": 2, "name": "b", "overrides": ["a"]}]
    assert update_run_settings(old) == {"step": 3, "classes": new}
    assert update_run_settings({"step": 3, "classes": new}) == {"step": 3, "classes": new}


def test_a_class_without_colour_gets_one_of_its_own() -> None:
    colours = [ClassSpec(i, f"class {i}").colour for i in range(1, 13)]
    assert len(set(colours)) == 12
    assert colours[0] == distinct_colour(1)
    assert all(len(bytes.fromhex(c[1:])) == 3 for c in colours)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"id": 0, "name": "er"}, "ids start at 1"),
        ({"id": 1, "name": "  "}, "has no name"),
        ({"id": 1, "name": "er", "colour": "red"}, "write it as '#rrggbb'"),
        ({"name": "er"}, "a whole number as id and a name"),
        ({"id": "one", "name": "er"}, "a whole number as id and a name"),
        ({"id": 1}, "a whole number as id and a name"),
        ({"id": 1, "name": "er", "reach": "far"}, "reach, smallest and least_mean are numbers"),
        ({"id": 1, "name": "er", "over": 3}, "overrides is a list of names"),
        ({"id": 1, "name": "er", "overrides": 3}, "overrides is a list of names"),
    ],
)
def test_unusable_class_is_refused(data: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        ClassSpec.from_dict(data)


def test_class_table_is_sorted_by_id() -> None:
    assert parse_classes([{"id": 2, "name": "ER"}, TABLE[2], TABLE[0]]) == TABLE


@pytest.mark.parametrize(
    ("specs", "says"),
    [
        ([], "the class table is empty"),
        ([ClassSpec(1, "a"), ClassSpec(1, "b")], "share the id '1'"),
        ([ClassSpec(1, "er"), ClassSpec(2, "er")], "share the name 'er'"),
        ([ClassSpec(1, "er"), ClassSpec(2, "ER")], "share the name 'er'"),
    ],
)
def test_unusable_class_table_is_refused(specs: list[ClassSpec], says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_classes(specs)


def test_classes_are_picked_by_name_in_the_order_asked() -> None:
    assert select_classes(TABLE, None) == TABLE
    assert select_classes(TABLE, ["Membrane", "er", "membrane"]) == (TABLE[2], TABLE[1])


def test_unknown_class_is_told_with_those_there_are() -> None:
    with pytest.raises(
        UserError, match="no class is called 'nucleus'; choose from: mitochondrion, ER, membrane"
    ):
        select_classes(TABLE, ["ER", "nucleus"])
    with pytest.raises(UserError, match="no class given"):
        select_classes(TABLE, [])


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        (None, None),
        (5, (5, 5, 5)),
        ((20, 8), (20, 20, 8)),
        ([40.0, 10, 8], (40, 10, 8)),
        ([6.5], (6.5, 6.5, 6.5)),
    ],
)
def test_voxel_size_of_one_two_or_three_numbers(given: Any, parsed: Any) -> None:
    assert parse_voxel_size(given) == parsed


@pytest.mark.parametrize(
    "given",
    [
        0,
        -1,
        (5, 0, 5),
        (1, 2, 3, 4),
        (),
        (float("nan"), 5, 5),
        (float("inf"),),
        ["a", "b", "c"],
        [None],
    ],
)
def test_unusable_voxel_size_is_refused(given: Any) -> None:
    with pytest.raises(UserError, match=r"voxel size .* nanometres"):
        parse_voxel_size(given)


def test_progress_needs_no_words() -> None:
    assert Progress(1, 3) == Progress(1, 3, "")


def test_a_family_is_an_organelle_with_its_parts() -> None:
    whole, part, other = (
        ClassSpec(1, "mitochondrion"),
        ClassSpec(2, "boundary", part_of="mitochondrion"),
        ClassSpec(3, "vesicle"),
    )
    for requested in (whole, part):
        assert family((whole, part, other), (requested,)) == {1, 2}
    assert family((whole, part, other), (other,)) == {3}
    assert family((), (other, part)) == {2, 3}


def test_a_reach_is_a_length_and_a_smallest_section_an_area() -> None:
    assert (
        ClassSpec.from_dict({"id": 2, "name": "wall", "part_of": "cell", "reach": "40"}).reach == 40
    )
    assert ClassSpec(1, "cell").reach == 0
    for wrong in (-1.0, float("inf"), float("nan")):
        with pytest.raises(
            UserError,
            match=r"class 'wall' has reach .*; give the largest distance from its whole in nm, or 0",
        ):
            ClassSpec(2, "wall", reach=wrong)
        with pytest.raises(
            UserError,
            match=r"class 'cell' has smallest .*; "
            r"give the area of its smallest section in nm², or 0",
        ):
            ClassSpec(1, "cell", smallest=wrong)
    assert ClassSpec.from_dict(ClassSpec(1, "cell", smallest=2e4).to_dict()).smallest == 2e4


def test_the_least_mean_of_sections_is_kept_and_makes_no_other_class() -> None:
    sure = ClassSpec(1, "cell", least_mean=1.25)
    assert ClassSpec.from_dict(sure.to_dict()).least_mean == 1.25
    assert sure == ClassSpec(1, "cell")
    assert "least_mean" not in ClassSpec(1, "cell").to_dict()
    for wrong in (-1.0, float("inf"), float("nan")):
        with pytest.raises(UserError, match="give the least mean logit of a section, or 0"):
            ClassSpec(1, "cell", least_mean=wrong)


def test_an_outline_of_its_own_is_kept_and_makes_no_other_class() -> None:
    own = ClassSpec(1, "cell", own_outline=True)
    assert ClassSpec.from_dict(own.to_dict()).own_outline
    assert own == ClassSpec(1, "cell")
    assert "own_outline" not in ClassSpec(1, "cell").to_dict()


def test_a_part_is_counted_into_the_whole_and_ends_with_it() -> None:
    ended = []

    def part() -> Generator[Progress, None, str]:
        try:
            yield Progress(0, 2, "one")
            yield Progress(1, 4, "two")
        finally:
            ended.append(True)
        return "found"

    steps = as_part(part(), 10, 12)
    assert [next(steps), next(steps)] == [Progress(10, 12, "one"), Progress(11, 14, "two")]
    with pytest.raises(StopIteration) as found:
        next(steps)
    assert found.value.value == "found"
    steps = as_part(part(), 0, 2)
    next(steps)
    ended.clear()
    steps.close()
    assert ended
