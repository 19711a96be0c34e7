"""``scsam instances``: what it writes and prints, and its mistakes in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
import zarr
from ram import folder_in_memory

from napari_scsam.cli import main
from napari_scsam.cli.labels import parse_table
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.labels import write_labels
from napari_scsam.objects.components import label_components

CLASSES = (ClassSpec(1, "mitochondrion"), ClassSpec(2, "boundary", part_of="mitochondrion"))


@pytest.fixture
def ram():
    with folder_in_memory() as folder:
        yield folder


@pytest.fixture
def labels(ram):
    values = np.random.default_rng(0).choice(3, (20, 30, 30), p=(0.9, 0.05, 0.05)).astype(np.uint8)
    write_labels(ram / "labels.zarr", values, (5, 5, 5), CLASSES)
    return values


def test_instances_and_their_number_are_written(ram, labels, capsys):
    out = ram / "out.zarr"
    assert main(["instances", str(ram / "labels.zarr"), "-o", str(out), "--smallest", "1"]) == 0
    expected = label_components(labels > 0)
    assert capsys.readouterr().out == f"mitochondrion: {expected.max()}\n{out}\n"
    got = zarr.open_array(out / "labels" / "mitochondrion" / "0", mode="r")[...]
    np.testing.assert_array_equal(got, expected)


def test_workers_write_the_same_bytes(ram, labels, capsys):
    for name, options in (("one", []), ("two", ["--workers", "2"])):
        out = ram / f"{name}.zarr"
        assert (
            main(["instances", str(ram / "labels.zarr"), "-o", str(out), "--json", *options]) == 0
        )
        assert json.loads(capsys.readouterr().out)["out"] == str(out)
    one, two = (
        {p.relative_to(ram / name).as_posix(): p.read_bytes() for p in (ram / name).rglob("*.*")}
        for name in ("one.zarr", "two.zarr")
    )
    assert one == two


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--classes", "nucleus"], "no class is called 'nucleus'"),
        (["--smallest", "0"], "give 1 to keep all"),
        (["--workers", "0"], "give at least 1"),
        (["--scheduler", "tcp://127.0.0.1:1"], "no dask scheduler answers"),
        (["--classes", "1=a,2"], "'2' is not a label value and a name"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(ram, labels, capsys, options, sentence):
    command = ["instances", str(ram / "labels.zarr"), "-o", str(ram / "out.zarr"), *options]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert [path.name for path in ram.iterdir()] == ["labels.zarr"]


@pytest.mark.parametrize("name", ["nowhere.zarr", "grey.tif", "empty", "text.tif"])
def test_what_is_no_labels_is_refused(ram, capsys, name):
    grey = np.random.default_rng(0).integers(0, 255, (9, 90, 90)).astype(np.uint8)
    tifffile.imwrite(ram / "grey.tif", grey)
    (ram / "empty").mkdir()
    (ram / "text.tif").write_text("labels")
    assert main(["instances", str(ram / name), "-o", str(ram / "out.zarr")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (ram / "out.zarr").exists()


def test_instances_are_measured_and_meshed(ram, labels):
    main(["instances", str(ram / "labels.zarr"), "-o", str(ram / "out.zarr")])
    table = ram / "table.csv"
    command = ["measure", str(ram / "out.zarr"), "-o", str(table), "--meshes", str(ram / "meshes")]
    assert main(command) == 0
    before = table.stat().st_mtime_ns
    assert main(command) == 2  # the meshes are not replaced, and nothing is measured first
    assert table.stat().st_mtime_ns == before
    rows = table.read_text().splitlines()[1:]
    assert len(rows) == len(list(ram.glob("meshes/mitochondrion/*.ply"))) > 0


def test_a_table_is_read_from_text():
    assert parse_table(None) is None
    assert parse_table("a, b") == ["a", "b"]
    assert parse_table("1=a, 2=b c") == {1: "a", 2: "b c"}
    with pytest.raises(UserError, match="twice"):
        parse_table("1=a,1=b")
