from __future__ import annotations

import pytest

from napari_scsam.config import UserError
from napari_scsam.gui.panels.parts.size_field import SizeField, format_size, read_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10", 10.0),
        ("12.5", 12.5),
        (".5", 0.5),
        ("7.", 7.0),
        (" 8 nm ", 8.0),
        ("8nm", 8.0),
        ("1e3", 1000.0),
        ("2.5E-1", 0.25),
        ("0.05", 0.05),
        ("10000", 10_000.0),
    ],
)
def test_a_size_is_read_as_it_is_written(text, size):
    assert read_size(text, "z") == size


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_an_empty_field_means_unknown(text):
    assert read_size(text, "y") is None


@pytest.mark.parametrize("text", ["1,000", "10,5", "10,5 nm"])
def test_a_comma_is_refused_and_the_point_recommended(text):
    with pytest.raises(UserError, match=r"for x is ambiguous; .*10\.5"):
        read_size(text, "x")


@pytest.mark.parametrize(
    "text", ["ten", "1 0", "0x10", "1_000", "nan", "inf", "10 µm", "1.2.3", "+5", "nm", "e3", "٣"]
)
def test_what_is_no_number_is_called_so(text):
    with pytest.raises(UserError, match="for z is not a number"):
        read_size(text, "z")


@pytest.mark.parametrize("text", ["0", "-10", "0.049", "10001", "1e300", "1e-300", "1e999"])
def test_an_impossible_size_is_refused_with_the_limits(text):
    with pytest.raises(UserError, match=r"not a possible voxel size; .* 0\.05 to 10,000"):
        read_size(text, "z")
    with pytest.raises(UserError, match=r"not a possible voxel size; .* 0\.05 to 1,000"):
        read_size(text, "y")


@pytest.mark.parametrize("text", ["0.005", "5000", "5e-9 nm", "5e-6"])
def test_a_size_in_another_unit_is_refused_with_a_guess(text):
    with pytest.raises(UserError, match=r"to 1,000 \(was 5 nm meant\?\)$"):
        read_size(text, "x")


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, ""), (10.0, "10"), (12.5, "12.5"), (7.68000001, "7.68"), (10_000.0, "10000")],
)
def test_a_size_is_shown_with_no_digit_too_many_and_read_again(size, text):
    assert format_size(size) == text
    again = read_size(text, "z")
    assert again == (pytest.approx(size, rel=1e-5) if size else None)


def test_the_field_keeps_a_typing_error_to_complain_about(qtbot):
    field = SizeField("y")
    qtbot.addWidget(field)
    assert field.size_nm() is None
    qtbot.keyClicks(field, "12.5")
    assert field.size_nm() == 12.5
    qtbot.keyClicks(field, "x")
    assert field.text() == "12.5x"
    with pytest.raises(UserError, match=r"'12\.5x' for y"):
        field.size_nm()
    assert "along y" in field.toolTip()
