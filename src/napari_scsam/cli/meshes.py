"""The options of meshes, of ``scsam measure``."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_scsam.cli.labels import parse_table
from napari_scsam.cli.shared.parts import show, workers_of
from napari_scsam.errors import UserError
from napari_scsam.paths import comparable_path

FORMATS = ("ply", "obj", "glb", "precomputed")


def add_mesh_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that may write meshes."""
    parser.add_argument(
        "--meshes",
        type=Path,
        metavar="DIR",
        help="a new folder for the surface of each object, DIR/CLASS/ID.ply",
    )
    parser.add_argument(
        "--mesh-format",
        choices=FORMATS,
        default="ply",
        help="ply, obj and glb are in µm, precomputed (for neuroglancer) in nm (default: ply)",
    )
    _add_error(parser)


def _add_error(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mesh-error",
        type=float,
        metavar="NM",
        help="how far a vertex may move when surfaces are simplified "
        "(default: the shortest side of a voxel; 0 keeps all triangles)",
    )


def check_mesh_folder(arguments: argparse.Namespace) -> None:
    """Check that meshes can be written, before anything is measured."""
    from napari_scsam.volume.meshes.write import check_error, check_meshes_replaceable

    if arguments.meshes is not None:
        check_error(arguments.mesh_error)
        check_meshes_replaceable(arguments.meshes)


def check_mesh_labels(arguments: argparse.Namespace) -> None:
    """Check that labels have surfaces, and no table goes where the meshes go."""
    from napari_scsam.volume.measure.images import find_label_images
    from napari_scsam.volume.meshes.write import check_stack

    if arguments.meshes is None:
        return
    tables = [path for path in (arguments.out, arguments.contacts) if path is not None]
    if comparable_path(arguments.meshes) in map(comparable_path, tables):
        raise UserError(f"{arguments.meshes} is a table; give the meshes a folder of their own")
    classes = parse_table(arguments.classes)
    found = find_label_images(arguments.labels, classes, instances=arguments.instances)
    check_stack(found.labels)


def write_mesh_files(arguments: argparse.Namespace) -> None:
    """Write the meshes of the objects that were measured, and print where they are."""
    from napari_scsam.volume.meshes.write import write_meshes

    steps = write_meshes(
        arguments.labels,
        arguments.meshes,
        format=arguments.mesh_format,
        simplify=arguments.mesh_error,
        classes=parse_table(arguments.classes),
        instances=arguments.instances,
        smallest=arguments.smallest,
        voxel_size=arguments.voxel_size,
        workers=workers_of(arguments),
    )
    show(steps)
    print(arguments.meshes)
