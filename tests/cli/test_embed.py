"""``scsam embed``: what is cached, and what is printed of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_scsam import cli
from napari_scsam.cli import embed as command
from napari_scsam.config import UserError
from napari_scsam.infer import disk_cache
from napari_scsam.infer.disk_cache import DiskCache
from napari_scsam.steps import Progress, Steps
from napari_scsam.volume import embed


@pytest.fixture
def image(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "em.tif", np.eye(40, 50, dtype=np.uint8) * 200)
    return tmp_path / "em.tif"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a volume was embedded with; nothing is computed."""
    calls: list[dict[str, Any]] = []

    def work(volume: Any, model: Any, disk: Any, device: str, *, tta: bool) -> Steps[int]:
        calls.append({"size": volume.voxel_size, "disk": disk, "device": device, "tta": tta})
        yield Progress(0, 1, "slice 0")
        return 12_345_678

    monkeypatch.setattr(embed, "embed_volume", work)
    return calls


def test_the_place_and_size_of_the_cache_are_the_result(
    image: Path,
    checkpoint: Path,
    tmp_path: Path,
    asked: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    disk = DiskCache(tmp_path / "cache", 2_500_000_000)
    monkeypatch.setattr(disk_cache, "default_cache", lambda: disk)
    base = ["embed", str(image), "--checkpoint", str(checkpoint), "--device", "cpu"]
    assert cli.main([*base, "--voxel-size", "40", "8", "6"]) == 0
    assert capsys.readouterr() == (f"{tmp_path / 'cache'}: 12.3 MB of at most 2.5 GB\n", "")
    assert asked == [{"size": (40.0, 8.0, 6.0), "disk": disk, "device": "cpu", "tta": False}]
    assert cli.main([*base, "--careful"]) == 0
    assert asked[1]["tta"]
    assert "voxel size unknown" in capsys.readouterr().err


def test_a_mistake_is_told_alone(
    image: Path,
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: Any, **__: Any) -> Steps[int]:
        raise UserError("the cache is off; raise its limit")
        yield

    monkeypatch.setattr(embed, "embed_volume", refuse)
    assert cli.main(["embed", str(image), "--checkpoint", str(checkpoint)]) == 2
    assert capsys.readouterr() == ("", "scsam: the cache is off; raise its limit\n")


def test_without_a_cache_on_disk_nothing_can_be_kept(
    image: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tests run with a limit of 0 GB."""
    assert cli.main(["embed", str(image), "--checkpoint", str(checkpoint)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert "NAPARI_SCSAM_CACHE_GB" in told.err


def test_who_stops_it_is_told_that_work_is_kept(
    image: Path,
    checkpoint: Path,
    asked: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "show", stop)
    assert cli.main(["embed", str(image), "--checkpoint", str(checkpoint)]) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "scsam: stopped; finished work is kept, and the same command continues it"
