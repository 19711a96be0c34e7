"""Segment a whole volume from a form or from a script.

Annotations are not postponed in this module: magicgui needs the types themselves.
"""

from collections.abc import Sequence
from functools import partial

from magicgui import magic_factory
from magicgui.widgets import FunctionGui
from napari.layers import Image
from napari.viewer import Viewer

from napari_scsam.checkpoints.find import checkpoint_info, list_checkpoints
from napari_scsam.config import UserError, VoxelSize, parse_voxel_size, select_classes
from napari_scsam.gui.forms.background import session_of
from napari_scsam.gui.layers.plane import layer_voxel_size
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.segment import VOLUME, Segmenting

Form = FunctionGui[..., None]

UNKNOWN_SIZE = (0.0, 0.0, 0.0)
"""As the form shows a voxel size that is not known."""


def segment_volume_in_viewer(
    viewer: Viewer,
    image: Image,
    checkpoint: str,
    classes: Sequence[str] = (),
    voxel_size_nm: tuple[float, float, float] = UNKNOWN_SIZE,
    average_four_views: bool = False,
) -> None:
    """Segment all slices of an image layer into its labels layer, on a worker thread.

    Slices appear one by one, and each is one undo step. The ScSAM panels show the progress if they
    are open in this viewer; else napari does.

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
    """
    session = session_of(viewer)
    try:
        _choose(session, image, checkpoint, classes, _size(voxel_size_nm))
    except UserError as error:
        session.report_error(error)
        return
    session.choices.set_tta(average_four_views)
    segmenting = session.part(Segmenting)
    segmenting.choose_scope(VOLUME)
    segmenting.go()


def _choose(
    session: Session,
    image: Image,
    checkpoint: str,
    classes: Sequence[str],
    voxel_size: VoxelSize | None,
) -> None:
    """Choose what to segment; a network that is loaded already is not loaded again."""
    choices = session.choices
    info = checkpoint_info(checkpoint)
    if choices.image is not image:
        choices.choose_image(image)
    if voxel_size is not None:
        choices.type_voxel_size(voxel_size)
    if choices.checkpoint != info:
        choices.choose_checkpoint(info)
    choices.choose_classes(select_classes(choices.classes, list(classes) or None))


def _size(numbers: Sequence[float]) -> VoxelSize | None:
    """Return a voxel size; None for zeros.

    Raises
    ------
    UserError
        When only some of the numbers are zero.
    """
    if not any(numbers):
        return None
    return parse_voxel_size(list(numbers))


def _checkpoint_names(_widget: object = None) -> list[str]:
    return [info.name for info in list_checkpoints()]


def _connect(form: Form) -> None:
    """Show the classes of the chosen checkpoint, and the voxel size of the chosen image."""
    form.checkpoint.changed.connect(partial(_show_classes, form))
    form.image.changed.connect(partial(_show_size, form))
    _show_classes(form, form.checkpoint.value)
    _show_size(form, form.image.value)


def _show_classes(form: Form, checkpoint: str | None) -> None:
    names: list[str] = []
    if checkpoint is not None:
        names = [spec.name for spec in checkpoint_info(checkpoint).classes]
    form.classes.choices = lambda _select: names  # a function, as napari resets the choices
    form.classes.value = names


def _show_size(form: Form, image: Image | None) -> None:
    size = None
    if image is not None:
        size = layer_voxel_size(image)
    form.voxel_size_nm.value = size or UNKNOWN_SIZE


segment_volume_form = magic_factory(
    segment_volume_in_viewer,
    widget_init=_connect,
    call_button="Segment volume",
    checkpoint={"choices": _checkpoint_names, "tooltip": "The trained network."},
    classes={
        "widget_type": "Select",
        "choices": (),
        "tooltip": "The classes to segment; Ctrl+click selects several.",
    },
    voxel_size_nm={
        "label": "size (nm)",
        "tooltip": "Size of a voxel along z, y and x in nanometres; zeros when unknown.",
    },
    average_four_views={
        "label": "Average four views (4× slower)",
        "tooltip": "Segment four views of each slice and average them.",
    },
)
"""Creates the form, as a napari widget."""
