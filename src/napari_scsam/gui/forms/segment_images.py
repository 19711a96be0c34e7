"""Segment the images of a folder, each by itself, from a form or from a script.

Annotations are not postponed in this module: magicgui needs the types themselves.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from magicgui import magic_factory
from napari.viewer import Viewer

from napari_scsam.checkpoints.card import JOINED
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.config import UserError, parse_voxel_size, select_classes
from napari_scsam.gui.forms.background import session_of
from napari_scsam.gui.forms.parts import (
    OWN_NETWORK_FIELDS,
    Form,
    list_network_classes,
    list_runs_below,
)
from napari_scsam.gui.tools.runs import DetachedRuns
from napari_scsam.paths import with_home
from napari_scsam.volume.detached import RunRequest
from napari_scsam.volume.image_batch import find_images

LABELS_FOLDER = "labels"
"""Name of the folder of labels, in that of the images, when none is given."""


def segment_images_in_viewer(
    viewer: Viewer,
    folder: Path | None,
    checkpoint: str,
    names: str = "*",
    classes: Sequence[str] = (),
    pixel_size_nm: float = 0.0,
    average_four_views: bool = False,
    coarse_first_look: bool = False,
    labels_folder: Path | None = None,
    replace: bool = False,
    beside: Sequence[str] = (),
) -> None:
    """Segment each image of a folder into a file of labels, in a process of its own.

    Labels that are finished stay, unless they are to be replaced. The run goes on when the window
    is closed; the form lists it, here and in windows that are opened later.

    Parameters
    ----------
    viewer
        The viewer that shows messages.
    folder
        Of the images; each may have a size and a pixel size of its own.
    checkpoint
        Name or path of a checkpoint.
    names
        Pattern of their names, such as ``*.tif``.
    classes
        Names of the classes to segment; all when empty.
    pixel_size_nm
        nm of a pixel in all images; 0 for the size that each file states.
    average_four_views
        Average four views of each image, which is 4× slower.
    coarse_first_look
        Do not enlarge images to the network's pixel size: faster and less exact.
    labels_folder
        Of the labels, as TIFF; ``labels`` in the folder of the images when not given.
    replace
        Whether finished labels are replaced.
    beside
        Names or paths of imported networks whose classes are added to those of the checkpoint.
    """
    session = session_of(viewer)
    try:
        chosen = _images_folder(folder)
        images = find_images(chosen, names.strip())
        info = checkpoint_info(JOINED.join([checkpoint, *beside]))
        wanted = None
        if classes:
            wanted = tuple(spec.name for spec in select_classes(info.classes, list(classes)))
        request = RunRequest(
            image=str(images[0]),
            images=tuple(map(str, images)),
            out=str(_labels_folder(chosen, labels_folder)),
            checkpoint=info.reference,
            workers=None,
            classes=wanted,
            voxel_size=parse_voxel_size(pixel_size_nm or None),
            tta=average_four_views,
            coarse=coarse_first_look,
            replace=replace,
        )
        session.part(DetachedRuns).start(request)
    except UserError as error:
        session.report_error(error)


def _images_folder(folder: Path | None) -> Path:
    """Return the folder of the images; an empty field of a form is a path without a name.

    Raises
    ------
    UserError
        When none is named.
    """
    if folder is None or folder == Path():
        raise UserError("no folder of images is named; choose one")
    return with_home(folder).absolute()


def _labels_folder(folder: Path, chosen: Path | None) -> Path:
    """Return the folder of the labels."""
    if chosen is None or chosen == Path():
        return folder / LABELS_FOLDER
    return with_home(chosen).absolute()


def _connect(form: Form) -> None:
    """Show the classes of the networks, and runs outside of the window."""
    list_classes = partial(list_network_classes, form, find=checkpoint_info)
    form.checkpoint.changed.connect(list_classes)
    form.beside.changed.connect(list_classes)
    list_classes()
    list_runs_below(form, OWN_NETWORK_FIELDS)


segment_images_form = magic_factory(
    segment_images_in_viewer,
    widget_init=_connect,
    call_button="Segment images",
    folder={"mode": "d", "tooltip": "The folder of the images."},
    names={"tooltip": "Which files: * for all images, or a pattern such as *.tif."},
    pixel_size_nm={
        "label": "size (nm)",
        "min": 0.0,
        "max": 100_000.0,
        "tooltip": "Size of a pixel in all images; 0: the size that each file states.",
    },
    labels_folder={
        "label": "labels folder",
        "mode": "d",
        "tooltip": "Where the labels go, one TIFF for each image; labels in the folder when empty.",
    },
    replace={
        "label": "Replace finished labels",
        "tooltip": "Otherwise images whose labels are finished are left out.",
    },
    **OWN_NETWORK_FIELDS,
)
"""Creates the form, as a napari widget."""
