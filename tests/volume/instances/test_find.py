"""Instances of whole volumes equal those of the whole array at once, whatever the blocks."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import cc3d
import fastremap
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from ome_zarr_models.v05 import Image, Labels
from ram import files_of, folder_in_memory

from napari_scsam import find_instances
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.errors import PartlyDoneError
from napari_scsam.io.labels import write_labels
from napari_scsam.io.read_errors import DamagedPartError
from napari_scsam.io.volumes import open_labels
from napari_scsam.objects.components import label_components
from napari_scsam.steps import drive

MITO = {1: "mitochondrion"}


@pytest.fixture
def ram():
    with folder_in_memory() as folder:
        yield folder


def found(out, name="mitochondrion"):
    return zarr.open_array(out / "labels" / name / "0", mode="r")[...]


def same_objects(one, other):
    """Whether two images have the same objects, whatever their numbers."""
    numbers, first = fastremap.unique(one, return_index=True)
    table = np.zeros(int(numbers.max()) + 1, np.int64)
    table[numbers] = other.ravel()[first]
    return len(set(table[numbers])) == len(numbers) and np.array_equal(table[one], other)


def blobs(shape=(24, 30, 28), seed=0, share=0.2):
    return (np.random.default_rng(seed).random(shape) < share).astype(np.uint8)


@settings(max_examples=8, deadline=None)
@given(
    st.sampled_from([(9, 14, 11), (30, 27), (1, 20, 20), (17, 3, 16)]),
    st.sampled_from([0.03, 0.1, 0.25, 0.6]),
    st.integers(0, 99),
    st.sampled_from([150, 400, 5000]),
)
def test_blocks_do_not_matter(shape, share, seed, most):
    labels = blobs(shape, seed, share)
    with folder_in_memory() as folder:
        out = folder / "out.zarr"
        counts = drive(find_instances(labels, out, classes=MITO, smallest=1, most_voxels=most))
        expected = label_components(labels)  # numbers objects by their first voxels, too
        np.testing.assert_array_equal(found(out), expected)
        assert counts == {"mitochondrion": expected.max()}


@settings(max_examples=6, deadline=None)
@given(st.sampled_from([(9, 14, 11), (30, 27)]), st.integers(0, 99))
def test_values_without_a_class_table_are_objects_by_themselves(shape, seed):
    values = np.random.default_rng(seed).integers(0, 4, shape).astype(np.uint16)
    with folder_in_memory() as folder:
        drive(find_instances(values, folder / "out.zarr", smallest=1, most_voxels=300))
        expected = cc3d.connected_components(values, connectivity=8 if len(shape) == 2 else 26)
        assert same_objects(found(folder / "out.zarr", "object"), expected)


@pytest.mark.emdata
@pytest.mark.parametrize(
    "name", ["hippocampus_stack/mito.tif", "medulla_unlabelled/training_sample2_bodies.tif"]
)
def test_real_labels_have_the_objects_of_a_single_pass(emdata, ram, name):
    path = emdata / name
    drive(find_instances(path, ram / "out.zarr", smallest=1, most_voxels=2**22))
    expected = cc3d.connected_components(tifffile.imread(path), connectivity=26)
    got = found(ram / "out.zarr", "object")
    assert same_objects(got, expected)
    assert got.max() == len(np.unique(got)) - 1
    assert got.dtype == np.uint32


def test_a_boundary_belongs_to_its_mitochondrion(ram):
    labels = np.zeros((6, 20, 20), np.uint8)
    labels[1:5, 2:9, 2:9] = 2
    labels[2:4, 3:8, 3:8] = 1
    labels[1:5, 12:15, 12:15] = 3
    classes = [
        ClassSpec(1, "mitochondrion"),
        ClassSpec(2, "boundary", part_of="mitochondrion"),
        ClassSpec(3, "vesicle"),
    ]
    write_labels(ram / "in.zarr", labels, (5, 5, 5), classes)
    counts = drive(find_instances(ram / "in.zarr", ram / "out.zarr"))
    assert counts == {"mitochondrion": 1, "vesicle": 1}
    np.testing.assert_array_equal(found(ram / "out.zarr"), np.isin(labels, (1, 2)))
    counts = drive(find_instances(ram / "in.zarr", ram / "part.zarr", classes=["boundary"]))
    assert counts == {"boundary": 1}
    np.testing.assert_array_equal(found(ram / "part.zarr", "boundary"), labels == 2)


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"smallest": 1}, 3),
        ({"smallest": 9}, 2),
        ({}, 1),
        ({"smallest_um3": 9 * 125e-9}, 2),
        ({"smallest_um3": 9.1 * 125e-9}, 1),
    ],
)
def test_small_objects_are_left_out_and_ids_stay_dense(ram, options, kept):
    labels = np.zeros((9, 9, 20), np.uint8)
    labels[0, 0, :8] = 1
    labels[3:6, 3, 4:7] = 1  # 9 voxels, across blocks
    labels[7:9, 7:9, 10:] = 1
    write_labels(ram / "in.tif", labels, (5, 5, 5), [ClassSpec(1, "mitochondrion")])
    drive(find_instances(ram / "in.tif", ram / "out.zarr", most_voxels=200, **options))
    assert set(np.unique(found(ram / "out.zarr"))) == set(range(kept + 1))


def test_an_output_is_a_valid_ome_zarr_of_its_first_class(ram):
    labels = np.zeros((8, 900, 600), np.uint8)
    labels[2:6, 100:300, 100:300] = 1
    write_labels(ram / "in.zarr", labels, (40, 8, 8), [ClassSpec(1, "ER"), ClassSpec(2, "PSD")])
    drive(find_instances(ram / "in.zarr", ram / "out.zarr"))
    root = zarr.open_group(ram / "out.zarr", mode="r")
    Image.from_zarr(root)
    assert Labels.from_zarr(root["labels"]).ome_attributes.labels == ["ER", "PSD"]
    volume = open_labels(ram / "out.zarr")
    assert volume.voxel_size == (40, 8, 8)
    assert [level.shape for level in volume.levels] == [(8, 450, 300)]
    np.testing.assert_array_equal(volume.data[...], labels == 1)
    np.testing.assert_array_equal(volume.levels[0][...], (labels == 1)[:, ::2, ::2])


def test_a_tiff_holds_the_objects_of_one_class(ram):
    labels = blobs()
    write_labels(ram / "in.tif", labels, (5, 5, 5), [ClassSpec(1, "ER"), ClassSpec(2, "PSD")])
    with pytest.raises(UserError, match="one class"):
        drive(find_instances(ram / "in.tif", ram / "out.tif"))
    drive(find_instances(ram / "in.tif", ram / "out.tif", classes=["ER"], smallest=1))
    np.testing.assert_array_equal(open_labels(ram / "out.tif").data[...], label_components(labels))
    assert sorted(p.name for p in ram.iterdir()) == ["in.tif", "out.tif"]


def test_nothing_finished_is_replaced_unasked(ram):
    out = ram / "out.zarr"
    drive(find_instances(blobs(), out, classes=MITO))
    before = files_of(out)
    for options in ({}, {"resume": True, "smallest": 3}):
        with pytest.raises(UserError, match="--overwrite"):
            drive(find_instances(blobs(), out, classes=MITO, **options))
    assert len(list(find_instances(blobs(), out, classes=MITO, resume=True))) == 1
    assert files_of(out) == before
    drive(find_instances(blobs(seed=1), out, classes=MITO, overwrite=True))
    assert files_of(out) != before


def test_labels_and_notes_of_others_are_not_replaced(ram):
    labels = ram / "labels.zarr"
    write_labels(labels, blobs(), None, [ClassSpec(1, "ER")])
    with pytest.raises(UserError, match="another name"):
        drive(find_instances(labels, labels, overwrite=True))
    with pytest.raises(UserError, match="holds no instances"):
        drive(find_instances(blobs(), labels, classes=MITO, overwrite=True))
    drive(find_instances(labels, ram / "out.zarr"))
    with pytest.raises(UserError, match="lies inside the zarr"):
        drive(find_instances(labels, labels / "objects.zarr"))
    (ram / "out.zarr" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"notes\.txt"):
        drive(find_instances(labels, ram / "out.zarr", overwrite=True))


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_that_is_stopped_again_and_again_gives_the_same_bytes(ram, overwrite):
    options = {"classes": MITO, "smallest": 2, "most_voxels": 6000}
    drive(find_instances(blobs(), ram / "whole.zarr", **options))
    out = ram / "stopped.zarr"
    if overwrite:
        drive(find_instances(blobs(seed=5), out, **options))
    steps = random.Random(0)
    first = {"overwrite": True} if overwrite else {}
    for _ in range(100):
        run = find_instances(blobs(), out, **options, **first)
        first = {"resume": True}
        for _ in range(steps.randint(1, 6)):
            next(run, None)
        run.close()
        if out.exists() and not (ram / ".stopped.zarr.instances").exists():
            break
    assert files_of(out) == files_of(ram / "whole.zarr")


CHILD = """
import sys, numpy as np
from napari_scsam.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_killed_run_resumes_to_the_same_bytes(ram):
    big = np.kron(blobs((12, 12, 12), share=0.1), np.ones((12, 12, 12), np.uint8))
    write_labels(ram / "in.zarr", big, (5, 5, 5), [ClassSpec(1, "mitochondrion")])
    drive(find_instances(ram / "in.zarr", ram / "whole.zarr"))
    out = ram / "out.zarr"
    command = [sys.executable, "-c", CHILD, "instances", str(ram / "in.zarr"), "-o", str(out)]
    for after in (0.0, 0.1):
        child = subprocess.Popen([*command, "--resume"])
        while child.poll() is None and not (ram / ".out.zarr.instances").exists():
            time.sleep(0.002)
        time.sleep(after)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    drive(find_instances(ram / "in.zarr", out, resume=True))
    assert files_of(out) == files_of(ram / "whole.zarr")
    assert sorted(p.name for p in ram.iterdir()) == ["in.zarr", "out.zarr", "whole.zarr"]


def test_a_stopped_run_is_continued_only_with_the_same_labels_and_options(ram):
    run = find_instances(blobs(), ram / "out.zarr", classes=MITO)
    next(run)
    run.close()
    with pytest.raises(UserError, match="stopped run; add --resume"):
        drive(find_instances(blobs(), ram / "out.zarr", classes=MITO))
    with pytest.raises(UserError, match="other options"):
        drive(find_instances(blobs(), ram / "out.zarr", classes=MITO, smallest=3, resume=True))
    with pytest.raises(UserError, match="other labels"):
        drive(find_instances(blobs(seed=2), ram / "out.zarr", classes=MITO, resume=True))


def test_a_block_that_cannot_be_read_is_named_and_costs_its_objects(ram, monkeypatch):
    from napari_scsam.volume.instances.source import LabelSource

    labels = blobs()
    read = LabelSource.read

    def damaged(self, where):
        if where[0].start == 0 and where[1].start == 0 and where[2].start == 0:
            raise DamagedPartError("sector 7 is lost")
        return read(self, where)

    monkeypatch.setattr(LabelSource, "read", damaged)
    with pytest.raises(PartlyDoneError, match=r"block 0, z 0–\d+, .* sector 7 is lost"):
        drive(find_instances(labels, ram / "out.zarr", classes=MITO, smallest=1, most_voxels=4000))
    got = found(ram / "out.zarr")
    whole = labels.copy()
    lost = np.argwhere((got == 0) & (labels > 0)).max(axis=0) + 1
    whole[: lost[0], : lost[1], : lost[2]] = 0
    np.testing.assert_array_equal(got, label_components(whole))


@pytest.mark.parametrize(
    ("labels", "options", "sentence"),
    [
        (np.zeros((4, 4, 4), np.float32), {"classes": MITO}, "labels are integers"),
        (blobs(), {"classes": ["mitochondrion"]}, "no class table"),
        (blobs(), {"classes": {7: "ER"}}, "nothing of ER"),
        (blobs(), {"smallest": 0}, "give 1 to keep all"),
        (blobs(), {"smallest_um3": 1.0}, "voxel size"),
        (np.random.default_rng(0).integers(0, 255, (9, 99, 99)), {}, "looks like an image"),
        (blobs(), {"resume": True, "overwrite": True}, "choose one"),
        (blobs(), {"workers": 2, "classes": MITO}, "in memory"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(ram, labels, options, sentence):
    with pytest.raises(UserError, match=sentence):
        drive(find_instances(labels, ram / "out.zarr", **options))
    assert list(ram.iterdir()) == []


def test_empty_labels_have_no_objects(ram):
    counts = drive(find_instances(np.zeros((5, 6, 7), np.uint8), ram / "out.zarr", classes=MITO))
    assert counts == {"mitochondrion": 0}
    assert found(ram / "out.zarr").shape == (5, 6, 7)


def test_two_runs_do_not_write_one_output(ram):
    run = find_instances(blobs(), ram / "out.zarr", classes=MITO)
    next(run)
    with pytest.raises(UserError, match="another process"):
        drive(find_instances(blobs(), ram / "out.zarr", classes=MITO, resume=True))
    run.close()
