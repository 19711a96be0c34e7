"""Which data clients may name: nothing that is not in the folders or below the addresses of a server."""

from __future__ import annotations

import os

import pytest

from napari_scsam.config import UserError
from napari_scsam.server.data_places import DataPlaces

ELSEWHERE = "not among the data that the server opens"
LEADS_OUT = "link that leads out"


@pytest.fixture
def place(tmp_path):
    """Folders that are served, one of them by a link, beside one that is not."""
    for name in ("served/cell.zarr/0", "served/more", "servedtoo", "private"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("served/a.tif", "served/a.h5", "servedtoo/b.tif", "private/c.tif"):
        (tmp_path / name).write_bytes(b"0")
    (tmp_path / "linked").symlink_to(tmp_path / "served")
    return tmp_path


@pytest.fixture
def places(place):
    return DataPlaces.of([str(place / "linked")])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.tif", "a.tif"),
        ("{}/served/a.tif:channel=1", "a.tif:channel=1"),
        ("{}/linked/a.h5:/em/raw", "a.h5:/em/raw"),
        ("more/../a.tif", "a.tif"),
        ("cell.zarr", "cell.zarr"),
        ("file://{}/served/a.tif", "a.tif"),
    ],
)
def test_what_is_in_the_folder_is_found_by_its_real_path(place, places, name, found):
    assert places.check(name.format(place)) == f"{place}/served/{found}"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "..",
        "../private/c.tif",
        "{}/private/c.tif",
        "{}/servedtoo/b.tif",
        "more/../../private/c.tif",
        "{}/served/../private/c.tif",
        "/etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
        "~/.ssh/id_rsa",
        "a.tif\0.png",
        "\0",
        "x" * 5000,
        "nothing.tif",
        "a.zip:/../../private",
        "https://example.org/a.zarr",
        "s3://bucket/a.zarr",
        "ftp://example.org/a.tif",
    ],
)
def test_nothing_else_is_opened_and_no_answer_tells_what_is_there(place, places, name):
    if name in ("", "/"):
        name = name or "."
    if name == ".":
        assert places.check(name) == f"{place}/served"
        return
    with pytest.raises(UserError, match=ELSEWHERE):
        places.check(name.format(place))


def test_links_that_lead_out_are_refused_wherever_they_are(place, places):
    (place / "served/out.tif").symlink_to(place / "private/c.tif")
    with pytest.raises(UserError, match=ELSEWHERE):
        places.check("out.tif")
    (place / "served/inside.tif").symlink_to(place / "served/a.tif")
    assert places.check("inside.tif").endswith("/served/a.tif")
    (place / "served/cell.zarr/0/0.0").symlink_to(place / "private/c.tif")
    with pytest.raises(UserError, match=LEADS_OUT):
        places.check("cell.zarr")


def test_a_link_to_a_folder_is_followed_as_far_as_a_reader_would(place, places):
    (place / "served/cell.zarr/1").symlink_to(place / "served/more")
    (place / "served/cell.zarr/round").symlink_to(place / "served/cell.zarr")
    assert places.check("cell.zarr")
    (place / "served/more/x").symlink_to(place / "private")
    with pytest.raises(UserError, match=LEADS_OUT):
        places.check("cell.zarr")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_file_is_not_opened(place, places):
    os.mkfifo(place / "served/pipe.tif")
    with pytest.raises(UserError, match=ELSEWHERE):
        places.check("pipe.tif")


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("https://example.org/em/cell.zarr", True),
        ("https://example.org/em", True),
        ("https://example.org/em2/cell.zarr", False),
        ("http://example.org/em/cell.zarr", False),
        ("https://example.org:444/em/cell.zarr", False),
        ("https://example.org.evil.org/em/cell.zarr", False),
        ("https://other.org/em/cell.zarr", False),
        ("s3://bucket/em/cell.zarr", True),
        ("s3://bucket2/em/cell.zarr", False),
        ("/etc/passwd", False),
    ],
)
def test_addresses_below_the_allowed_ones_are_opened_and_no_others(name, allowed):
    places = DataPlaces.of(["https://example.org/em/", "s3://bucket"])
    if allowed:
        assert places.check(name) == name
        return
    with pytest.raises(UserError, match=ELSEWHERE):
        places.check(name)


@pytest.mark.parametrize(
    "name",
    [
        "https://example.org/em/../private",
        "https://example.org/em/%2e%2e/private",
        "https://example.org/em/%252e%252e/private",
        "https://example.org/em/..%2fprivate",
        "https://example.org/em/..%5cprivate",
        "https://user:word@example.org/em/a.zarr",
        "https://example.org@other.org/em/a.zarr",
        "https://example.org/em/a.zarr?next=/private",
        "https://example.org/em/a.zarr#x",
    ],
)
def test_an_address_that_can_mean_something_else_is_refused(name):
    with pytest.raises(UserError, match="not a plain address"):
        DataPlaces.of(["https://example.org/em"]).check(name)


def test_without_data_a_server_says_how_to_start_it():
    with pytest.raises(UserError, match="opens no data; start it with --data"):
        DataPlaces().check("/etc/passwd")


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no folder .*nothing to serve data from"):
        DataPlaces.of([str(tmp_path / "nothing")])
