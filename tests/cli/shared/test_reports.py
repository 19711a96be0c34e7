"""Reports beside a result: what a report may replace, and empty arguments."""

import argparse
import errno
import json
import tempfile
from pathlib import Path

import pytest

from napari_scsam import cli
from napari_scsam.cli.shared.reports import check_report, is_report
from napari_scsam.errors import UserError
from napari_scsam.json_files import replace_json


def asked(path: Path | None) -> argparse.Namespace:
    return argparse.Namespace(json=path)


@pytest.mark.parametrize(
    "content",
    [b"", b"II*\x00 an image", b"[]", b"3", b"{}", b'{"after": 1}', b"[" * 100_000, b"\xff\xfe"],
)
def test_a_report_replaces_nothing_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kept.tif"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"kept.tif already exists and is not such a report"):
        check_report(asked(path), {"before", "after"})
    assert path.read_bytes() == content


def test_a_report_replaces_an_older_one_of_the_same_command(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    replace_json(path, {"before": {}, "after": {}, "steps": 3})
    check_report(asked(path), {"classes"}, {"before", "after"})
    assert is_report(path, {"before", "after"})
    assert json.loads(path.read_text())["steps"] == 3
    with pytest.raises(UserError, match="give the report another name"):
        check_report(asked(path), {"suggestions"})


def test_a_report_needs_a_folder_and_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="already exists"):
        check_report(asked(tmp_path), {"classes"})
    with pytest.raises(UserError, match=r"the folder of .*lost/report.json does not exist"):
        check_report(asked(tmp_path / "lost" / "report.json"), {"classes"})


def test_no_report_is_asked_for() -> None:
    check_report(asked(None), {"classes"})


def test_a_report_does_not_go_where_the_result_goes(tmp_path: Path) -> None:
    arguments = asked(tmp_path / "folder" / ".." / "new.safetensors")
    (tmp_path / "folder").mkdir()
    arguments.out = tmp_path / "new.safetensors"
    with pytest.raises(UserError, match="is where the result goes"):
        check_report(arguments, {"classes"})


@pytest.mark.parametrize("command", ["evaluate", "finetune", "suggest"])
def test_every_report_is_checked_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    image = tmp_path / "image.tif"
    image.write_bytes(b"precious")
    more = {
        "evaluate": ["--labels", str(image)],
        "finetune": ["--labels", str(image), "--classes", "c.json", "-o", "o.safetensors"],
        "suggest": [],
    }[command]
    assert cli.main([command, "--image", str(image), *more, "--json", str(image)]) == 2
    assert "image.tif already exists and is not such a report" in capsys.readouterr().err
    assert image.read_bytes() == b"precious"


@pytest.mark.parametrize(
    "argv",
    [
        ["evaluate", "--image", "i.tif", "--labels", "l.tif", "--json", "OUT.json"],
        ["suggest", "--image", "i.tif", "--json", "OUT.json"],
        ["teach", "--image", "i.tif", "--strokes", "s.tif", "--name", "a", "-o", "OUT.safetensors"],
        [
            "finetune",
            "--image",
            "i.tif",
            "--labels",
            "l.tif",
            "--classes",
            "c.json",
            "-o",
            "OUT.safetensors",
        ],
    ],
)
def test_a_folder_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    argv: list[str],
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # root may write anywhere
    argv[-1] = str(tmp_path / argv[-1])
    assert cli.main(argv) == 2
    assert f"{argv[-1]} cannot be written (Permission denied)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ["segment", "", "-o", "o.zarr"],
        ["segment", "i.tif", "-o", ""],
        ["segment", "i.tif", "--out="],
    ]
    + [["measure", " ", "-o", "t.csv"], ["evaluate", "--image", "i.tif", "--labels", ""]],
)
def test_an_empty_path_is_not_the_current_folder(
    capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(argv)
    assert stopped.value.code == 2
    assert "an argument is empty; write a path or a name there" in capsys.readouterr().err
