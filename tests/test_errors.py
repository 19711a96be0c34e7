from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from napari_scsam.errors import (
    MissingFileError,
    PartlyDoneError,
    TakenError,
    UserError,
    describe_os_error,
    list_slices,
    without_drafts,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data/.out.zarr.4711.part", "/data/out.zarr"),
        ("/data/.out.zarr.4711.old/0/c", "/data/out.zarr/0/c"),
        ("'/data/.a b.tif.1.part' is full", "'/data/a b.tif' is full"),
        ("/data/.out.zarr.host.work/blocks/0/7.npz (full)", "/data/out.zarr (full)"),
        ("/data/.in.zarr.instances/out.zarr/labels/0", "/data/in.zarr"),
        ("'.in.zarr.instances/run.json' is full", "'in.zarr' is full"),
        ("/data/.in.tif.instances.lock", "/data/in.tif"),
        ("/data/.in.zarr.instances is not of a run", "/data/.in.zarr.instances is not of a run"),
        ("/data/cells.v1.instances/a.tif", "/data/cells.v1.instances/a.tif"),
        ("/a/zarr.json.0123456789abcdef0123456789abcdef.partial", "/a/zarr.json"),
        ("/data/out.zarr", "/data/out.zarr"),
        ("/data/.hidden.part", "/data/.hidden.part"),
        ("/data/.notes.12.parts", "/data/.notes.12.parts"),
    ],
)
def test_temporary_files_are_called_by_the_names_that_they_will_have(
    text: str, expected: str
) -> None:
    assert without_drafts(text) == expected


def test_an_error_of_the_system_names_the_file_and_the_reason() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "/data/.out.zarr.4711.part/0")
    assert describe_os_error(error) == (
        "/data/out.zarr/0 cannot be read or written (No space left on device); "
        "check the path, its permissions and the free disk space"
    )


def test_an_error_without_a_file_still_has_its_reason() -> None:
    text = describe_os_error(OSError("the pipe is broken"))
    assert text.startswith("a file cannot be read or written (the pipe is broken);")


def test_what_hdf5_tells_of_itself_is_left_out() -> None:
    why = "Unable to create file (unable to open file: name = 'a.h5', errno = 13, flags = 13)"
    text = describe_os_error(PermissionError(errno.EACCES, why, "a.h5"))
    assert text.startswith(f"a.h5 cannot be read or written ({os.strerror(errno.EACCES)});")


def test_a_name_in_bytes_is_decoded() -> None:
    error = OSError(errno.EACCES, "Permission denied", b"/data/a.tif")
    assert describe_os_error(error).startswith("/data/a.tif cannot be read or written")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(MissingFileError, FileNotFoundError), (TakenError, FileExistsError)],
)
def test_some_mistakes_are_the_errors_that_callers_expect(
    kind: type[UserError], expected: type[OSError]
) -> None:
    error = kind("no file at a.tif; check the path")
    assert isinstance(error, expected)
    assert isinstance(error, UserError)
    assert str(error) == "no file at a.tif; check the path"


def test_partly_done_work_is_a_mistake_that_can_be_corrected() -> None:
    with pytest.raises(UserError, match="slice 3"):
        raise PartlyDoneError(f"{Path('out.zarr')} lacks slice 3; run it again with --resume")


@pytest.mark.parametrize(
    ("slices", "most", "words"),
    [
        ([3], None, "slice 3"),
        ([3, 4, 5], None, "slices 3 to 5"),
        ([9, 3, 4], 3, "slices 3 to 4 and 9"),
        ([1, 2, 5, 7, 8], None, "slices 1 to 2, 5 and 7 to 8"),
        ([0, 2, 4, 6, 8], 3, "slices 0, 2, 4 and more"),
    ],
)
def test_slices_are_listed_in_words(slices: list[int], most: int | None, words: str) -> None:
    assert list_slices(slices, most) == words
