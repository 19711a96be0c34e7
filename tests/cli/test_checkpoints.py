"""``scsam checkpoints``: what is listed, shown and downloaded."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_scsam import cli
from napari_scsam.checkpoints import checkpoint as checkpoint_file
from napari_scsam.checkpoints import published, registry
from napari_scsam.cli.checkpoints import size_cell
from napari_scsam.config import UserError
from napari_scsam.steps import Progress


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "   size ?"), (0, "   size ?"), (375_042_383, " 375.0 MB"), (40_000, "   0.0 MB")],
)
def test_a_size_is_a_column_of_the_list(size: int | None, text: str) -> None:
    assert size_cell(size) == text


def test_what_is_here_is_listed_before_what_can_be_downloaded(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(checkpoint.parent))
    assert cli.main(["checkpoints", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    megabytes = checkpoint.stat().st_size / 1e6
    assert f"{'random':24} {megabytes:6.1f} MB  Random weights." in lines
    offered = [line for line in lines if "  to download (" in line]
    assert lines[-len(offered) :] == offered
    assert {line.split()[0] for line in offered} == {d.name for d in registry.list_downloads()}


def test_what_was_downloaded_is_not_offered_again(
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    name = registry.list_downloads()[0].name
    (tmp_path / f"{name}.safetensors").symlink_to(checkpoint)
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path))
    assert cli.main(["checkpoints"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.split()[0] == name]
    assert len(lines) == 1
    assert "to download" not in lines[0]


def test_a_card_is_printed_line_by_line(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["checkpoints", "info", str(checkpoint)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "random: Random weights.",
        "licence: BSD-3-Clause",
        "pixel size: 8.0 nm",
        "classes:",
    ]
    assert [line.split() for line in lines[4:]] == [
        ["1", "mitochondrion"],
        ["2", "membrane"],
        ["5", "vesicle"],
    ]


def test_a_card_as_json_has_the_same_classes(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["checkpoints", "info", str(checkpoint), "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert [(spec["id"], spec["name"]) for spec in card["classes"]] == [
        (1, "mitochondrion"),
        (2, "membrane"),
        (5, "vesicle"),
    ]
    assert (card["licence"], card["nm_per_pixel"]) == ("BSD-3-Clause", 8.0)


def test_verify_names_what_is_complete(
    checkpoint: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        checkpoint_file, "verify_checkpoint", lambda name: asked.append(name) or "tiny"
    )
    assert cli.main(["checkpoints", "verify"]) == 0
    assert asked == ["default"]
    assert capsys.readouterr().out == "tiny: complete\n"


def test_a_cut_file_is_told(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(checkpoint.read_bytes()[:-100])
    assert cli.main(["checkpoints", "verify", str(cut)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "cut.safetensors" in told.err
    assert len(told.err.splitlines()) == 1


def download_of(path: Path) -> Generator[Progress, None, Path]:
    yield Progress(0, 1, "downloading")
    return path


def test_only_the_file_is_printed_as_the_result_of_a_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sam.pth"
    monkeypatch.setattr(registry, "download_weights", lambda _: download_of(file))
    card = SimpleNamespace(name="sam_b")

    def make(name: str, source: Path) -> Generator[Progress, None, object]:
        assert (name, source) == ("sam_b", file)
        yield Progress(0, 1)
        return card

    monkeypatch.setattr(published, "make_checkpoint", make)
    assert cli.main(["checkpoints", "download", "sam_b"]) == 0
    told = capsys.readouterr()
    assert told.out == f"{file}\n"
    assert "scsam: sam_b is among the checkpoints and answers clicks and boxes" in told.err


def test_a_download_that_fails_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: str) -> Path:
        raise UserError("the server does not answer; try again")

    monkeypatch.setattr(registry, "download_weights", fail)
    assert cli.main(["checkpoints", "download", "sam_b"]) == 2
    assert capsys.readouterr() == ("", "scsam: the server does not answer; try again\n")


def test_a_download_needs_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["checkpoints", "download"])
    assert end.value.code == 2
    assert capsys.readouterr().err == (
        "scsam checkpoints download: the following arguments are required: NAME; "
        "see scsam checkpoints download --help\n"
    )
