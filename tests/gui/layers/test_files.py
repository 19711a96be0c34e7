from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
import tifffile
import zarr
from napari.layers import Image, Labels, Layer

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.gui.layers import files as napari_io
from napari_scsam.gui.layers.class_table import VOXEL_SIZE_KEY, classes_of, new_labels
from napari_scsam.gui.layers.files import get_reader, write_labels_layer
from napari_scsam.io.labels import read_class_table, write_labels
from napari_scsam.io.volumes import open_labels, open_volume

SIZE, ORIGIN = (5.0, 7.68, 10.24), (100.0, 20.0, 30.0)


def opened(path) -> list[Layer]:
    return [Layer.create(*data) for data in get_reader(str(path))(str(path))]


def test_an_image_comes_lazily_with_its_place(tmp_path, stack):
    path = tmp_path / "cell.tif"
    size = {"unit": "um", "spacing": 0.005, "axes": "ZYX"}
    tifffile.imwrite(path, stack, imagej=True, resolution=(1e3 / 10.24, 1e3 / 7.68), metadata=size)
    (image,) = opened(path)
    assert isinstance(image, Image)
    assert image.name == "cell"
    assert not isinstance(image.data, np.ndarray)
    assert tuple(image.scale) == pytest.approx(SIZE)
    assert {str(unit) for unit in image.units} == {"nanometer"}
    assert image.axis_labels == ("z", "y", "x")
    np.testing.assert_array_equal(np.asarray(image.data[2]), stack[2])


def test_an_unknown_size_stays_unknown(tmp_path, stack):
    tifffile.imwrite(tmp_path / "cell.tif", stack, photometric="minisblack")
    (image,) = opened(tmp_path / "cell.tif")
    assert tuple(image.scale) == (1, 1, 1)
    assert {str(unit) for unit in image.units} == {"pixel"}
    assert image.axis_labels == ("z", "y", "x")


def test_a_slice_and_its_labels_name_their_axes(tmp_path, stack):
    tifffile.imwrite(tmp_path / "slice.tif", stack[0], photometric="minisblack")
    write_labels(tmp_path / "labels.zarr", stack[0] % 3, None, (ClassSpec(1, "nucleus"),))
    for name in ("slice.tif", "labels.zarr"):
        (layer,) = opened(tmp_path / name)
        assert layer.axis_labels == ("y", "x")
    assert list(layer.features["index"]) == [0, 1]


def test_reader_leaves_lists_of_files_to_others():
    assert get_reader(["a.tif", "b.tif"]) is None


def test_reading_says_what_is_wrong(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        opened(tmp_path / "missing.tif")


@pytest.fixture
def labels(stack, classes) -> Labels:
    image = Image(
        stack,
        name="cell",
        scale=(0.005, 0.00768, 0.01024),
        translate=(0.1, 0.02, 0.03),
        units=("um",) * 3,
    )
    layer = new_labels(image, classes)
    layer.data[1] = stack[1] % 4
    return layer


@pytest.mark.parametrize("name", ["out.zarr", "out.tif", "out.mrc", "out.h5"])
@pytest.mark.parametrize("stream", [False, True])
def test_labels_survive_the_way_out_and_in(tmp_path, labels, classes, name, stream, monkeypatch):
    data, state, kind = labels.as_layer_data_tuple()
    if stream:
        monkeypatch.setattr(napari_io, "IN_MEMORY", 10)
    assert (kind, write_labels_layer(str(tmp_path / name), data, state)) == (
        "labels",
        [str(tmp_path / name)],
    )
    monkeypatch.undo()
    (again,) = opened(tmp_path / name)
    assert isinstance(again, Labels)
    assert again.editable
    np.testing.assert_array_equal(again.data, labels.data)
    assert tuple(again.scale) == pytest.approx(SIZE)
    assert tuple(again.translate) == pytest.approx(ORIGIN)
    assert classes_of(again) == classes
    assert again.get_color(1) == pytest.approx(labels.get_color(1))


def test_a_typed_voxel_size_is_saved(tmp_path, stack, classes):
    layer = new_labels(Image(stack), classes)
    layer.metadata[VOXEL_SIZE_KEY] = (40.0, 10.0, 10.0)
    data, state, _ = layer.as_layer_data_tuple()
    write_labels_layer(str(tmp_path / "out.zarr"), data, state)
    assert open_labels(tmp_path / "out.zarr").voxel_size == (40.0, 10.0, 10.0)


def test_labels_without_classes_and_flat_ones(tmp_path):
    data, state, _ = Labels(
        np.eye(5, dtype=np.int32), scale=(8, 4), units=("nm", "nm")
    ).as_layer_data_tuple()
    write_labels_layer(str(tmp_path / "out.tif"), data, state)
    assert read_class_table(tmp_path / "out.tif") is None
    assert open_volume(tmp_path / "out.tif").voxel_size == (8, 8, 4)


def test_image_and_labels_of_one_ome_zarr(tmp_path, stack, classes):
    path = tmp_path / "both.zarr"
    write_labels(path, stack % 4, SIZE, classes)
    root = zarr.open_group(path, mode="a")
    root.create_array("0", data=stack)
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": SIZE}]}]
    root.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    image, labels = opened(path)
    assert isinstance(image, Image)
    assert isinstance(labels, Labels)
    np.testing.assert_array_equal(labels.data, stack % 4)
    (inner,) = opened(path / "labels" / "classes")
    assert isinstance(inner, Labels)


def test_big_labels_are_shown_lazily(tmp_path, classes, monkeypatch):
    values = np.zeros((2, 600, 700), np.uint8)
    write_labels(tmp_path / "big.zarr", values, SIZE, classes)
    write_labels(tmp_path / "big.tif", values, SIZE, classes)
    monkeypatch.setattr(napari_io, "IN_MEMORY", 10)
    (pyramid,), (flat,) = opened(tmp_path / "big.zarr"), opened(tmp_path / "big.tif")
    assert pyramid.multiscale
    assert not pyramid.editable
    assert not isinstance(flat.data, np.ndarray)
    assert flat.data.shape == values.shape


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "text.tif",
            b"hello",
            r"text\.tif cannot be opened: it is damaged, incomplete or not what its name says \(not a TIFF",
        ),
        ("empty.tif", b"", r"empty\.tif is an empty file"),
        ("cut.tif", b"II*\0\x08\0\0\0\x05", r"cut\.tif cannot be opened: it is damaged"),
        ("bad.zarr/zarr.json", b"{", r"bad\.zarr cannot be opened: it is damaged"),
    ],
)
def test_a_file_that_is_none_is_told_as_on_the_command_line(tmp_path, name, content, says):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    path = file.parent if file.name == "zarr.json" else file
    told = []
    for read in (opened, open_volume):
        with pytest.raises(UserError, match=says) as error:
            read(path)
        told.append(str(error.value))
    assert told[0] == told[1]
    if path.suffix == ".tif":
        with pytest.raises(UserError, match=says):
            read_class_table(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint32, np.int64])
@pytest.mark.parametrize(
    "name", ["out.tif", "out.tiff", "out.TIF", "out.mrc", "out.h5", "out.zarr"]
)
@pytest.mark.parametrize("depth", [None, 1, 3])
def test_object_labels_come_back_as_labels(tmp_path, name, dtype, depth):
    values = np.zeros((20, 30) if depth is None else (depth, 20, 30), dtype)
    values[..., 2:9, 2:9] = 7
    values[..., 12:19, 2:9] = 200
    size = (8.0,) * values.ndim
    layer = Labels(values, scale=size, units=("nm",) * values.ndim)
    data, state, _ = layer.as_layer_data_tuple()
    write_labels_layer(str(tmp_path / name), data, state)
    (again,) = opened(tmp_path / name)
    assert isinstance(again, Labels)
    np.testing.assert_array_equal(again.data, values)
    assert classes_of(again) is None


@pytest.mark.parametrize(
    "place",
    [
        {"shear": (0.3, 0, 0)},
        {"shear": (0, 0.3, 0)},
        {"rotate": (0, 30, 0)},
        {"rotate": (30, 0, 0)},
        {"affine": [[1, 0.2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]},
        {"affine": [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@pytest.mark.parametrize("name", ["out.tif", "out.zarr"])
def test_labels_that_are_sheared_through_their_slices_are_not_written(tmp_path, name, place):
    layer = Labels(np.ones((3, 20, 30), np.uint8), name="mine", scale=(4, 2, 2), **place)
    data, state, _ = layer.as_layer_data_tuple()
    with pytest.raises(UserError, match="'mine' is sheared or rotated through its slices"):
        write_labels_layer(str(tmp_path / name), data, state)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.tif", "out.zarr"])
def test_labels_that_are_turned_within_their_slices_are_written(tmp_path, name):
    layer = Labels(np.ones((3, 20, 30), np.uint8), shear=(0, 0, 0.3), scale=(4, 2, 2))
    data, state, _ = layer.as_layer_data_tuple()
    write_labels_layer(str(tmp_path / name), data, state)
    assert open_labels(tmp_path / name).shape == (3, 20, 30)


@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
@pytest.mark.parametrize("marker", ["zarr.json", "labels/zarr.json", "labels/classes/zarr.json"])
@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(attributes=3),
        lambda record: record["attributes"].update(ome=3),
        lambda record: record["attributes"].update(ome={"labels": [3, None]}),
        lambda record: record["attributes"].update(ome={"labels": ["gone"]}),
        lambda record: record["attributes"].update(ome={"labels": 7}),
        lambda record: record["attributes"].update(scsam={"classes": 3}),
        lambda record: record["attributes"].update(scsam={"classes": ["a"]}),
        lambda record: record["attributes"].update(scsam={"classes": [{"id": "x"}]}),
        lambda record: record["attributes"].update(ome={"multiscales": [3]}),
        lambda record: record["attributes"].update(ome={"multiscales": [{"datasets": 3}]}),
        lambda record: record.update(node_type="array"),
        lambda record: record.update(zarr_format="three"),
        lambda record: record.clear(),
    ],
)
def test_damaged_metadata_are_one_sentence(tmp_path, marker, change):
    path = tmp_path / "a.zarr"
    write_labels(path, np.ones((3, 20, 30), np.uint8), SIZE, ())
    record = json.loads((path / marker).read_text())
    change(record)
    (path / marker).write_text(json.dumps(record))
    for read in (opened, read_class_table, open_volume, lambda p: open_labels(p / "labels")):
        with contextlib.suppress(UserError):
            read(path)


def test_a_unit_that_is_no_text_is_no_size(tmp_path, stack):
    path = tmp_path / "a.zarr"
    root = zarr.open_group(path, mode="w")
    root.create_array("0", data=stack)
    for unit in (3, ["nanometer"], {"unit": "nm"}, True, 1.5):
        axes = [{"name": name, "type": "space", "unit": unit} for name in "zyx"]
        datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": SIZE}]}]
        root.attrs["ome"] = {
            "version": "0.5",
            "multiscales": [{"axes": axes, "datasets": datasets}],
        }
        assert open_volume(path).voxel_size is None
        (image,) = opened(path)
        assert tuple(image.scale) == (1, 1, 1)
