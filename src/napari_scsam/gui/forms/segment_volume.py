"""Segment a whole volume from a form or from a script.

Annotations are not postponed in this module: magicgui needs the types themselves.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from magicgui import magic_factory
from napari.layers import Image
from napari.viewer import Viewer

from napari_scsam.checkpoints.card import JOINED, CheckpointInfo
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.config import UserError, VoxelSize, select_classes
from napari_scsam.gui.forms.background import session_of
from napari_scsam.gui.forms.parts import (
    NETWORK_FIELDS,
    UNKNOWN_SIZE,
    Form,
    list_network_classes,
    list_runs_below,
    size_of,
)
from napari_scsam.gui.layers.plane import layer_voxel_size
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.runs import DetachedRuns, image_file, proposed_labels
from napari_scsam.gui.tools.segment import VOLUME, Segmenting
from napari_scsam.volume.detached import RunRequest, parse_workers


def segment_volume_in_viewer(
    viewer: Viewer,
    image: Image,
    checkpoint: str,
    classes: Sequence[str] = (),
    voxel_size_nm: tuple[float, float, float] = UNKNOWN_SIZE,
    average_four_views: bool = False,
    coarse_first_look: bool = False,
    workers: str = "",
    labels_file: Path | None = None,
    beside: Sequence[str] = (),
) -> None:
    """Segment all slices of an image layer into its labels layer, or on workers into a file.

    Slices appear one by one, and each is one undo step. The ScSAM panels show the progress if they
    are open in this viewer; else napari does. On workers, the run goes on when the window is
    closed; the form lists it, here and in windows that are opened later.

    Parameters
    ----------
    viewer
        The viewer that shows the image.
    image
        A 2-D image or a 3-D volume of grey values.
    checkpoint
        Name or path of a checkpoint.
    classes
        Names of the classes to segment; all when empty.
    voxel_size_nm
        nm along z, y, x; zeros for the size from the layer.
    average_four_views
        Average four views of each slice, which is 4× slower.
    coarse_first_look
        Do not enlarge the image to the network's pixel size: faster and less exact.
    workers
        A number of processes on this computer, or the address of a dask scheduler such as
        ``tcp://10.0.0.1:8786``. When empty, this window does the work.
    labels_file
        OME-Zarr that workers write, ending in ``.zarr``; beside the image when not given.
    beside
        Names or paths of imported networks whose classes are added to those of the checkpoint.
    """
    session = session_of(viewer)
    checkpoint = JOINED.join([checkpoint, *beside])
    try:
        where = parse_workers(workers)
        if where is not None:
            size = size_of(voxel_size_nm) or layer_voxel_size(image)
            request = _request(image, checkpoint, classes, labels_file, where)
            looks = {"tta": average_four_views, "coarse": coarse_first_look}
            request = request.model_copy(update={"voxel_size": size, **looks})
            session.part(DetachedRuns).start(request)
            return
        _choose(session, image, checkpoint, classes, size_of(voxel_size_nm))
    except UserError as error:
        session.report_error(error)
        return
    session.choices.set_tta(average_four_views)
    session.choices.set_coarse(coarse_first_look)
    segmenting = session.part(Segmenting)
    segmenting.choose_scope(VOLUME)
    segmenting.go()


def _request(
    image: Image,
    checkpoint: str,
    classes: Sequence[str],
    labels_file: Path | None,
    workers: int | str,
) -> RunRequest:
    """Return what workers are to do.

    Raises
    ------
    UserError
        When the image is in no file, or the network has no such class. Also when the name of the
        labels does not end in ``.zarr``.
    """
    file = image_file(image)
    out = proposed_labels(file)
    if labels_file is not None:
        out = labels_file.absolute()
    if out.suffix.lower() != ".zarr":
        raise UserError(f"workers write an OME-Zarr; end the name {out.name} in .zarr")
    info = checkpoint_info(checkpoint)
    wanted = None
    if classes:
        wanted = tuple(spec.name for spec in select_classes(info.classes, list(classes)))
    return RunRequest(
        image=file, out=str(out), checkpoint=checkpoint, workers=workers, classes=wanted
    )


def _info_of(session: Session, checkpoint: str) -> CheckpointInfo:
    """Return the card of a checkpoint of this computer, or of the server in use."""
    if session.network.server:
        return session.network.find_info(checkpoint)
    return checkpoint_info(checkpoint)


def _choose(
    session: Session,
    image: Image,
    checkpoint: str,
    classes: Sequence[str],
    voxel_size: VoxelSize | None,
) -> None:
    """Choose what to segment; a network that is loaded already is not loaded again."""
    choices = session.choices
    info = _info_of(session, checkpoint)
    if choices.image is not image:
        choices.choose_image(image)
    if voxel_size is not None:
        choices.type_voxel_size(voxel_size)
    if choices.checkpoint != info:
        choices.choose_checkpoint(info)
    choices.choose_classes(select_classes(choices.classes, list(classes) or None))


def _connect(form: Form) -> None:
    """Show the classes of the networks, the voxel size of the image, and runs on workers."""
    form.checkpoint.changed.connect(partial(list_network_classes, form))
    form.beside.changed.connect(partial(list_network_classes, form))
    form.image.changed.connect(partial(_show_size, form))
    list_network_classes(form)
    _show_size(form, form.image.value)
    list_runs_below(form, NETWORK_FIELDS)


def _show_size(form: Form, image: Image | None) -> None:
    size = None
    if image is not None:
        size = layer_voxel_size(image)
    form.voxel_size_nm.value = size or UNKNOWN_SIZE


segment_volume_form = magic_factory(
    segment_volume_in_viewer,
    widget_init=_connect,
    call_button="Segment volume",
    voxel_size_nm={
        "label": "size (nm)",
        "tooltip": "Size of a voxel along z, y and x in nanometres; zeros when unknown.",
    },
    labels_file={
        "label": "labels file",
        "mode": "w",
        "filter": "*.zarr",
        "tooltip": "Where workers write the labels, an OME-Zarr; beside the image when empty.",
    },
    workers={
        "tooltip": "A number of processes on this computer, or the address of a dask scheduler "
        "such as tcp://10.0.0.1:8786.\nThe run goes on when this window is closed. "
        "Empty: this window does the work.",
    },
    **NETWORK_FIELDS,
)
"""Creates the form, as a napari widget."""
