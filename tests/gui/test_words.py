from __future__ import annotations

import pytest

from napari_scsam.gui.words import (
    as_sentence,
    capitalized,
    count_of,
    group_digits,
    keep_units,
    plain_step,
)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("there is no image", "There is no image."),
        ("2-D images have no slices", "2-D images have no slices."),
        ("a 2-D image has no slices", "A 2-D image has no slices."),
        ("mitochondrion: now point at another.", "Mitochondrion: now point at another."),
        ("PSD is locked", "PSD is locked."),
        ("Segmenting …", "Segmenting …"),
        ("cell.tif is empty", "cell.tif is empty."),
        ("data/cell is empty", "data/cell is empty."),
        ("'cell' is empty", "'cell' is empty."),
        ("sam_tiny cannot be kept", "sam_tiny cannot be kept."),
        (
            "'set' is written. To train on it:\nscsam train set -o mine.safetensors",
            "'set' is written. To train on it:\nscsam train set -o mine.safetensors",
        ),
        ("", ""),
    ],
)
def test_what_is_said_stands_alone(said, shown):
    assert as_sentence(said) == shown


def test_counts_are_written_alike():
    assert [group_digits(n) for n in (0, 999, 22152, 1_000_000)] == [
        "0",
        "999",
        "22\u2009152",
        "1\u2009000\u2009000",
    ]


def test_no_line_ends_between_a_number_and_its_unit():
    assert (
        keep_units("9.7 % of 12 slices, 3 s on cpu") == "9.7\u00a0% of 12 slices, 3\u00a0s on cpu"
    )
    assert keep_units("5 small objects at 10 nm") == "5 small objects at 10\u00a0nm"


def test_words_beside_a_bar_are_no_sentence():
    assert plain_step("slice 3, embedding, 2 min left") == "slice 3, analysing, 2 min left"
    assert capitalized("embedding") == "Embedding"
    assert capitalized("sam_tiny, 3 MB so far") == "sam_tiny, 3 MB so far"


def test_names_are_listed_as_in_a_sentence():
    from napari_scsam.gui.words import list_names

    assert list_names(["a", "b", "c"]) == "a, b and c"
    assert list_names(["a"]) == "a"
    assert list_names([]) == "nothing"


def test_one_thing_is_no_plural():
    assert count_of(1, "slice") == "1 slice"
    assert count_of(0, "slice") == "0 slices"
    assert count_of(22_152, "pixel") == "22\u2009152 pixels"
    assert count_of(2, "class", "classes") == "2 classes"
