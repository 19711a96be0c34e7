"""Each figure of an object, beside scikit-image's."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import regionprops_table

from napari_scsam.config import UserError
from napari_scsam.volume.measure.array import measure_array
from napari_scsam.volume.measure.columns import COLUMNS, SIZE_COLUMNS
from napari_scsam.volume.measure.table import ObjectTable

SIZE = (40.0, 10.0, 20.0)


@pytest.fixture
def labels() -> np.ndarray:
    """Three bent objects, one of which is cut by the border."""
    made = np.zeros((12, 30, 40), np.uint16)
    made[2:9, 4:9, 5:30] = 7
    made[5:9, 4:25, 5:9] = 7
    made[3:6, 15:20, 20:25] = 300
    made[8:12, 20:30, 30:40] = 12
    return made


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 65536, (12, 30, 40)).astype(np.uint16)


def theirs(labels: np.ndarray, image: np.ndarray) -> dict[str, np.ndarray]:
    return regionprops_table(
        labels.astype(np.int64),
        image.astype(np.float64),
        ("label", "area", "bbox", "centroid", "intensity_mean", "intensity_std", "moments_central"),
    )


def test_counts_boxes_centres_and_grey_values_are_those_of_scikit_image(
    labels: np.ndarray, image: np.ndarray
) -> None:
    table = measure_array(labels, SIZE, image)
    expected = theirs(labels, image)
    assert table["id"].tolist() == expected["label"].tolist() == [7, 12, 300]
    assert table["voxels"].tolist() == expected["area"].tolist()
    for number, axis in enumerate("zyx"):
        assert table[f"{axis}_voxel"] == pytest.approx(expected[f"centroid-{number}"])
        assert table[f"{axis}0_voxel"].tolist() == expected[f"bbox-{number}"].tolist()
        assert table[f"{axis}1_voxel"].tolist() == expected[f"bbox-{number + 3}"].tolist()
        middle = expected[f"centroid-{number}"] * SIZE[number] / 1000
        assert table[f"{axis}_um"] == pytest.approx(middle)
    assert table["mean_grey"] == pytest.approx(expected["intensity_mean"], rel=1e-12)
    assert table["sd_grey"] == pytest.approx(expected["intensity_std"], rel=1e-9)
    assert table["touches_border"].tolist() == [False, True, False]


def test_volumes_are_exact(labels: np.ndarray) -> None:
    table = measure_array(labels, SIZE)
    expected = [np.count_nonzero(labels == number) * 8000 / 1e9 for number in (7, 12, 300)]
    assert table["volume_um3"] == pytest.approx(expected, rel=1e-14)


def test_elongation_is_from_the_second_moments_of_voxels_with_a_size(labels: np.ndarray) -> None:
    """Scikit-image's moments are of points; a voxel has a twelfth of its side squared itself."""
    table = measure_array(labels, SIZE)
    for row, number in enumerate((7, 12, 300)):
        places = np.argwhere(labels == number) * SIZE
        moments = np.cov(places.T, bias=True) + np.diag(np.square(SIZE)) / 12
        _, middle, longest = np.linalg.eigvalsh(moments)
        assert table["elongation"][row] == pytest.approx(np.sqrt(longest / middle))


def test_a_box_is_as_elongated_as_its_sides() -> None:
    box = np.pad(np.ones((4, 6, 18), np.uint8), 1)
    assert measure_array(box, (1.0, 1.0, 1.0))["elongation"] == pytest.approx([3.0])
    assert measure_array(box, (6.0, 1.0, 1.0))["elongation"] == pytest.approx([24 / 18])


def test_a_ball_is_a_ball() -> None:
    z, y, x = np.ogrid[-12:13, -24:25, -24:25]
    ball = ((2 * z) ** 2 + y**2 + x**2 <= 400).astype(np.int32)
    table = measure_array(ball, (20.0, 10.0, 10.0))
    assert table["volume_um3"] == pytest.approx([4 / 3 * np.pi * 0.2**3], rel=0.01)
    assert table["surface_um2"] == pytest.approx([4 * np.pi * 0.2**2], rel=0.02)
    assert table["sphericity"] == pytest.approx([1.0], rel=0.02)
    assert table["elongation"] == pytest.approx([1.0], rel=0.02)
    assert table["longest_axis_um"] == pytest.approx([0.4], rel=0.05)


@pytest.mark.parametrize("shape", [(60, 50), (1, 60, 50)])
def test_a_slice_has_areas_and_perimeters(shape: tuple[int, ...]) -> None:
    y, x = np.ogrid[:60, :50]
    disc = ((y - 30.3) ** 2 + (2 * (x - 20.2)) ** 2 <= 400).astype(np.uint8).reshape(shape)
    table = measure_array(disc, (50.0, 10.0, 20.0))
    names = [name for name in COLUMNS if name not in SIZE_COLUMNS[3] or name in SIZE_COLUMNS[2]]
    assert set(table) == {*names, *SIZE_COLUMNS[2]}
    assert table["area_um2"] == pytest.approx([disc.sum() * 200 / 1e6])
    assert table["perimeter_um"] == pytest.approx([2 * np.pi * 0.2], rel=0.02)
    assert table["circularity"] == pytest.approx([1.0], rel=0.03)
    assert not table["touches_border"][0]
    assert (table["z0_voxel"][0], table["z1_voxel"][0], table["y0_voxel"][0]) == (0, 1, 11)


def test_an_unknown_voxel_size_leaves_sizes_and_shapes_unknown(labels: np.ndarray) -> None:
    table = measure_array(labels)
    unknown = {name for name in table if table[name].dtype.kind == "f" and np.isnan(table[name][0])}
    greys = {"mean_grey", "sd_grey"}
    assert unknown == {*SIZE_COLUMNS[3], "z_um", "y_um", "x_um", *greys}
    assert list(table) == list(COLUMNS)


def test_the_origin_of_a_volume_shifts_centres_in_micrometres_alone(labels: np.ndarray) -> None:
    moved = measure_array(labels, SIZE, origin=(1000.0, 0.0, -500.0))
    still = measure_array(labels, SIZE)
    assert moved["z_um"] - still["z_um"] == pytest.approx(1.0)
    assert moved["x_um"] - still["x_um"] == pytest.approx(-0.5)
    assert moved["z_voxel"].tolist() == still["z_voxel"].tolist()


def test_ids_may_be_as_large_as_they_like() -> None:
    labels = np.zeros((4, 5, 6), np.uint64)
    labels[1] = 2**40
    labels[3, 0, 0] = 2**64 - 1
    table = measure_array(labels, class_of={2**40: "mitochondrion"})
    assert table["id"].tolist() == [2**40, 2**64 - 1]
    assert table["class"].tolist() == ["mitochondrion", "object"]
    assert table["voxels"].tolist() == [30, 1]


def test_a_mask_is_one_object(labels: np.ndarray) -> None:
    table = measure_array(labels > 0, SIZE)
    assert (table["id"].tolist(), table["voxels"].tolist()) == ([1], [np.count_nonzero(labels)])


def test_no_object_is_an_empty_table() -> None:
    table = measure_array(np.zeros((4, 5, 6), np.int32), SIZE, np.zeros((4, 5, 6)))
    assert isinstance(table, ObjectTable)
    assert len(table) == 0
    assert list(table) == list(COLUMNS)


@pytest.mark.parametrize(
    ("labels", "image", "told"),
    [
        (np.zeros((4, 5), np.float32), None, "must be"),
        (np.zeros((4,), np.uint8), None, "must be"),
        (np.full((4, 5), -2, np.int8), None, "hold -2"),
        (np.ones((4, 5), np.int8), np.zeros((4, 6)), "choose the image of these labels"),
    ],
)
def test_what_cannot_be_measured_is_told(
    labels: np.ndarray, image: np.ndarray | None, told: str
) -> None:
    with pytest.raises(UserError, match=told):
        measure_array(labels, None, image)
