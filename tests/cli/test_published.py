"""The command line with published SAMs: fetched, listed, told of, and refused where classes are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from official_sam import Server, serving

from napari_scsam import cli
from napari_scsam.checkpoints import find, registry


@pytest.fixture
def server(
    mobile_sam_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path / "mine"))
    with serving(mobile_sam_file.read_bytes()) as server:
        for module in (registry, find):
            monkeypatch.setattr(module, "list_downloads", lambda: (server.entry(),))
        yield server


def lines(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(name)]


def test_what_was_fetched_points_at_objects_and_finds_no_classes(
    server: Server, tmp_path: Path, blobs: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["checkpoints", "list"]) == 0
    assert [line.split()[3:5] for line in lines(capsys.readouterr().out, "tiny_sam")] == [
        ["to", "download"]
    ]
    assert cli.main(["checkpoints", "download", "tiny_sam"]) == 0
    told = capsys.readouterr()
    assert told.out == f"{tmp_path / 'mine' / 'tiny_sam.pt'}\n", (
        "scripts take the file to train from"
    )
    assert "tiny_sam is among the checkpoints and answers clicks and boxes" in told.err
    assert cli.main(["checkpoints", "list"]) == 0
    assert len(lines(capsys.readouterr().out, "tiny_sam")) == 1
    assert cli.main(["checkpoints", "info", "tiny_sam"]) == 0
    assert "none learned" in capsys.readouterr().out

    tifffile.imwrite(tmp_path / "cell.tif", blobs)
    tifffile.imwrite(tmp_path / "labels.tif", (blobs > 200).astype(np.uint8))
    model = ["--checkpoint", "tiny_sam", "--device", "cpu"]
    for name in ("out.zarr", "out.tif"):
        assert (
            cli.main(["segment", str(tmp_path / "cell.tif"), "-o", str(tmp_path / name), *model])
            == 2
        )
        told = capsys.readouterr()
        assert len(told.err.splitlines()) == 1
        assert "this network answers clicks and boxes only" in told.err
        assert not (tmp_path / name).exists()
    evaluate = [
        "evaluate",
        "--image",
        str(tmp_path / "cell.tif"),
        "--labels",
        str(tmp_path / "labels.tif"),
        *model,
    ]
    assert cli.main(evaluate) == 2
    assert cli.main([*evaluate, "--clicks", "1"]) == 0
    told = capsys.readouterr()
    assert "1 click" in told.out
    assert "only clicks are scored, because this network answers clicks and boxes only" in told.err
