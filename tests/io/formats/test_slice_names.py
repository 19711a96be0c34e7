"""Slices are ordered by the numbers in their names, and a missing one is noticed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from napari_scsam.config import UserError
from napari_scsam.io.formats.slice_names import (
    check_complete,
    check_one_channel,
    slice_numbers,
    sorted_by_number,
)


def ordered(names: list[str]) -> list[str]:
    shuffled = random.Random(0).sample(names, len(names))
    return [path.name for path in sorted_by_number(map(Path, shuffled))]


@pytest.mark.parametrize(
    "names",
    [
        ["9.tif", "10.tif", "S1.tif", "s1_b.tif", "s9.tif", "s10.tif"],
        ["-3.tif", "-2.tif", "-1.tif", "0.tif", "1.tif", "2.tif"],
        ["z-3.tif", "z-2.tif", "z-1.tif", "z0.tif", "z1.tif", "z2.tif"],
        ["z-010.tif", "z-002.tif", "z000.tif", "z008.tif"],
        ["z=-3.tif", "z=-2.tif", "z=-1.tif", "z=0.tif", "z=1.tif", "z=2.tif"],
        ["z_-3.tif", "z_-2.tif", "z_-1.tif"],
        ["z = -10.tif", "z = -9.tif", "z = 0.tif"],
        ["z\N{MINUS SIGN}2.tif", "z\N{MINUS SIGN}1.tif", "z0.tif"],
        ["slice-1.tif", "slice-2.tif", "slice-10.tif"],
        ["slice--2.tif", "slice--1.tif", "slice-0.tif", "slice-1.tif"],
        ["2020-01-05_1.tif", "2020-01-05_2.tif", "2020-02-01_1.tif"],
        ["s3-1.tif", "s3-2.tif", "s3-10.tif"],
        ["a.tif", "b.tif", "c.tif"],
        [f"{10**30 + n}.tif" for n in range(3)],
    ],
    ids=lambda names: names[0],
)
def test_names_are_in_the_order_of_their_numbers(names: list[str]) -> None:
    assert ordered(names) == names


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ("0 1 2 4 5", "lacks slice 3: s4.tif follows s2.tif"),
        ("1 2 4", "lacks slice 3"),
        ("1 3 4", "lacks slice 2"),
        ("10 20 30 50", "lacks slice 40"),
        ("-2 -1 1 2", "lacks slice 0"),
        ("001 002 003 005 006 009", "lacks slice 4"),
        ("1 01 2 3", "are both slice 1; keep one of them"),
    ],
)
def test_a_missing_or_doubled_slice_is_named(names: str, problem: str) -> None:
    files = sorted_by_number(Path("stack") / f"s{number}.tif" for number in names.split())
    with pytest.raises(UserError, match=problem):
        check_complete(files)


@pytest.mark.parametrize(
    "names",
    [
        "s1 s2 s3",
        "s1 s3",
        "s7",
        "s0 s10 s20 s30",
        "a b c",
        "a1 b2 c9",
        "s121314 s121402 s121517 s130001",  # times
        "t0_z0 t0_z1 t1_z0 t1_z1",
        "s1_of_9 s2_of_9 s3_of_9",
    ],
)
def test_other_names_are_no_sign_of_a_gap(names: str) -> None:
    check_complete(sorted_by_number(Path(f"{name}.tif") for name in names.split()))


def test_the_numbers_of_slices_are_signed() -> None:
    files = sorted_by_number(Path(f"z{z}_10nm.tif") for z in (2, -1, 0, 1))
    assert slice_numbers(files) == [-1, 0, 1, 2]


@pytest.mark.parametrize(
    ("names", "stranger"),
    [
        ("s1.tif s2.tif s3.tif labels.tif", "labels"),
        ("s1.tif s2.tif s3.tif s3_old.tif", "s3_old"),
        ("s1.tif s2.tiff s4.tif s5.tif overview.tif", "overview"),
        ("z-1.tif z0.tif z1.tif seg_2.tif", "seg_2"),
    ],
)
def test_an_image_that_is_not_numbered_like_the_slices_is_named(names: str, stranger: str) -> None:
    files = sorted_by_number(Path("stack") / name for name in names.split())
    with pytest.raises(UserError, match=f"{stranger}.tif is not numbered like the slices"):
        check_complete(files)


@pytest.mark.parametrize(
    "names", ["a1 b2 c3 d4", "a b c 4", "s1 s2 old", "s1 s2 s3 t1 t2 t3", "cell axon1 axon2 bouton"]
)
def test_names_without_a_pattern_are_taken_as_they_are(names: str) -> None:
    check_complete(sorted_by_number(Path(f"{name}.tif") for name in names.split()))


def test_a_gap_shows_also_where_suffixes_are_spelt_in_two_ways() -> None:
    files = sorted_by_number(map(Path, ("s1.tif", "s2.tiff", "s4.tif", "s5.tif")))
    with pytest.raises(UserError, match="lacks slice 3"):
        check_complete(files)


@pytest.mark.parametrize("mark", ["_c", "-ch", "_channel=", "_w", " C"])
def test_slices_of_several_channels_are_refused(mark: str) -> None:
    names = [f"z{z:03}{mark}{channel}.tif" for z in range(3) for channel in range(2)]
    with pytest.raises(UserError, match=r"slices of 2 channels, such as z000.*0\.tif and .*1\.tif"):
        check_one_channel([Path("scan") / name for name in names])


@pytest.mark.parametrize(
    "names",
    [
        "z0_c0 z1_c0 z2_c0",  # one channel
        "z0_c0 z0_c1 z1_c0",  # not one of each
        "z0_s0 z0_s1 z1_s0 z1_s1",  # whatever s is
        "c0 c1 c2",  # the only number
        "abc0_1 abc0_2 abc1_1 abc1_2",
    ],
)
def test_other_names_are_no_channels(names: str) -> None:
    check_one_channel([Path(f"scan/{name}.tif") for name in names.split()])
