"""JSON files: what is written is read, and what is damaged counts as missing."""

import json
from pathlib import Path

import pytest

from napari_scsam.json_files import read_json, read_json_object, replace_json, write_json


@pytest.mark.parametrize("write", [write_json, replace_json])
def test_what_is_written_is_read(tmp_path: Path, write) -> None:
    path = tmp_path / "scores.json"
    write(path, {"µm": [1, None]})
    assert read_json(path) == {"µm": [1, None]}
    assert json.loads(path.read_text(encoding="utf-8")) == {"µm": [1, None]}
    assert path.read_text(encoding="utf-8").endswith("]\n}\n")


@pytest.mark.parametrize("write", [write_json, replace_json])
def test_a_file_of_one_line_is_short(tmp_path: Path, write) -> None:
    path = tmp_path / "manifest"
    write(path, {"fragments": ["1:0:0"]}, indent=None)
    assert path.read_text(encoding="utf-8") == '{"fragments": ["1:0:0"]}\n'


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    replace_json(path, {"a": 1})
    before = path.read_bytes()
    with pytest.raises(TypeError):
        replace_json(path, {"a": object()})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["scores.json"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe{}", b"[" * 100_000], ids=["empty", "cut", "bytes", "deep"]
)
def test_a_damaged_file_counts_as_missing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.json"
    path.write_bytes(content)
    assert read_json(path) is None
    assert read_json_object(path) is None


def test_a_missing_file_and_a_folder_are_nothing(tmp_path: Path) -> None:
    assert read_json(tmp_path / "missing.json") is None
    assert read_json_object(tmp_path) is None


@pytest.mark.parametrize("value", [[], "text", 3, None, True])
def test_what_is_not_an_object_is_no_object(tmp_path: Path, value) -> None:
    write_json(tmp_path / "value.json", value)
    assert read_json(tmp_path / "value.json") == value
    assert read_json_object(tmp_path / "value.json") is None
