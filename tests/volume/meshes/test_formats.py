from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import trimesh

from napari_scsam.cli.meshes import FORMATS
from napari_scsam.volume.meshes.formats import MESH_FILES, NM, UM, WRITERS
from napari_scsam.volume.meshes.surface import Mesh


@pytest.fixture
def mesh() -> Mesh:
    """Return a tetrahedron that is not symmetric."""
    vertices = np.array([[0, 0, 0], [2, 0, 0], [0, 3, 0], [0, 0, 5]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]], np.uint32)
    return Mesh(vertices, faces)


@pytest.mark.parametrize("name", ["ply", "obj", "glb"])
def test_other_programs_read_the_mesh_that_was_written(
    tmp_path: Path, mesh: Mesh, name: str
) -> None:
    write, unit = WRITERS[name]
    write(tmp_path, 12, mesh)
    read = trimesh.load(tmp_path / f"12.{name}", force="mesh")
    assert unit == UM
    assert read.volume == pytest.approx(5)
    assert read.is_watertight
    np.testing.assert_allclose(np.ptp(read.vertices, axis=0), [2, 3, 5])


def test_neuroglancer_finds_the_fragment_by_the_manifest(tmp_path: Path, mesh: Mesh) -> None:
    write, unit = WRITERS["precomputed"]
    write(tmp_path, 12, mesh)
    write(tmp_path, 13, mesh)
    assert unit == NM
    assert json.loads((tmp_path / "info").read_text()) == {"@type": "neuroglancer_legacy_mesh"}
    (fragment,) = json.loads((tmp_path / "12:0").read_text())["fragments"]
    data = (tmp_path / fragment).read_bytes()
    count = int.from_bytes(data[:4], "little")
    assert count == 4
    vertices = np.frombuffer(data, "<f4", 3 * count, 4).reshape(count, 3)
    faces = np.frombuffer(data, "<u4", offset=4 + 12 * count).reshape(-1, 3)
    np.testing.assert_array_equal(vertices, mesh.vertices)
    np.testing.assert_array_equal(faces, mesh.faces)


@pytest.mark.parametrize("name", list(WRITERS))
def test_every_file_that_is_written_is_known_as_ours(tmp_path: Path, mesh: Mesh, name: str) -> None:
    folder = tmp_path / "ER"
    folder.mkdir()
    WRITERS[name][0](folder, 3, mesh)
    for path in folder.iterdir():
        place = path.relative_to(tmp_path).as_posix()
        assert any(re.fullmatch(pattern, place) for pattern in MESH_FILES), place


@pytest.mark.parametrize("place", ["ER/notes.txt", "ER/12.stl", "ER/12:1", "info", "ER/a/12.ply"])
def test_other_files_are_not_ours(place: str) -> None:
    assert not any(re.fullmatch(pattern, place) for pattern in MESH_FILES)


def test_the_command_line_offers_every_format() -> None:
    assert set(FORMATS) == set(WRITERS)
