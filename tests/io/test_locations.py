from __future__ import annotations

from pathlib import Path

import pytest

from napari_scsam.config import UserError
from napari_scsam.io.locations import Location, file_of, is_address, parse_location


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/cell.tif", Location("a/cell.tif")),
        ("cell.tif:channel=1", Location("cell.tif", channel=1)),
        ("cell.h5:/raw:channel=1,time=20", Location("cell.h5:/raw", channel=1, time=20)),
        ("https:/host/a.zarr:time=3", Location("https://host/a.zarr", time=3)),
        ("S3://bucket/a.zarr", Location("s3://bucket/a.zarr")),
        ("file:///data/my%20cell.tif", Location("/data/my cell.tif")),
        ("file:/data/cell.tif", Location("/data/cell.tif")),
        ("channel=1", Location("channel=1")),
    ],
)
def test_a_name_is_a_place_and_a_choice(text: str, expected: Location) -> None:
    assert parse_location(text) == expected
    assert parse_location(str(expected)) == expected


def test_an_option_comes_before_the_name() -> None:
    assert parse_location("a.tif:channel=1", channel=2).channel == 2
    with pytest.raises(UserError, match="count from 0"):
        parse_location("a.tif", time=-1)


def test_the_file_is_what_lies_on_the_disk() -> None:
    assert file_of("a/cell.h5:/raw:time=1") == Path("a/cell.h5")
    assert file_of("cell.raw:4x5x6:uint8") == Path("cell.raw")
    assert file_of("cell.tif:channel=1") == Path("cell.tif")


def test_a_drive_is_no_address() -> None:
    assert not is_address("C:/data/cell.tif")
    assert is_address("gs:/bucket/cell.zarr")


def test_a_tilde_is_the_home_folder_unless_a_file_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert parse_location("~/a.h5:/em").text == str(tmp_path / "home") + "/a.h5:/em"
    (tmp_path / "~").mkdir()
    assert parse_location("~/a.h5:/em").text == "~/a.h5:/em"
    assert parse_location("a~.tif").text == "a~.tif"
