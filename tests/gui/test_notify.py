from __future__ import annotations

import pytest
from napari.utils.notifications import notification_manager

from napari_scsam.config import UserError
from napari_scsam.gui.notify import capital, grouped, sentence, tell


@pytest.fixture
def told():
    notification_manager.records.clear()
    yield notification_manager.records
    notification_manager.records.clear()


def test_a_users_mistake_is_a_sentence(told):
    tell(UserError("the image is empty; choose another"))
    assert [(note.message, str(note.severity)) for note in told] == [
        ("The image is empty; choose another.", "warning")
    ]


def test_a_fault_of_ours_keeps_its_traceback(told):
    try:
        raise RuntimeError("broken")
    except RuntimeError as error:
        tell(error)
    assert str(told[0].severity) == "error"
    assert told[0].exception.__traceback__ is not None


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
    assert sentence(said) == shown


def test_counts_are_written_alike():
    assert [grouped(n) for n in (0, 999, 22152, 1_000_000)] == [
        "0",
        "999",
        "22\u2009152",
        "1\u2009000\u2009000",
    ]


def test_words_beside_a_bar_are_no_sentence():
    assert capital("embedding") == "Embedding"
    assert capital("sam_tiny, 3 MB so far") == "sam_tiny, 3 MB so far"
