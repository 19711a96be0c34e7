"""Checkpoints that a client sends to its session, part by part."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from served import TINY, write_tiny

from napari_scsam.config import UserError
from napari_scsam.remote.asked import FILE_PART_BYTES, PutFile
from napari_scsam.remote.parts import FileRef
from napari_scsam.server.sent_files import SentFiles

DATA = bytes(range(256)) * 20


def ref_of(data: bytes) -> FileRef:
    return FileRef(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


def parts_of(data: bytes, *cuts: int, ref: FileRef | None = None) -> list[PutFile]:
    """The parts of a file, cut at some places."""
    ends = pairwise((0, *cuts, len(data)))
    return [PutFile(id=1, file=ref or ref_of(data), offset=a, data=data[a:b]) for a, b in ends]


def put(files: SentFiles, folder, parts) -> None:
    for part in parts:
        files.put(part, folder)


def test_a_checkpoint_in_parts_is_found_by_its_hash_and_has_the_name_of_its_client(
    tmp_path, random_model
):
    data = (write_tiny(tmp_path, random_model) / f"{TINY}.safetensors").read_bytes()
    files = SentFiles(2**30)
    first, *rest = parts_of(data, *range(FILE_PART_BYTES, len(data), FILE_PART_BYTES))
    put(files, tmp_path, [first])
    assert files.find(first.file.sha256, "mine") is None
    put(files, tmp_path, rest)
    info = files.find(first.file.sha256, "mine")
    assert (info.name, info.bytes) == ("mine", len(data))
    put(files, tmp_path, rest)  # what is there already changes nothing
    assert files.size == len(data)


def test_after_a_cut_a_file_begins_again(tmp_path):
    files = SentFiles(2**20)
    put(files, tmp_path, parts_of(DATA, 100, 200)[:2])
    put(files, tmp_path, parts_of(DATA, 4000))
    assert files.size == len(DATA)
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("which", [[1], [0, 2], [0, 1, 1]])
def test_a_part_that_is_missing_or_comes_twice_is_refused(tmp_path, which):
    parts = parts_of(DATA, 100, 200)
    with pytest.raises(UserError, match="part of the file is missing"):
        put(SentFiles(2**20), tmp_path, [parts[n] for n in which])


def test_another_file_than_its_hash_says_is_refused_and_leaves_nothing(tmp_path):
    files = SentFiles(2**20)
    other = FileRef(sha256="0" * 64, bytes=len(DATA))
    with pytest.raises(UserError, match="arrived damaged"):
        put(files, tmp_path, parts_of(DATA, ref=other))
    longer = FileRef(sha256=ref_of(DATA).sha256, bytes=100)
    with pytest.raises(UserError, match="arrived damaged"):
        put(files, tmp_path, parts_of(DATA, ref=longer))
    assert files.size == 0
    assert not list(tmp_path.iterdir())


def test_files_that_are_too_large_together_are_refused_before_they_come(tmp_path):
    files = SentFiles(2 * len(DATA) - 1)
    put(files, tmp_path, parts_of(DATA))
    with pytest.raises(UserError, match="all together"):
        put(files, tmp_path, parts_of(DATA[::-1], 10)[:1])
    assert files.size == len(DATA)


def test_what_is_no_checkpoint_is_named_as_its_client_names_it(tmp_path):
    files = SentFiles(2**20)
    put(files, tmp_path, parts_of(DATA))
    with pytest.raises(UserError, match=r"^mine is not a ScSAM checkpoint") as raised:
        files.find(ref_of(DATA).sha256, "mine")
    assert str(tmp_path) not in str(raised.value)
