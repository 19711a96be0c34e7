"""``scsam measure``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_scsam.cli.labels import (
    add_labels,
    add_smallest,
    note_own_table,
    note_unfinished,
    parse_table,
)
from napari_scsam.cli.meshes import (
    add_mesh_options,
    check_mesh_folder,
    check_mesh_labels,
    write_mesh_files,
)
from napari_scsam.cli.shared.parts import add_workers, command, nanometres, note, show, workers_of


def add_measure(commands: Any) -> None:
    """Describe ``scsam measure``."""
    parser = command(
        commands,
        "measure",
        run_measure,
        "Write a table of every object: volume, surface, shape, grey values, place.",
    )
    parser.set_defaults(needs_folder=True)
    add_labels(parser, "classes, instances or objects", "the classes to measure (default: all)")
    parser.add_argument(
        "-o", "--out", required=True, type=Path, metavar="TABLE", help=".csv or .parquet"
    )
    parser.add_argument(
        "--image", metavar="IN", help="the image that was labelled, for mean_grey and sd_grey"
    )
    _add_sizes(parser)
    _add_contacts(parser)
    add_mesh_options(parser)
    add_workers(parser)


def _add_sizes(parser: argparse.ArgumentParser) -> None:
    """Add the options on what is an object, and how large a voxel is."""
    parser.add_argument(
        "--instances",
        action="store_true",
        help="each value is an object, in a file that does not say so",
    )
    add_smallest(parser, "10 in labels of classes, else 1")
    parser.add_argument(
        "--voxel-size",
        nargs="+",
        type=nanometres,
        metavar="NM",
        help="z y x in nm, instead of the size in the file",
    )


def _add_contacts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--contacts",
        type=Path,
        metavar="CONTACTS",
        help="a table of the pairs of objects that are near each other (.csv or .parquet)",
    )
    parser.add_argument(
        "--distance",
        type=float,
        metavar="NM",
        help="how near objects in contact are, from voxel to voxel (default: 30 nm)",
    )


def run_measure(arguments: argparse.Namespace) -> None:
    """Measure the objects of each class."""
    from napari_scsam.volume.measure.images import measured_names
    from napari_scsam.volume.measure.objects import measure_objects
    from napari_scsam.volume.output import make_writable_folder

    check_mesh_folder(arguments)
    check_mesh_labels(arguments)
    for path in (arguments.out, arguments.contacts, arguments.meshes):
        if path is not None and path.absolute().parent.is_dir():
            make_writable_folder(path)
    steps = measure_objects(
        arguments.labels,
        arguments.out,
        image=arguments.image,
        classes=parse_table(arguments.classes),
        instances=arguments.instances,
        smallest=arguments.smallest,
        voxel_size=arguments.voxel_size,
        contacts=arguments.contacts,
        distance=arguments.distance,
        workers=workers_of(arguments),
    )
    table = show(steps)
    note_unfinished(arguments.labels)
    note_own_table(arguments.labels, parse_table(arguments.classes))
    note_other_image(arguments)
    if not len(table):
        note_empty(arguments)
    name, names = measured_names(arguments.labels)
    if name:
        note(f"scsam: {name!r} was measured, of the label images {', '.join(names)}")
    print(arguments.out)
    if arguments.contacts:
        print(arguments.contacts)
    if arguments.meshes:
        write_mesh_files(arguments)


def note_other_image(arguments: argparse.Namespace) -> None:
    """Print that the image is another one than that of which the labels are, if it is known."""
    from napari_scsam.io.contrast import sample_planes
    from napari_scsam.io.slabs import with_slabs
    from napari_scsam.io.volumes import open_volume
    from napari_scsam.volume.run_image import image_fingerprint
    from napari_scsam.volume.writing.run_labels import run_of

    run = run_of(arguments.labels)
    if arguments.image is None or run is None or "image" not in run:
        return
    image = with_slabs(open_volume(arguments.image)).data
    if image_fingerprint(image, sample_planes(image)) != run["image"]:
        note(
            f"scsam: {arguments.image} has other voxels than the image that was segmented; "
            "check mean_grey and sd_grey"
        )


def note_empty(arguments: argparse.Namespace) -> None:
    """Print that no object is large enough."""
    from napari_scsam.volume.measure.images import default_smallest, find_label_images

    classes = parse_table(arguments.classes)
    found = find_label_images(arguments.labels, classes, instances=arguments.instances)
    smallest = default_smallest(found, arguments.smallest)
    note(
        f"scsam: {arguments.labels} holds no object of {smallest} voxels or more, "
        "so the table has only a header"
    )
