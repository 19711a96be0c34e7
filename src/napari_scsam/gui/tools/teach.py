"""Teaching a class by strokes: the brush, its sides, and what follows each stroke."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import Job
from napari_scsam.gui.jobs.teach import prepare_to_teach_steps
from napari_scsam.gui.layers.strokes import MODES, StrokesLayer
from napari_scsam.gui.project.strokes import StrokeStore
from napari_scsam.gui.prompts.teaching import TeachState
from napari_scsam.gui.tools.canvas.active_tool import ActiveTool
from napari_scsam.gui.tools.learn_strokes import StrokeLearning
from napari_scsam.project.strokes import StrokeKey

if TYPE_CHECKING:
    from napari_scsam.config import ClassSpec
    from napari_scsam.gui.layers.plane import Plane
    from napari_scsam.gui.session import Session

TEACH_TOOL = "teach"
"""Name of this tool while it is active."""

BEGIN = "Paint a stroke on {}; each stroke is learned at once. Esc stops."
TURNED = "Strokes are painted along one axis; press Teach again to paint along this one."


class Teaching:
    """The brush for strokes in one viewer; made by ``session.part(Teaching)``."""

    changed = Signal()
    """The `state` changed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._store = session.part(StrokeStore)
        self._learning = session.part(StrokeLearning)
        self._active_tool = session.part(ActiveTool)
        self._painted: dict[Plane, None] = {}
        """Planes with new strokes, until the next turn of the event loop."""
        self.strokes: StrokesLayer | None = None
        """The layer for strokes, while the tool is active."""
        self._learning.changed.connect(self.changed)
        self._learning.about_to_write.connect(self._keep_brush)
        self._store.changed.connect(self.stop)
        session.choices.checkpoint_changed.connect(self.changed)
        self._active = session.choices.active
        session.choices.choices_changed.connect(self._on_choices)
        session.choices.image_changed.connect(self._on_image)

    @property
    def state(self) -> TeachState:
        """What the panel shows."""
        choices = self._session.choices
        info = choices.checkpoint
        taught = self._learning.taught
        return TeachState(
            active=self.strokes is not None,
            name=self._worked_on(),
            on_class=self.strokes is None or self.strokes.on_class,
            spec=self.strokes.spec if self.strokes is not None else None,
            taught=taught,
            possible=info is None or not info.prompts_only,
        )

    # Starting and stopping

    def toggle(self, name: str | None = None) -> None:
        """Start with the class of a name, by default the one being worked on; or stop."""
        if self.strokes is not None:
            self.stop()
            return
        self.start(name or self._worked_on())

    def start(self, name: str) -> None:
        """Add a layer for strokes on a class, with the brush, and prepare the slice shown."""
        session = self._session
        viewer = session.viewer
        request = session.try_request(classes=True, prompts=True)
        image = session.choices.image
        if request is None or viewer is None or image is None:
            self.changed.emit()
            return
        try:
            spec = self._learning.spec_of(name.strip())
        except UserError as error:
            session.report_error(error)
            self.changed.emit()
            return
        self._active_tool.deactivate()
        if spec in session.choices.classes:
            session.choices.work_on(spec)
        self._active = session.choices.active  # only another one changes what is painted
        axis = request.plane.axis
        array = self._store.array(StrokeKey.of(spec.known_as, axis))
        strokes = StrokesLayer(viewer, image, spec, array, axis)
        strokes.painted.connect(self._on_painted)
        strokes.side_changed.connect(self.changed)
        strokes.show()
        self.strokes = strokes
        self._active_tool.activate(TEACH_TOOL, self._close, strokes.layer, MODES)
        viewer.dims.events.order.connect(self._on_turned)
        session.jobs.submit(Job.PREPARE, partial(prepare_to_teach_steps, session.engine, request))
        self._active_tool.show_status(BEGIN.format(spec.name))
        self.changed.emit()

    def choose(self, name: str) -> None:
        """Choose the class; while strokes are being painted, those of this class come next."""
        if self.strokes is not None and name.strip() != self.strokes.spec.name:
            self.start(name)
        else:
            self.changed.emit()

    def stop(self) -> None:
        """Remove the layer for strokes; they are kept, and come back with it."""
        self._active_tool.deactivate_if(TEACH_TOOL)

    def forget(self, name: str) -> None:
        """Forget a class and its strokes."""
        if self.strokes is not None and self.strokes.spec.name == name:
            self._painted.clear()
            self.stop()
        self._learning.forget(name)

    def _close(self) -> None:
        strokes = self.strokes
        self.strokes = None
        if strokes is None:
            return
        viewer = self._session.viewer
        if viewer is not None:
            viewer.dims.events.order.disconnect(self._on_turned)
        strokes.end_stroke()
        self._learn(strokes.spec)
        strokes.remove()
        self._select_labels()
        self.changed.emit()

    def _select_labels(self) -> None:
        """Select the labels where the layer for strokes was selected, so that tools work on them."""
        viewer = self._session.viewer
        labels = self._session.labels
        if viewer is None or labels is None or viewer.layers.selection.active is not None:
            return
        viewer.layers.selection.active = labels

    def _worked_on(self) -> str:
        if self.strokes is not None:
            return self.strokes.spec.name
        active = self._session.choices.active
        if active is None:
            return ""
        return active.name

    # Painting

    def set_side(self, *, on_class: bool) -> None:
        """Choose whether the next strokes are on the class, or beside it."""
        if self.strokes is not None:
            self.strokes.set_side(on_class=on_class)
            self._keep_brush()

    def switch_side(self) -> None:
        """Paint on the other side from now on."""
        if self.strokes is not None:
            self.set_side(on_class=not self.strokes.on_class)

    def _on_painted(self, planes: tuple[Plane, ...]) -> None:
        """Learn once napari has handled the event; strokes of one turn are learned together."""
        is_first = not self._painted
        self._painted.update(dict.fromkeys(planes))
        if is_first:
            self._session.jobs.run_in_event_loop(self._learn_steps())

    def _learn_steps(self) -> Generator[None, None, None]:
        strokes = self.strokes
        if strokes is not None:
            self._learn(strokes.spec)
        yield

    def _learn(self, spec: ClassSpec) -> None:
        planes = tuple(self._painted)
        self._painted.clear()
        if planes and self._session.viewer is not None:
            self._active_tool.withdraw_status()
            self._learning.learn(spec, planes)

    def _keep_brush(self) -> None:
        """Take the brush again; napari selects a layer that was just added."""
        if self.strokes is not None:
            self.strokes.take_brush()

    # What happens in the viewer

    def _on_turned(self) -> None:
        self.stop()
        self._session.status.emit(TURNED)

    def _on_choices(self) -> None:
        """Paint strokes on the class that is worked on from now on."""
        active = self._session.choices.active
        if active == self._active:
            return
        self._active = active
        if active is not None and self.strokes is not None and active != self.strokes.spec:
            self.choose(active.name)
        else:
            self.changed.emit()

    def _on_image(self) -> None:
        strokes = self.strokes
        if strokes is not None and self._session.choices.image is not strokes.image:
            self._painted.clear()
            self.stop()
