"""Contacts and distances, beside all pairs of voxels."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

from napari_scsam.io.volumes import as_volume
from napari_scsam.steps import drive
from napari_scsam.volume.blocks import BlockPlan
from napari_scsam.volume.instances.source import LabelSource
from napari_scsam.volume.measure.array import measure_array
from napari_scsam.volume.measure.contacts import Contacts, Neighbourhood, find_contacts
from napari_scsam.volume.measure.surface import cell_weights, voxel_surfaces
from napari_scsam.volume.measure.table import join_tables

Key = tuple[str, int]
NAMES = ("ER", "PSD", "vesicle")


def contacts(
    images: list[np.ndarray], size: tuple[float, ...], distance: float, sides: tuple[int, ...]
) -> Contacts:
    names = NAMES[: len(images)]
    shape = images[0].shape
    table = join_tables(
        [measure_array(labels, None, None, n) for labels, n in zip(images, names, strict=True)]
    )
    sources = tuple(LabelSource(as_volume(labels)) for labels in images)
    plan = BlockPlan(shape, tuple(map(min, sides, shape)))
    return drive(find_contacts(Neighbourhood(sources, names, plan, size, distance), table))


def by_pair(found: Contacts) -> dict[tuple[Key, Key], tuple[float, int, float]]:
    """Return area in nm², sites and distance in nm for both orders of each pair."""
    table = found.table
    area, area_b = list(table)[4], list(table)[6]
    unit = 1e6 if area == "area_um2" else 1e3
    pairs = {}
    for row in range(len(table)):
        a = (str(table["class_a"][row]), int(table["id_a"][row]))
        b = (str(table["class_b"][row]), int(table["id_b"][row]))
        apart = table["distance_um"][row] * 1000
        assert NAMES.index(a[0]) < NAMES.index(b[0]) or (a[0] == b[0] and a[1] < b[1])
        pairs[a, b] = (table[area][row] * unit, table["sites"][row], apart)
        pairs[b, a] = (table[area_b][row] * unit, table["sites_b"][row], apart)
    return pairs


def brute_force(
    images: list[np.ndarray], size: tuple[float, ...], distance: float
) -> tuple[dict[tuple[Key, Key], tuple[float, int, float]], dict[tuple[Key, Key], float]]:
    """Compare all voxels of all objects."""
    ndim = len(size)
    masks = {
        (name, int(number)): labels == number
        for name, labels in zip(NAMES, images, strict=False)
        for number in np.unique(labels[labels > 0])
    }
    pairs, apart = {}, {}
    for a, b in permutations(masks, 2):
        padded = np.pad(masks[a], 1).astype(np.uint8)
        surface = voxel_surfaces(padded, cell_weights(size))[(slice(1, -1),) * ndim]
        places = np.argwhere(masks[a])
        nearest = cdist(places * size, np.argwhere(masks[b]) * size).min(axis=1)
        apart[a, b] = nearest.min()
        near = np.zeros(masks[a].shape, bool)
        near[tuple(places.T)] = nearest <= distance * (1 + 1e-9)
        near &= surface > 0
        if near.any():
            sites = ndimage.label(near, np.ones((3,) * ndim))[1]
            pairs[a, b] = (surface[near].sum(), sites, nearest.min())
    return pairs, apart


@st.composite
def neighbourhoods(
    draw: st.DrawFn,
) -> tuple[list[np.ndarray], tuple[float, ...], float, tuple[int, ...]]:
    """A few objects of one to three classes, which may overlap; sizes, distance and blocks."""
    ndim = draw(st.integers(2, 3))
    shape = tuple(draw(st.lists(st.integers(5, 9), min_size=ndim, max_size=ndim)))
    sides = tuple(draw(st.lists(st.integers(2, 9), min_size=ndim, max_size=ndim)))
    sizes = st.sampled_from([1.0, 2.0, 3.5])
    size = tuple(draw(st.lists(sizes, min_size=ndim, max_size=ndim)))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    share = draw(st.sampled_from([0.05, 0.3, 0.9]))
    images = [
        random.integers(1, 4, shape) * (random.random(shape) < share)
        for _ in range(draw(st.integers(1, 3)))
    ]
    return images, size, draw(st.sampled_from([1.0, 2.0, 4.0, 7.0])), sides


@given(neighbourhoods())
@settings(max_examples=30, deadline=None)
def test_contacts_and_distances_are_those_of_all_pairs_of_voxels(
    world: tuple[list[np.ndarray], tuple[float, ...], float, tuple[int, ...]],
) -> None:
    images, size, distance, sides = world
    found = contacts(images, size, distance, sides)
    pairs, apart = brute_force(images, size, distance)
    ours = by_pair(found)
    assert ours.keys() == pairs.keys()
    for pair, expected in pairs.items():
        assert ours[pair] == pytest.approx(expected, rel=1e-9)
    names = NAMES[: len(images)]
    assert set(found.distances) == {f"distance_to_{n}_um" for n in names if len(names) > 1}
    keys = [
        (name, int(number))
        for name, labels in zip(names, images, strict=True)
        for number in np.unique(labels[labels > 0])
    ]
    for name in names[: len(names) * (len(names) > 1)]:
        for a, value in zip(keys, found.distances[f"distance_to_{name}_um"], strict=True):
            others = [apart[a, b] for b in keys if b[0] == name != a[0]]
            expected = min(others, default=np.nan) / 1000
            assert value == pytest.approx(expected, rel=1e-9, nan_ok=True)


def plates() -> list[np.ndarray]:
    """Two plates of 20×20 voxels with two gaps of one voxel between them, and of five elsewhere."""
    one = np.zeros((14, 26, 26), np.uint8)
    one[2:4, 3:23, 3:23] = 1
    other = np.zeros_like(one)
    other[9:11, 3:23, 3:23] = 5
    for low in (5, 16):
        other[5:9, 9:17, low : low + 5] = 5
    return [one, other]


def test_two_feet_are_two_sites() -> None:
    table = contacts(plates(), (10.0, 10.0, 10.0), 25.0, (14, 26, 26)).table
    assert table["class_a"].tolist() == ["ER"]
    assert (table["sites"].tolist(), table["sites_b"].tolist()) == ([2], [2])
    assert table["distance_um"] == pytest.approx([0.02])
    # Each foot is 8 by 5 voxels, and the voxels beside it that are near enough belong to it.
    assert 2 * 40 * 1e-4 < table["area_um2"][0] < 2 * 10 * 7 * 1e-4 * 1.1


@pytest.mark.parametrize("sides", [(4, 5, 6), (14, 8, 9), (3, 26, 26)])
def test_sites_go_on_across_blocks(sides: tuple[int, ...]) -> None:
    whole = contacts(plates(), (10.0, 10.0, 10.0), 25.0, (14, 26, 26))
    parts = contacts(plates(), (10.0, 10.0, 10.0), 25.0, sides)
    for name in whole.table:
        ones, others = whole.table[name], parts.table[name]
        if ones.dtype.kind == "f":
            np.testing.assert_allclose(ones, others, rtol=1e-9)
        else:
            assert ones.tolist() == others.tolist()


def test_exactly_the_distance_is_near() -> None:
    images = plates()
    size = (0.1, 0.3, 0.7)
    assert len(contacts(images, size, 0.2, (14, 26, 26)).table) == 1
    assert len(contacts(images, size, 0.19, (14, 26, 26)).table) == 0


def test_what_is_far_has_a_distance_and_no_contact() -> None:
    one = np.zeros((6, 8, 300), np.uint8)
    one[2, 3, 5] = 1
    other = np.zeros_like(one)
    other[2, 3, 295] = 1
    found = contacts([one, other], (5.0, 5.0, 2.0), 30.0, (6, 8, 50))
    assert len(found.table) == 0
    assert list(found.table)[:4] == ["class_a", "id_a", "class_b", "id_b"]
    assert found.distances["distance_to_PSD_um"] == pytest.approx([0.58, np.nan], nan_ok=True)


def test_objects_that_are_not_in_the_table_do_not_count() -> None:
    one, other = plates()
    table = join_tables(
        [measure_array(one, None, None, "ER"), measure_array(one * 0, None, None, "PSD")]
    )
    sources = tuple(LabelSource(as_volume(labels)) for labels in (one, other))
    plan = BlockPlan(one.shape, one.shape)
    area = Neighbourhood(sources, ("ER", "PSD"), plan, (10.0, 10.0, 10.0), 25.0)
    found = drive(find_contacts(area, table))
    assert len(found.table) == 0
    assert np.isnan(found.distances["distance_to_PSD_um"]).all()
