import numpy as np
import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.train.finetune.known_labels import (
    UNKNOWN,
    KnownClass,
    group_rows,
    known_classes,
    known_targets,
    parse_label_classes,
    without_parts,
)

CLASSES = (
    ClassSpec(1, "mitochondrion"),
    ClassSpec(2, "boundary", part_of="mitochondrion"),
    ClassSpec(3, "vesicle"),
)


def test_a_label_of_a_whole_covers_its_parts() -> None:
    assert known_classes(CLASSES, ["Mitochondrion"]) == (KnownClass("mitochondrion", (0, 1)),)


def test_a_part_with_a_label_of_its_own_is_not_covered_by_its_whole() -> None:
    known = known_classes(CLASSES, ["boundary", "mitochondrion"])
    assert known == (KnownClass("boundary", (1,)), KnownClass("mitochondrion", (0,)))


def test_a_label_of_a_part_says_nothing_of_its_whole() -> None:
    known = known_classes(CLASSES, ["boundary"])
    assert group_rows(known, len(CLASSES)) == ((0, 1, 3), (2,))


def test_a_class_comes_before_its_parts_whatever_the_order_of_the_table() -> None:
    known = known_classes(CLASSES[1::-1], ["mitochondrion"])
    assert known == (KnownClass("mitochondrion", (1, 0)),)


def test_parts_that_labels_leave_out_are_in_no_group() -> None:
    (whole,) = known_classes(CLASSES, ["mitochondrion"])
    alone = without_parts(whole)
    assert alone == KnownClass("mitochondrion", (0,), apart=(1,))
    assert group_rows([alone], len(CLASSES)) == ((0, 3), (1,))


def test_groups_hold_background_and_every_class_once() -> None:
    groups = group_rows(known_classes(CLASSES, ["vesicle", "mitochondrion"]), len(CLASSES))
    assert groups == ((0,), (3,), (1, 2))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "no class is labelled"),
        (["vesicle", "VESICLE"], "two label values"),
        (["nucleus"], "no class 'nucleus'"),
    ],
)
def test_labels_that_cannot_be_understood_are_refused(names: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        known_classes(CLASSES, names)


def test_a_pixel_is_its_class_or_none_of_the_labelled_ones_or_unknown() -> None:
    labels = np.array([[0, 7, 9, 3]])
    reviewed = np.array([[1, 1, 1, 0]])
    assert known_targets(labels, [9, 7], reviewed).tolist() == [[0, 2, 1, UNKNOWN]]


def test_all_is_reviewed_without_a_mask() -> None:
    assert known_targets(np.array([0, 4]), [4]).tolist() == [0, 1]


def test_the_table_of_a_label_file_is_read() -> None:
    assert parse_label_classes({"1": " mitochondrion ", "12": "er"}) == {
        1: "mitochondrion",
        12: "er",
    }


@pytest.mark.parametrize(
    "table",
    [{}, {"0": "er"}, {"-1": "er"}, {"a": "er"}, {"1": ""}, {"1": 3}, {"1": "er", "01": "er"}],
)
def test_a_table_that_cannot_be_understood_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(UserError):
        parse_label_classes(table)
