"""Open an image by its name: a path, a path with a part of the file, or an address.

Annotations are not postponed in this module: magicgui needs the types themselves.
"""

from functools import partial
from typing import Any

from magicgui import magic_factory
from napari.layers import Layer
from napari.qt.threading import thread_worker
from napari.viewer import Viewer

from napari_scsam.config import UserError
from napari_scsam.gui.forms.background import session_of
from napari_scsam.gui.layers.files import read_layers

Read = tuple[list[Any], UserError | None]
"""Layers, and why there are none; a worker of superqt raises an error that it returns."""


def open_image_in_viewer(viewer: Viewer, image: str) -> None:
    """Open an image in a viewer, on a worker thread; an address may take a while to answer.

    Parameters
    ----------
    viewer
        The viewer that is to show it.
    image
        For instance ``https://…/cell.zarr``, ``s3://bucket/cell.zarr``, ``cell.h5:/em/raw``,
        ``cell.raw:40x512x512:uint8`` or ``cell.tif:channel=1``.
    """
    session = session_of(viewer)
    name = image.strip()
    if not name:
        session.report_error(UserError("no image is named; type its path or its address"))
        return
    session.status.emit(f"opening {name} …")
    worker = thread_worker(_read)(name)
    worker.returned.connect(partial(_show, viewer, name))
    worker.start()


def _read(name: str) -> Read:
    try:
        return read_layers(name), None
    except UserError as error:
        return [], error


def _show(viewer: Viewer, name: str, found: Read) -> None:
    session = session_of(viewer)
    layers, error = found
    if error is not None:
        session.report_error(error)
        return
    for data in layers:
        viewer.add_layer(Layer.create(*data))
    session.status.emit(f"{name} is open")


open_image_form = magic_factory(
    open_image_in_viewer,
    call_button="Open",
    image={
        "label": "path or address",
        "tooltip": "https://…/cell.zarr, s3://bucket/…, cell.h5:/em/raw, cell.raw:40x512x512:uint8 "
        "or cell.tif:channel=1",
    },
)
"""Creates the form, as a napari widget."""
