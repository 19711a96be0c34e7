from __future__ import annotations

from collections.abc import Sequence

import pytest

from napari_scsam.checkpoints.imported.class_table import read_channels
from napari_scsam.checkpoints.imported.outputs import choose_output
from napari_scsam.config import ClassSpec, UserError

KNOWN = (ClassSpec(4, "mitochondrion", "#ff0000"), ClassSpec(7, "ER", "#00ff00", reach=30.0))


@pytest.mark.parametrize(
    ("names", "ids", "channels", "background"),
    [
        (["background", "ER"], [1], [1], 0),
        (["ER", "Background "], [1], [0], 1),
        (["ER", "PSD"], [1, 2], [0, 1], None),
        (["ER=5", "PSD"], [5, 6], [0, 1], None),
        (["ER=5", "PSD=2"], [2, 5], [1, 0], None),
        (["a", "BACKGROUND", "b=1000"], [1, 1000], [0, 2], 1),
    ],
)
def test_channels_are_named_in_their_order(
    names: list[str], ids: list[int], channels: list[int], background: int | None
) -> None:
    table = read_channels(names)
    assert [spec.id for spec in table.classes] == ids
    assert list(table.channel_of) == channels
    assert table.background == background
    assert table.channels == len(names)


def test_classes_that_are_known_keep_their_id_and_colour() -> None:
    table = read_channels(["background", "Mitochondrion", "PSD", "er"], KNOWN)
    assert [(spec.id, spec.name) for spec in table.classes] == [
        (4, "mitochondrion"),
        (7, "ER"),
        (8, "PSD"),
    ]
    assert table.classes[0].colour == "#ff0000"
    assert table.channel_of == (1, 3, 2)


def test_rules_of_known_classes_are_not_taken_over() -> None:
    (spec,) = read_channels(["ER"], KNOWN).classes
    assert spec.reach == 0
    assert spec.overrides == ()


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (["background", "Background"], "two channels are called background"),
        (["ER", ""], "a channel has no name"),
        (["=3"], "a channel has no name"),
        (["ER=x"], "no whole number as id; write it as ER=3"),
        (["ER=-1"], "no whole number as id"),
        (["ER=1234567890"], "no whole number as id"),
        (["ER", "ER"], "share the name"),
        (["ER=1", "PSD=1"], "1"),
    ],
)
def test_names_that_make_no_table_are_refused(names: Sequence[str], match: str) -> None:
    with pytest.raises(UserError, match=match):
        read_channels(names)


@pytest.mark.parametrize(
    ("names", "wanted", "expected"),
    [(["a"], "", "a"), (["a"], "a", "a"), (["a", "b"], "b", "b")],
)
def test_the_output_is_the_only_one_or_the_one_named(
    names: list[str], wanted: str, expected: str
) -> None:
    assert choose_output(names, wanted) == expected


@pytest.mark.parametrize(
    ("names", "wanted", "match"),
    [
        (["a", "b"], "", "has the outputs a, b; name one with --output"),
        (["a", "b"], "c", "no output 'c'; name one of a, b"),
        (["a"], "c", "no output 'c'; name one of a"),
    ],
)
def test_an_output_that_is_not_clear_is_asked_for(
    names: list[str], wanted: str, match: str
) -> None:
    with pytest.raises(UserError, match=match):
        choose_output(names, wanted)
