"""Checkpoints of a server: what is listed, and files that are whole or not there."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.remote.answered import CheckpointCard, CheckpointList, FilePart
from napari_scsam.remote.checkpoints import fetch_steps, list_steps
from napari_scsam.remote.parts import Spec
from napari_scsam.steps import Progress, drive


class Sender:
    """A session whose server sends the parts given."""

    def __init__(self, *parts: tuple[int, bytes], error: Exception | None = None) -> None:
        self.parts = parts
        self.error = error
        self.asked: list = []

    def ask_steps(self, make, take=None):
        self.asked.append(make())
        for offset, data in self.parts:
            take(FilePart(id=1, offset=offset, total=0, data=data))
            yield Progress(0, 1)
        if self.error is not None:
            raise self.error


def test_a_file_is_joined_from_its_parts(tmp_path):
    sender = Sender((0, b"abc"), (3, b"def"))
    path = drive(fetch_steps(sender, "mine", tmp_path / "a.safetensors"))
    assert path.read_bytes() == b"abcdef"
    assert sender.asked[0].name == "mine"


def test_a_file_that_is_sent_again_after_a_cut_holds_nothing_of_the_first_time(tmp_path):
    sender = Sender((0, b"a long first"), (12, b"part"), (0, b"short"))
    path = drive(fetch_steps(sender, "mine", tmp_path / "a.safetensors"))
    assert path.read_bytes() == b"short"


@pytest.mark.parametrize("error", [UserError("there is no line"), OSError("disk full")])
def test_a_download_that_fails_leaves_the_file_before(tmp_path, error):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"before")
    with pytest.raises(type(error)):
        drive(fetch_steps(Sender((0, b"half"), error=error), "mine", path))
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_download_that_is_cancelled_leaves_nothing(tmp_path):
    steps = fetch_steps(Sender((0, b"half"), (4, b"rest")), "mine", tmp_path / "a.safetensors")
    next(steps)
    steps.close()
    assert not list(tmp_path.iterdir())


def test_what_a_server_lists_is_known_by_names():
    card = CheckpointCard(
        name="tiny",
        classes=(Spec.of(ClassSpec(3, "granule", reach=4.0)),),
        nm_per_pixel=8.0,
        bytes=77,
        licence="MIT",
        summary="of tests",
        config={"tile": 128},
        training={"steps": 5},
    )
    answer = CheckpointList(id=1, checkpoints=(card,))

    def ask(_make):
        yield from ()
        return answer

    (info,) = drive(list_steps(SimpleNamespace(ask_steps=ask)))
    assert (info.name, info.path, info.bytes) == ("tiny", Path("tiny"), 77)
    assert info.classes == (ClassSpec(3, "granule", reach=4.0),)
    assert (info.nm_per_pixel, info.config["tile"], info.training["steps"]) == (8.0, 128, 5)
