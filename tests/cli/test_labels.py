from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from napari_scsam.cli.labels import (
    add_labels,
    add_smallest,
    is_unfinished,
    note_unfinished,
    parse_table,
)
from napari_scsam.config import UserError
from napari_scsam.volume.writing.ledger import LEDGER


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("mitochondrion,ER", ["mitochondrion", "ER"]),
        ("1=mitochondrion,2=ER", {1: "mitochondrion", 2: "ER"}),
        ("7=synaptic vesicle", {7: "synaptic vesicle"}),
        (" 3 = ER ", {3: "ER"}),
        ("1=a=b", {1: "a=b"}),
        ("0=background", {0: "background"}),
    ],
)
def test_names_or_label_values_with_names_are_read(text: str | None, expected: object) -> None:
    assert parse_table(text) == expected


@pytest.mark.parametrize("text", ["1=ER,mitochondrion", "a=ER", "1=", "=ER", "-1=ER", "1.5=ER"])
def test_half_a_table_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="write --classes 1=mitochondrion,2=ER"):
        parse_table(text)


def test_a_label_value_has_one_name() -> None:
    with pytest.raises(UserError, match="label value 1 twice; give it one name"):
        parse_table("1=ER,01=mitochondrion")


@pytest.mark.parametrize("place", [".", "labels", "labels/classes"])
def test_labels_inside_a_stopped_segmentation_are_unfinished(tmp_path: Path, place: str) -> None:
    (tmp_path / LEDGER).write_text("")
    assert is_unfinished(tmp_path / place)


def test_deeper_places_and_finished_labels_are_not_unfinished(tmp_path: Path) -> None:
    assert not is_unfinished(tmp_path / "labels")
    (tmp_path / LEDGER).write_text("")
    assert not is_unfinished(tmp_path / "a" / "b" / "c")


def test_only_of_unfinished_labels_is_it_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note_unfinished(tmp_path)
    assert capsys.readouterr().err == ""
    (tmp_path / LEDGER).write_text("")
    note_unfinished(tmp_path)
    assert "finish it with scsam segment --resume" in capsys.readouterr().err


def test_commands_that_read_labels_have_the_same_options() -> None:
    parser = argparse.ArgumentParser()
    add_labels(parser, "classes", "classes (default: all)")
    add_smallest(parser, "10")
    found = parser.parse_args(["a.zarr", "--classes", "ER", "--smallest", "3"])
    assert found.labels == Path("a.zarr")
    assert found.classes == "ER"
    assert found.smallest == 3
    text = " ".join(parser.format_help().split())
    assert "labels of classes that scsam or the plugin wrote" in text
    assert "names of classes (default: all)" in text
    assert "fewer voxels (default: 10)" in text
