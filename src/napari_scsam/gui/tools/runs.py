"""Runs on workers: started from a window, watched by any, and going on without one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image, Layer

from napari_scsam.config import UserError
from napari_scsam.errors import TakenError
from napari_scsam.gui.layers.class_table import PATH_KEY, geometry_of
from napari_scsam.gui.layers.files import read_layers
from napari_scsam.gui.run_row import RunRow
from napari_scsam.gui.words import as_sentence, count_of
from napari_scsam.io.locations import is_address
from napari_scsam.steps import in_words
from napari_scsam.volume.detached import (
    RunPhase,
    RunRequest,
    RunState,
    cancel_run,
    continue_run,
    forget_run,
    list_runs,
    start_run,
)
from napari_scsam.volume.image_batch import ImageBatch

if TYPE_CHECKING:
    from napari_scsam.gui.session import Session

CANCEL = "Cancel"
CONTINUE = "Continue"
SHOW = "Show"
REMOVE = "Remove"

VERBS = {
    RunPhase.RUNNING: (CANCEL,),
    RunPhase.STOPPED: (CONTINUE, REMOVE),
    RunPhase.PARTLY: (SHOW, CONTINUE, REMOVE),
    RunPhase.FAILED: (CONTINUE, REMOVE),
    RunPhase.FINISHED: (SHOW, REMOVE),
}
"""What can be done about a run."""

POLL_MS = 500
"""How often the runs are looked at."""


class DetachedRuns:
    """The verbs behind the list of runs; made by ``session.part(Runs)``."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._phases: dict[Path, RunPhase] = {}
        self._cancelled: set[Path] = set()

    def look(self) -> list[RunRow]:
        """Return how far each run is, and report those that have ended since."""
        states = list_runs()
        for state in states:
            before = self._phases.get(state.folder)
            if before is RunPhase.RUNNING and state.phase is not RunPhase.RUNNING:
                self._cancelled.discard(state.folder)
                self.session.status.emit(_ended(state))
        self._phases = {state.folder: state.phase for state in states}
        return [_row(state, cancelled=state.folder in self._cancelled) for state in states]

    def start(self, request: RunRequest) -> None:
        """Start a run, or continue a stopped one into the same labels; or a batch of images.

        Raises
        ------
        UserError
            When the labels cannot go there, or the workers cannot be reached.
        """
        if request.images:
            self._start_batch(request)
            return
        from napari_scsam.volume.cluster import check_workers

        check_workers(request.workers)
        _check_place(Path(request.out))
        start_run(request)
        self.session.status.emit(
            f"{Path(request.out).name} is written by workers, also when this window is closed"
        )

    def _start_batch(self, request: RunRequest) -> None:
        """Start a batch of images, unless all have labels.

        Raises
        ------
        UserError
            When labels cannot go there.
        """
        left = _count_left(request)
        start_run(request)
        self.session.status.emit(
            f"{count_of(left, 'image')} of {len(request.images)} are segmented into "
            f"{request.out}, also when this window is closed"
        )

    def do(self, verb: str, key: str) -> None:
        """Do what was asked of a run."""
        state = next((state for state in list_runs() if str(state.folder) == key), None)
        if state is None:
            return
        if verb == CANCEL:
            self._cancelled.add(state.folder)
            cancel_run(state.folder)
        elif verb == CONTINUE:
            continue_run(state.folder)
        elif verb == REMOVE:
            forget_run(state.folder)
        else:
            self._show(state)

    def _show(self, state: RunState) -> None:
        """Add the labels of a run to the viewer, and its image, if it is not there."""
        viewer = self.session.viewer
        if viewer is None:
            return
        image, out = _first_shown(state.request)
        try:
            labels = read_layers(out)
            images = [layer for layer in viewer.layers if path_of(layer) == image]
            if not images:
                images = [Layer.create(*data) for data in read_layers(image)]
                viewer.layers.extend(images)
        except UserError as error:
            self.session.report_error(error)
            return
        # The file of the image may not say its voxel size, which was typed into the form.
        place = geometry_of(images[0])
        for data, attributes, kind in labels:
            viewer.add_layer(Layer.create(data, {**attributes, **place}, kind))


def _first_shown(request: RunRequest) -> tuple[str, str]:
    """Return an image of a run and its labels: of a batch, the first that has some."""
    folder = Path(request.out)
    for image in map(Path, request.images):
        labels = ImageBatch((), folder).labels_of(image)
        if labels.is_file():
            return str(image), str(labels)
    return request.image, request.out


def run_rows() -> list[RunRow]:
    """Return how far each run is, for a window without a viewer."""
    return [_row(state, cancelled=False) for state in list_runs()]


def _row(state: RunState, *, cancelled: bool) -> RunRow:
    request = state.request
    done = state.done
    if state.phase is RunPhase.FINISHED:
        done = state.total
    message = ""
    if state.message:
        message = as_sentence(state.message)
    return RunRow(
        key=str(state.folder),
        name=f"{state.name}, {_where(request)}",
        tip=f"{request.image}\n→ {request.out}",
        done=done,
        total=state.total,
        text=_on_the_bar(state, cancelled=cancelled),
        message=message,
        verbs=VERBS[state.phase],
    )


def _on_the_bar(state: RunState, *, cancelled: bool) -> str:
    if state.phase is RunPhase.RUNNING:
        return "Stopping …" if cancelled else _running(state)
    words = state.phase.capitalize()
    if state.phase is RunPhase.FINISHED or not state.total:
        return words
    return f"{words}: {state.done} of {state.total} {_parts(state)} are done"


def _running(state: RunState) -> str:
    """Return how far a run is, in words."""
    if not state.total:
        return "Starting …"
    if state.done == state.total:
        return "Finishing …"
    text = f"{state.done} of {state.total} {_parts(state)}"
    if state.seconds_left is None:
        return text
    return f"{text}, {in_words(state.seconds_left)} left"


def _ended(state: RunState) -> str:
    """Return how a run ended, as a sentence."""
    if state.phase is RunPhase.FINISHED:
        shown = "the first image and its labels" if state.request.images else "it"
        return f"{state.name} is finished: Show adds {shown} to the viewer"
    if state.message:
        return f"{state.name}: {state.message}"
    return f"{state.name} was stopped; {state.done} of {state.total} {_parts(state)} are done"


def _parts(state: RunState) -> str:
    """Return what a run is divided into."""
    return "images" if state.request.images else "slices"


def path_of(layer: Layer) -> str | None:
    """Return the path or address that a layer was read from; None for an array in memory."""
    path = layer.metadata.get(PATH_KEY) or layer.source.path
    return None if path is None else str(path)


def image_file(image: Image) -> str:
    """Return the file that workers read in place of an image layer.

    Raises
    ------
    UserError
        When there is none, or it holds colours.
    """
    path = path_of(image)
    if path is None or image.rgb:
        raise UserError(
            f"workers read '{image.name}' from a file; save it as grey values, and open it from there"
        )
    if is_address(path):
        return path
    return str(Path(path).absolute())


def proposed_labels(image: str) -> Path:
    """Return a free name for the labels of an image, beside it or in the current folder."""
    folder = Path.cwd() if is_address(image) else Path(image).parent
    stem = Path(image).name.split(".")[0]
    names = (f"{stem}.labels{number}.zarr" for number in ("", *map(str, range(2, 1000))))
    taken = partial(_is_finished, folder)
    return folder / next(name for name in names if not taken(name))


def _is_finished(folder: Path, name: str) -> bool:
    from napari_scsam.volume.output import is_taken

    return is_taken(folder / name)


def _where(request: RunRequest) -> str:
    """Return the workers of a run in words, or how many images it has."""
    if request.images:
        return count_of(len(request.images), "image")
    if isinstance(request.workers, int):
        return count_of(request.workers, "worker")
    return str(request.workers)


def _check_place(out: Path) -> None:
    from napari_scsam.volume.output import check_output

    try:
        check_output(out, overwrite=False, resume=True)
    except TakenError as error:
        raise UserError(f"{out} is taken; choose another name for the labels") from error


def _count_left(request: RunRequest) -> int:
    """Return how many images of a batch have no labels yet.

    Raises
    ------
    UserError
        When all have labels, or labels cannot go there.
    """
    images = tuple(map(Path, request.images))
    replace = request.replace
    left = ImageBatch(images, Path(request.out), resume=not replace, overwrite=replace).left()
    if not left:
        raise UserError(
            f"all {len(images)} images have labels in {request.out}; "
            "replace them, or name another folder"
        )
    return len(left)
