"""One object at a time: point at it, see it, accept it into a class or drop it, carry it through slices."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info
from psygnal import Signal

from napari_scsam.config import ClassSpec, TaughtClass, UserError, class_to_teach
from napari_scsam.gui.jobs.one_object import (
    Found,
    PromptRequest,
    PropagateRequest,
    PropagationBothWays,
    TeachRequest,
    prompt_steps,
    propagate_both_ways,
    ready_steps,
    teach_steps,
)
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.layers.plane import Plane, check_image, shown_plane
from napari_scsam.gui.layers.prompt_layers import DrawnMarks, PromptLayers
from napari_scsam.gui.tools.active_tool import Hand
from napari_scsam.gui.tools.undo import REDO, UNDO, Undoing
from napari_scsam.gui.words import grouped

if TYPE_CHECKING:
    from collections.abc import Generator, Hashable

    from napari_scsam.gui.jobs.engine import SliceRequest
    from napari_scsam.gui.layers.write_prediction import OrganelleLabels
    from napari_scsam.gui.session import Session
    from napari_scsam.infer.patch import Patch

DRAG_A_BOX = "A click draws no box; drag one from corner to corner."
ONE_SIDED = "Nothing was marked Outside: if too much is found, mark what looks alike Outside, and teach it again; strokes add up."
NOTHING_YET = "Nothing is found yet: click on an object first."
WAY_OUT = ("Enter", "Escape")
PROMPTS = "prompts"
"""What is in hand."""


class Prompting:
    """The verbs for single objects in the viewer of a session; made by ``session.part(Prompting)``."""

    changed = Signal()
    """Another tool, side, target or object."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.layers: PromptLayers | None = None
        self.found: Found | None = None
        """What the preview shows."""
        self.tool = "point"
        self.inside = True
        self.reach = 50
        """Slices on each side that an object is carried through at most."""
        self.ends: tuple[int, ...] = ()
        """Slices at which the object carried last stopped."""
        self._volume: Hashable = None
        """The volume that prompts are drawn on."""
        self._put_by: dict[Hashable, DrawnMarks] = {}
        """Marks that were not accepted when prompts were put away, by the volume; they come back with them."""
        self._target: str = ""
        self._followed = False
        """Whether the class was chosen for segmenting, and not for accepting."""
        self._hand = session.part(Hand)
        self._teaching: TeachRequest | None = None
        """What was asked for last."""
        for kind, receiver in (
            ("prompt", self._on_found),
            ("carry", self._on_propagated),
            ("teach", self._on_taught),
        ):
            session.on_return(kind, receiver)
        session.on_return("ready", lambda _: None)
        session.choices_changed.connect(self._on_choices)
        session.checkpoint_changed.connect(self.changed)
        session.image_changed.connect(self._on_image)

    @property
    def active(self) -> bool:
        """Whether prompts are being drawn."""
        return self.layers is not None

    @property
    def target(self) -> ClassSpec | None:
        """The class that objects are accepted into."""
        classes = self.session.classes
        return next(
            (spec for spec in classes if spec.name == self._target), classes[0] if classes else None
        )

    @property
    def stayed(self) -> bool:
        """Whether the class is still the one that was chosen for segmenting last, where several are chosen now."""
        return self._followed and len(self.session.chosen) > 1

    # Beginning and ending

    def toggle(self) -> None:
        """Begin, or end."""
        self.stop() if self.active else self.start()

    def start(self) -> None:
        """Put the layers for prompts into the viewer, and get the slice shown ready."""
        session = self.session
        viewer = self.session.viewer
        if (
            self.active
            or (request := session.ask()) is None
            or viewer is None
            or session.image is None
        ):
            return
        self._hand.empty()
        self._on_choices()
        ways = {"Enter": self.accept, "Escape": self.drop}
        layers = self.layers = PromptLayers(
            viewer, session.image, {**ways, UNDO: self.undo, REDO: self.redo}
        )
        self._volume = request.volume
        if (marks := self._put_by.pop(self._volume, None)) is not None:
            layers.draw_again(marks)
        layers.changed.connect(self._ask_soon)
        layers.show_side(inside=self.inside)
        layers.use(self.tool)
        for key, act in ways.items():
            viewer.bind_key(key, lambda _, act=act: act(), overwrite=True)
        viewer.dims.events.current_step.connect(self._on_slice)
        viewer.dims.events.order.connect(self._on_slice)
        viewer.layers.events.removed.connect(self._on_removed)
        self._hand.take(PROMPTS, self._put_away)
        session.run_in_event_loop(layers.enter_steps())
        session.submit("ready", partial(ready_steps, session.engine, request))
        self._hand.say("Click on an object. Enter accepts what you see, Esc drops it.")
        self.changed.emit()
        if marks is not None:
            self._ask_soon()

    def stop(self) -> None:
        """Take the layers for prompts away; marks that were not accepted come back with them."""
        self._hand.let_go(PROMPTS)

    def _put_away(self) -> None:
        layers = self.layers
        viewer = self.session.viewer
        if layers is None:
            return
        self.layers = self.found = None
        if viewer is not None:
            untouched = all(
                layer in viewer.layers for layer in (layers.image, *layers.layers)
            )  # taking one out drops the marks
            if untouched and (marks := layers.drawn_marks()):
                self._put_by[self._volume] = marks
            for key in WAY_OUT:
                viewer.bind_key(key, None, overwrite=True)
            viewer.dims.events.current_step.disconnect(self._on_slice)
            viewer.dims.events.order.disconnect(self._on_slice)
            viewer.layers.events.removed.disconnect(self._on_removed)
            layers.remove()
        self.changed.emit()

    # Drawing

    def use(self, tool: str) -> None:
        """Take a tool: point, box or scribble."""
        self.tool = tool
        if self.layers is not None:
            self.layers.use(tool)
        self.changed.emit()

    def mark_inside(self, inside: bool) -> None:
        """Choose whether the next marks lie in the object or outside it."""
        self.inside = inside
        if self.layers is not None:
            self.layers.show_side(inside=inside)
        self.changed.emit()

    def other_side(self) -> None:
        """Mark the other side from now on."""
        self.mark_inside(not self.inside)

    def aim(self, spec: ClassSpec) -> None:
        """Choose the class that objects are accepted into."""
        self._target = spec.name
        self._followed = False
        self._show(self.found)

    def ask(self) -> None:
        """Ask for the object that the marks on the slice shown point at."""
        if self.layers is None or self.layers.drawing:
            return
        if self.layers.forget_slip():
            self._hand.say(DRAG_A_BOX)
            return
        plane = self._shown()
        marks = None if plane is None else self.layers.read(plane)
        if marks is None or not (any(marks.inside) or marks.box):
            self._show(None)
        elif (request := self.session.ask()) is not None:
            before = self.found
            goes_on = (
                before is not None
                and before.request.slice == request
                and marks.continues(before.request.marks)
            )
            make = PromptRequest(request, marks, before if goes_on else None)
            self.session.submit("prompt", partial(prompt_steps, self.session.engine, make))
        self.layers.show_side(
            inside=self.inside
        )  # a click with Ctrl marked the other; while the network works

    def _ask_soon(self) -> None:
        """Ask once napari is done with the event that brought the news."""
        self.session.run_in_event_loop(self._ask_steps())

    def _ask_steps(self) -> Generator[None, None, None]:
        self.ask()
        yield

    def _on_found(self, found: Found) -> None:
        if (
            self.layers is None
            or found.plane != self._shown()
            or self.layers.read(found.plane) != found.request.marks
        ):
            return
        self._show(found)
        share = f"{grouped(int(found.patch.mask.sum()))} pixels, {min(max(found.quality, 0.0), 1.0):.0%} sure".replace(
            "%", " %"
        )
        self._hand.say(
            f"Object: {share}. Enter accepts it, Esc drops it."
            if found.patch.mask.any()
            else "Nothing is found there; add a point or a box."
        )

    def _show(self, found: Found | None) -> None:
        if found is None and self.found is not None:
            self._hand.unsay()  # that Enter accepts it
        self.found = found
        if self.layers is not None:
            plane = found.plane if found is not None else Plane()
            self.layers.show(plane, found.patch if found is not None else None)
        self.changed.emit()

    # Deciding

    def accept(self) -> None:
        """Return the object shown to the class."""
        if (found := self._at_hand()) is not None:
            steps = self._write_steps(
                found, [(found.plane, found.patch)], "on " + found.plane.describe() + "."
            )
            self.session.run_in_event_loop(steps, atomic=True)

    def drop(self) -> None:
        """Forget the object, with the marks that point at it."""
        if self.layers is not None and (plane := self._shown()) is not None:
            self.layers.clear(plane)
            self._show(None)
            self._hand.say("Dropped; nothing was changed.")

    def undo(self) -> None:
        """Take the object accepted last, or whatever was last done to the labels, back; one that is only shown is dropped with Esc."""
        if self.found is not None:
            self._hand.say(
                "The object shown is not accepted yet, so there is nothing to undo; Esc drops it."
            )
        else:
            self.session.part(Undoing).undo(self.session.labels)

    def redo(self) -> None:
        """Do again what was taken back."""
        self.session.part(Undoing).redo(self.session.labels)

    def carry(self) -> None:
        """Follow the object shown through the slices on both sides, and give it to the class on all of them."""
        if (found := self._at_hand()) is None:
            return
        if found.plane.axis is None:
            self.session.say(
                UserError(
                    "a 2-D image has no other slices to carry the object to; accept it instead"
                )
            )
            return
        self.session.status.emit(
            "Carrying the object through the slices; Cancel stops it and changes nothing."
        )
        self.session.submit(
            "carry",
            partial(propagate_both_ways, self.session.engine, PropagateRequest(found, self.reach)),
        )

    def _on_propagated(self, carried: PropagationBothWays) -> None:
        self.ends = tuple(way.stopped_at for way in carried.ways if way.stopped_at is not None)
        found = carried.request.found
        self.session.run_in_event_loop(
            self._write_steps(found, carried.patches, carried.describe()), atomic=True
        )

    def limit_propagation(self, reach: int) -> None:
        """Choose through how many slices on each side objects are carried."""
        self.reach = reach

    def go_to(self, position: int) -> None:
        """Show a slice at which an object stopped."""
        viewer = self.session.viewer
        image = self.session.image
        if (
            viewer is None
            or image is None
            or (plane := self._shown()) is None
            or plane.axis is None
        ):
            return
        index = [0] * image.ndim
        index[plane.axis] = position
        axis = plane.axis + viewer.dims.ndim - image.ndim
        viewer.dims.set_point(axis, image.data_to_world(index)[plane.axis])

    def _at_hand(self) -> Found | None:
        found = self.found
        if found is None or not found.patch.mask.any():
            self._hand.say(NOTHING_YET)
            return None
        return found

    def _write_steps(
        self, found: Found, objects: list[tuple[Plane, Patch]], where: str
    ) -> Generator[None, None, None]:
        session = self.session
        target = self.target
        output = self._output(found.request.slice) if target is not None else None
        if output is None or target is None:
            return
        reasons = {
            word: partial(protect, output.layer) for word, protect in session.protections.items()
        }
        changed, refused = yield from output.write_object_steps(objects, target.id, reasons)
        output.layer.selected_label = target.id
        self._forget_marks(found.request.slice)
        stay = "".join(
            f", {grouped(count)} are {word} and stay" for word, count in refused.items() if count
        )
        back = "; Ctrl+Z takes it back" if changed else ""
        session.status.emit(
            f"Accepted as {target.name} {where} {grouped(changed)} pixels changed{stay}{back}."
        )

    def _output(self, request: SliceRequest) -> OrganelleLabels | None:
        """Return the labels layer that takes what is found; the tool stays in hand, though napari selects a layer that is new."""
        before = self.session.labels
        output = self.session.output(request)
        if self.layers is not None and output is not None and output.layer is not before:
            self.layers.use(self.tool)
        return output

    def _forget_marks(self, request: SliceRequest) -> None:
        """Take the marks that led to something away, be they shown or put by."""
        if self.layers is not None and self._volume == request.volume:
            self.layers.clear(request.plane)
            self._show(None)
        elif (left := self._put_by.pop(request.volume, None)) is not None and (
            rest := left.without(request.plane)
        ):
            self._put_by[request.volume] = rest

    # Teaching

    def teach(self, name: str) -> None:
        """Learn a class from the points and scribbles on the slice shown."""
        request = self.session.ask(classes=True)
        plane = self._shown()
        if self.layers is None or request is None or plane is None:
            return
        try:
            spec = self._to_teach(name.strip())
        except UserError as error:
            self.session.say(error)
            return
        foreground, background = (
            self.layers.drawn(plane, inside=inside) for inside in (True, False)
        )
        again = any(known.spec == spec for known in self.session.taught)
        if not foreground.any() and not (again and background.any()):
            self.session.say(
                UserError(
                    f"nothing marks {spec.name!r}; draw scribbles on some of its objects first"
                )
            )
            return
        self._teaching = TeachRequest(request, spec, foreground, background)
        self.session.submit("teach", partial(teach_steps, self.session.engine, self._teaching))

    def _to_teach(self, name: str) -> ClassSpec:
        """Return the class of a name, which strokes may teach; what a checkpoint was trained on they must not replace."""
        session = self.session
        info = self.session.checkpoint
        trained = (
            {spec.name.casefold() for spec in info.classes if spec.name not in info.taught}
            if info is not None
            else set()
        )
        if not name:
            raise UserError("the new class has no name; write one in the field beside Teach")
        if name.casefold() in trained:
            raise UserError(
                f"the checkpoint knows {name!r} already and would lose it; take another name for what you teach"
            )
        labels = session.labels
        return class_to_teach(
            name, session.classes, classes_of(labels) or () if labels is not None else ()
        )

    def _on_taught(self, taught: TaughtClass) -> None:
        session = self.session
        spec = taught.spec
        again = any(known.spec == spec for known in session.taught)
        session.taught = (*(t for t in session.taught if t.spec != spec), taught)
        session.checkpoint_changed.emit()
        self._target = spec.name
        session.status.emit(
            f"{spec.name} is in the list of classes now. Where it is wrong, draw more and teach it again: strokes add up."
        )
        if (asked := self._teaching) is not None:
            self._forget_marks(asked.slice)
            session.note_embedded(asked.slice)
            if self._shown() == asked.slice.plane:
                self._output(asked.slice)
            if not again and not asked.background.any():
                show_info(ONE_SIDED)
            if not again and spec.over:
                show_info(
                    f"{spec.name} goes before {' and '.join(spec.over)}, found under its strokes till now."
                )
        session.choose_classes((spec,))  # what is found takes the place of the sentence above

    # What happens in the viewer

    def _shown(self) -> Plane | None:
        viewer = self.session.viewer
        layers = self.layers
        if viewer is None or layers is None:
            return None
        try:
            check_image(layers.image)
            return shown_plane(viewer, layers.image)
        except UserError:
            return None

    def _on_slice(self) -> None:
        self._show(None)
        self.ask()

    def _on_choices(self) -> None:
        if len(self.session.chosen) == 1:
            self._target = self.session.chosen[0].name
            self._followed = True
        self.changed.emit()

    def _on_image(self) -> None:
        if self.layers is not None and self.session.image is not self.layers.image:
            self.stop()

    def _on_removed(self) -> None:
        viewer = self.session.viewer
        layers = self.layers
        if (
            viewer is not None
            and layers is not None
            and any(layer not in viewer.layers for layer in layers.layers)
        ):
            self.stop()
