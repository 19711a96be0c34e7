"""What the forms that segment files have in common: networks, classes, sizes, and the list of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from magicgui.widgets import FunctionGui
from napari import current_viewer
from qtpy.QtCore import QTimer

from napari_scsam.checkpoints.card import JOINED, CheckpointInfo
from napari_scsam.checkpoints.find import checkpoint_info, list_checkpoints
from napari_scsam.config import UserError, VoxelSize, parse_voxel_size
from napari_scsam.gui.forms.background import session_of
from napari_scsam.gui.network import Network
from napari_scsam.gui.notify import notify_error
from napari_scsam.gui.panels.runs import RunList
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.runs import POLL_MS, DetachedRuns, run_rows

Form = FunctionGui[..., None]

UNKNOWN_SIZE = (0.0, 0.0, 0.0)
"""As the form shows a voxel size that is not known."""


def size_of(numbers: Sequence[float]) -> VoxelSize | None:
    """Return a voxel size; None for zeros.

    Raises
    ------
    UserError
        When only some of the numbers are zero.
    """
    if not any(numbers):
        return None
    return parse_voxel_size(list(numbers))


def checkpoint_names(_widget: object = None) -> list[str]:
    """Return the names of the checkpoints that the window can use, as magicgui asks for choices.

    Those of a server are among them while the window uses it.
    """
    return unique_names(usable_checkpoints())


def imported_names(_widget: object = None) -> list[str]:
    """Return the names of the imported networks that the window can use."""
    return unique_names(info for info in usable_checkpoints() if info.classes_only)


def own_checkpoint_names(_widget: object = None) -> list[str]:
    """Return the names of the checkpoints of this computer, where a process of its own runs."""
    return unique_names(list_checkpoints())


def own_imported_names(_widget: object = None) -> list[str]:
    """Return the names of the imported networks of this computer."""
    return unique_names(info for info in list_checkpoints() if info.classes_only)


def unique_names(infos: Iterable[CheckpointInfo]) -> list[str]:
    """Return the names of checkpoints, each once."""
    return list(dict.fromkeys(info.name for info in infos))


def usable_checkpoints() -> tuple[CheckpointInfo, ...]:
    """Return the checkpoints that the window of the current viewer can use."""
    network = network_on_server()
    return list_checkpoints() if network is None else network.list_checkpoints()


def network_on_server() -> Network | None:
    """Return the network of the current viewer where a server runs it; None for this computer."""
    viewer = current_viewer()
    if viewer is None:
        return None
    session = Session.find(getattr(viewer, "__wrapped__", viewer))
    if session is None or not session.network.server:
        return None
    return session.network


def find_usable(name: str) -> CheckpointInfo:
    """Return the card of a checkpoint that the window can use, with those beside it.

    Raises
    ------
    UserError
        When there is no such checkpoint, or they cannot work together.
    """
    network = network_on_server()
    return checkpoint_info(name) if network is None else network.find_info(name)


def list_runs_below(form: Form, fields: Mapping[str, Any]) -> None:
    """Put the list of runs on workers below the form, and look at them while it is there.

    Parameters
    ----------
    form
        With the fields of a network.
    fields
        As it was made of them: `NETWORK_FIELDS` or `OWN_NETWORK_FIELDS`.
    """
    listed = RunList()
    form.native.layout().addWidget(listed)
    watch = partial(_look, form, listed)
    listed.asked.connect(partial(_do, form, listed))
    timer = QTimer(listed)
    timer.timeout.connect(watch)
    timer.timeout.connect(partial(_list_again, form, fields))
    timer.start(POLL_MS)
    watch()
    _offer_beside(form)


def _look(form: Form, listed: RunList) -> None:
    viewer = form.viewer.value
    if viewer is None:
        listed.show_runs(run_rows())
    else:
        listed.show_runs(session_of(viewer).part(DetachedRuns).look())


def _list_again(form: Form, fields: Mapping[str, Any]) -> None:
    """List checkpoints again when others can be used, as those of a server."""
    for name, field in (("checkpoint", form.checkpoint), ("beside", form.beside)):
        if list(field.choices) != fields[name]["choices"]():
            field.reset_choices()
    _offer_beside(form)


def _offer_beside(form: Form) -> None:
    """Show the field of networks to add only where one was imported: most people have none."""
    form.beside.visible = len(form.beside.choices) > 0


def _do(form: Form, listed: RunList, verb: str, key: str) -> None:
    viewer = form.viewer.value
    if viewer is not None:
        session_of(viewer).part(DetachedRuns).do(verb, key)
    _look(form, listed)


def list_network_classes(
    form: Form,
    _changed: object = None,
    *,
    find: Callable[[str], CheckpointInfo] = find_usable,
) -> None:
    """List the classes of the networks that a form shows, and select all."""
    names: list[str] = []
    checkpoint = form.checkpoint.value
    if checkpoint is not None:
        try:
            info = find(JOINED.join([checkpoint, *form.beside.value]))
        except UserError as error:
            notify_error(error)
            return
        names = [spec.name for spec in info.classes]
    form.classes.choices = lambda _select: names  # a function, as napari resets the choices
    form.classes.value = names


NETWORK_FIELDS: dict[str, Any] = {
    "checkpoint": {"choices": checkpoint_names, "tooltip": "The trained network."},
    "classes": {
        "widget_type": "Select",
        "choices": (),
        "tooltip": "The classes to segment; Ctrl+click selects several.",
    },
    "beside": {
        "label": "also with",
        "widget_type": "Select",
        "choices": imported_names,
        "tooltip": "Imported networks whose classes are added; Ctrl+click selects several.",
    },
    "average_four_views": {
        "label": "Average four views (4× slower)",
        "tooltip": "Segment four views of each slice and average them.",
    },
    "coarse_first_look": {
        "label": "Coarse first look (faster)",
        "tooltip": "Do not enlarge images to the pixel size of the network; less exact.",
    },
}
"""The fields on networks and classes, as magicgui takes them."""

OWN_NETWORK_FIELDS: dict[str, Any] = {
    **NETWORK_FIELDS,
    "checkpoint": {**NETWORK_FIELDS["checkpoint"], "choices": own_checkpoint_names},
    "beside": {**NETWORK_FIELDS["beside"], "choices": own_imported_names},
}
"""The same for work in a process of its own, which runs networks of this computer."""
