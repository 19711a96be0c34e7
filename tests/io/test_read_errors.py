"""Damaged files become sentences that name them."""

import struct
import zlib
from pathlib import Path

import pytest

from napari_scsam.config import UserError
from napari_scsam.io.read_errors import (
    LONGEST,
    READ_ERRORS,
    DamagedPartError,
    cannot_open,
    describe_error,
    empty_file,
    explaining,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("a\n  b\tc"), "a b c"),
        (KeyError(), "KeyError"),
        (zlib.error("cut off"), "cut off"),
        (ValueError("x" * LONGEST), "x" * LONGEST),
        (ValueError("x" * (LONGEST + 1)), "x" * (LONGEST - 1) + "…"),
    ],
)
def test_what_a_library_says_is_one_short_line(error, text):
    assert describe_error(error) == text


@pytest.mark.parametrize("kind", [OSError, ValueError, struct.error, EOFError, MemoryError])
def test_an_error_of_a_library_names_the_file_and_keeps_its_cause(kind):
    with (
        pytest.raises(UserError, match=r"em\.tif cannot be opened: .*\(what it said\)") as caught,
        explaining(Path("em.tif")),
    ):
        raise kind("what it said")
    assert isinstance(caught.value.__cause__, kind)


def test_a_sentence_for_the_user_is_not_explained_again():
    with pytest.raises(DamagedPartError, match=r"^slice 3 is damaged$"), explaining("em.tif"):
        raise DamagedPartError("slice 3 is damaged")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit])
def test_what_ends_the_program_is_no_damage(kind):
    with pytest.raises(kind), explaining("em.tif"):
        raise kind
    assert not issubclass(kind, READ_ERRORS)


def test_nothing_is_raised_for_a_file_that_can_be_read():
    with explaining("em.tif"):
        pass


def test_an_empty_file_is_to_be_copied_again():
    assert str(empty_file(Path("em.tif"))) == "em.tif is an empty file; copy or download it again"
    assert "em.tif" in str(cannot_open("em.tif", ValueError("x")))


@pytest.mark.parametrize(
    ("start", "suffix"),
    [
        (b"\x89PNG", ".png"),
        (b"\x89HDF\r\n\x1a\n", ".h5"),
        (b"NRRD0004", ".nrrd"),
        (b"PK\x03\x04", ".zip"),
    ],
)
def test_a_file_that_is_named_as_another_kind_is_to_be_renamed(start, suffix, tmp_path):
    path = tmp_path / "em.tif"
    path.write_bytes(start + b"anything")
    sentence = str(cannot_open(path, ValueError("what it said")))
    assert sentence == f"{path} has {suffix} data in spite of its name; rename it to em{suffix}"


def test_a_damaged_file_of_the_right_name_is_damaged(tmp_path):
    path = tmp_path / "em.TIF"
    path.write_bytes(b"II*\0")
    assert "is damaged" in str(cannot_open(path, ValueError("what it said")))
