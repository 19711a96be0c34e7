"""Write a mesh as PLY, OBJ, GLB or for neuroglancer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import trimesh
import zmesh

from napari_scsam.json_files import write_json
from napari_scsam.volume.meshes.surface import Mesh

NM = "nanometer"
UM = "micrometer"


def write_ply(folder: Path, number: int, mesh: Mesh) -> None:
    """Write a binary PLY."""
    (folder / f"{number}.ply").write_bytes(_of_zmesh(mesh).to_ply())


def write_obj(folder: Path, number: int, mesh: Mesh) -> None:
    """Write a Wavefront OBJ."""
    (folder / f"{number}.obj").write_bytes(_of_zmesh(mesh).to_obj())


def write_glb(folder: Path, number: int, mesh: Mesh) -> None:
    """Write a binary glTF."""
    shape = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    with (folder / f"{number}.glb").open("wb") as file:
        shape.export(file, file_type="glb")


def write_precomputed(folder: Path, number: int, mesh: Mesh) -> None:
    """Write a manifest and a fragment of neuroglancer's legacy mesh format."""
    info = folder / "info"
    if not info.exists():
        write_json(info, {"@type": "neuroglancer_legacy_mesh"})
    fragment = f"{number}:0:0"
    (folder / fragment).write_bytes(_of_zmesh(mesh).to_precomputed())
    write_json(folder / f"{number}:0", {"fragments": [fragment]}, indent=None)


def _of_zmesh(mesh: Mesh) -> zmesh.Mesh:
    return zmesh.Mesh(mesh.vertices, mesh.faces, None)


WRITERS: dict[str, tuple[Callable[[Path, int, Mesh], None], str]] = {
    "ply": (write_ply, UM),
    "obj": (write_obj, UM),
    "glb": (write_glb, UM),
    "precomputed": (write_precomputed, NM),
}
"""Formats by name: what writes them, and the unit of their vertices."""

MESH_FILES = (
    r"meshes\.json",
    r"[^/]+/\d+\.(ply|obj|glb)",
    r"[^/]+/(info|\d+:0|\d+:0:0)",
)
"""Names of files that are written."""
