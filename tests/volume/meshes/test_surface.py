"""Surfaces are closed, have the right size, and do not depend on the parts they are made of."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scsam.volume.meshes import surface
from napari_scsam.volume.meshes.surface import TooLargeError, surface_of


def ball(radius, size=(1.0, 1.0, 1.0)):
    sides = [
        np.arange(-int(radius / size[a]) - 1, int(radius / size[a]) + 2) * size[a] for a in range(3)
    ]
    z, y, x = np.meshgrid(*sides, indexing="ij")
    return z**2 + y**2 + x**2 <= radius**2


def whole(mask):
    return tuple(slice(0, length) for length in mask.shape)


def mesh_of(mask, size=(1.0, 1.0, 1.0), error=0.0, **options):
    return surface_of(lambda where: mask[where], whole(mask), size, error, **options)


def is_closed(mesh):
    """Whether each edge is in two triangles, once in each direction."""
    faces = mesh.faces.astype(np.int64)
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    forth = {tuple(edge) for edge in ends.tolist()}
    return len(forth) == len(ends) and all((b, a) in forth for a, b in forth)


@pytest.mark.parametrize("size", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.5), (8e-3, 4e-3, 4e-3)])
@pytest.mark.parametrize("error", [0.0, 0.5, 1.0])
def test_the_volume_of_a_sphere_is_within_2_percent(size, error):
    radius = 20 * min(size)
    mesh = mesh_of(ball(radius, size), size, error * min(size))
    assert is_closed(mesh)
    assert mesh.volume() == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.02)


def test_a_simplified_surface_has_fewer_triangles_and_stays_near():
    mask = ball(15.0)
    fine = mesh_of(mask)
    coarse = mesh_of(mask, error=0.5)
    assert len(coarse.faces) < len(fine.faces) / 3
    centre = (np.array(mask.shape) - 1)[::-1] / 2
    assert np.abs(np.linalg.norm(coarse.vertices - centre, axis=1) - 15).max() < 1.1


@settings(max_examples=15, deadline=None)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)),
    st.integers(0, 999),
    st.sampled_from([0.2, 0.5, 1.0]),
    st.integers(8, 200),
)
def test_any_object_has_a_closed_surface_however_it_is_read(shape, seed, share, most):
    mask = np.random.default_rng(seed).random(shape) < share
    mask[0, 0, 0] = True
    one = mesh_of(mask)
    parts = mesh_of(mask, most_voxels=most)
    assert is_closed(one)
    assert is_closed(parts)
    assert len(parts.faces) == len(one.faces)
    assert parts.volume() == pytest.approx(one.volume(), rel=1e-4)


def test_axes_and_places_are_those_of_the_volume():
    mask = np.zeros((12, 14, 16), bool)
    mask[2:5, 3:9, 4:13] = True
    box = (slice(2, 5), slice(3, 9), slice(4, 13))
    mesh = surface_of(lambda where: mask[where], box, (10, 20, 40), 0.0)
    assert mesh.vertices.min(axis=0).tolist() == [140, 50, 15]  # x y z, half a voxel before
    assert mesh.vertices.max(axis=0).tolist() == [500, 170, 45]
    assert mesh.volume() > 0


def test_a_surface_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(surface, "MOST_FACES", 10)
    with pytest.raises(TooLargeError):
        mesh_of(ball(5.0))


@pytest.mark.emdata
def test_real_mitochondria_have_closed_surfaces(emdata):
    labels = tifffile.imread(emdata / "hippocampus_stack" / "mito.tif")[:60, :160, :200] == 1
    mesh = mesh_of(labels, (5, 7.68, 10.24), 5.0)
    assert is_closed(mesh)
    assert mesh.volume() == pytest.approx(labels.sum() * 5 * 7.68 * 10.24, rel=0.02)
