"""What every command has: one-line mistakes, options, notes and progress."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import tifffile

from napari_scsam.cli.shared import parts
from napari_scsam.config import UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.io.volumes import as_volume
from napari_scsam.steps import Progress, Steps


def parser_with_options() -> parts.Parser:
    parser = parts.Parser(prog="scsam")
    made = parts.command(parser.add_subparsers(), "look", print, "Look at it.")
    parts.add_model_options(made)
    parts.add_careful(made)
    return parser


def test_the_usual_options_have_defaults() -> None:
    arguments = parser_with_options().parse_args(["look"])
    assert vars(arguments) == {
        "run": print,
        "checkpoint": "default",
        "device": "auto",
        "voxel_size": None,
        "channel": None,
        "time": None,
        "careful": False,
    }


def test_an_image_is_opened_with_its_channel_and_words_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (2, 8, 9), np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", grey, imagej=True, metadata={"axes": "CYX"}, photometric="minisblack"
    )
    arguments = parser_with_options().parse_args(["look", "--channel", "1"])
    arguments.image = str(tmp_path / "a.tif")
    np.testing.assert_array_equal(parts.open_image(arguments).data[...], grey[1])
    tifffile.imwrite(tmp_path / "b.tif", np.stack([grey[0]] * 3, -1), photometric="rgb")
    arguments = parser_with_options().parse_args(["look"])
    arguments.image = str(tmp_path / "b.tif")
    np.testing.assert_array_equal(parts.open_image(arguments).data[...], grey[0])
    assert "taken as one grey" in capsys.readouterr().err


def test_labels_are_no_image(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", np.ones((2, 8, 9), np.uint8), None, ())
    arguments = parser_with_options().parse_args(["look"])
    arguments.image = str(tmp_path / "a.tif")
    with pytest.raises(UserError, match="holds labels and no grey values"):
        parts.open_image(arguments)


def test_a_voxel_size_takes_several_numbers() -> None:
    command = ["look", "--voxel-size", "40", "8", "8.5", "--careful"]
    arguments = parser_with_options().parse_args(command)
    assert arguments.voxel_size == [40.0, 8.0, 8.5]
    assert arguments.careful


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["look", "--voxel-size", "8nm"], "argument --voxel-size: '8nm' is not a number; give z y"),
        (["look", "--gone"], "unrecognized arguments: --gone"),
        (["peek"], "invalid choice: 'peek'"),
    ],
)
def test_a_mistake_is_one_line_that_ends_with_where_to_look(
    command: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        parser_with_options().parse_args(command)
    told = capsys.readouterr()
    assert (end.value.code, told.out) == (2, "")
    assert says in told.err
    assert told.err.endswith("--help\n")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, None),
        ("", [""]),
        ("PSD", ["PSD"]),
        ("a, synaptic vesicle ,b", ["a", "synaptic vesicle", "b"]),
        ("a,", ["a", ""]),
    ],
)
def test_names_are_separated_by_commas(text: str | None, names: list[str] | None) -> None:
    assert parts.parse_names(text) == names


def test_a_number_that_is_none_is_told() -> None:
    assert parts.nanometres("4e0") == 4.0
    with pytest.raises(argparse.ArgumentTypeError, match="'x' is not a number; give z y x in nm"):
        parts.nanometres("x")


@pytest.mark.parametrize(
    ("size", "nm", "told"), [(None, 8.0, True), ((4, 4, 4), 8.0, False), (None, None, False)]
)
def test_an_unknown_size_is_noted_only_where_it_matters(
    size: Any, nm: float | None, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    model = cast(Any, SimpleNamespace(nm_per_pixel=nm))
    parts.note_unknown_size(as_volume(np.zeros((2, 3, 4)), size), model)
    err = capsys.readouterr().err
    assert ("at 8 nm per pixel (set it with --voxel-size)" in err) == told
    assert bool(err) == told


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ((40, 8, 8), ""),
        ((40, 4, 7), ""),
        ((4, 8, 80), "pixels are 8 nm high and 80 nm wide, which is unusual"),
        ((4, 80, 8), "pixels are 80 nm high and 8 nm wide, which is unusual"),
    ],
)
def test_pixels_that_are_far_from_square_are_noted(
    capsys: pytest.CaptureFixture[str], size: tuple[float, ...], told: str
) -> None:
    model = cast(Any, SimpleNamespace(nm_per_pixel=8.0))
    parts.note_unknown_size(as_volume(np.zeros((2, 3, 4)), size), model)
    err = capsys.readouterr().err
    assert told in err
    assert bool(err) == bool(told)


def work() -> Steps[str]:
    yield Progress(0, 2, "slice 0")
    yield Progress(1, 2, "slice 1")
    return "done"


def test_lines_of_progress_are_as_far_apart_as_promised_and_tell_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times = iter([0.0, 59.0, 61.0, 62.0, 121.5])
    monkeypatch.setattr(parts.time, "monotonic", lambda: next(times))
    lines = parts._Lines()
    for done in range(4):
        lines.update(Progress(done, 9, f"slice {done}"))
    assert capsys.readouterr().err == "slice 1, 1 of 9\nslice 3, 3 of 9, 3 min left\n"


def test_on_a_terminal_a_bar_shows_the_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert parts.show(work()) == "done"
    told = capsys.readouterr()
    assert told.out == ""
    assert "slice" in told.err
    assert "/2" in told.err


def test_notes_stay_out_of_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    parts.note("scsam: by the way")
    assert capsys.readouterr() == ("", "scsam: by the way\n")


@pytest.mark.parametrize("option", ["labels", "reviewed", "strokes"])
def test_an_image_is_not_its_own_labels(tmp_path: Path, option: str) -> None:
    (tmp_path / "link.tif").symlink_to(tmp_path / "em.tif")
    arguments = argparse.Namespace(image=str(tmp_path / "em.tif"))
    for name, path in (("em.tif", tmp_path / "em.tif"), ("link.tif", tmp_path / "link.tif")):
        setattr(arguments, option, str(path))
        with pytest.raises(UserError, match=f"--{option} is the image itself"):
            parts.check_other_files(arguments)
        setattr(arguments, option, str(tmp_path / f"of_{name}"))
        parts.check_other_files(arguments)
