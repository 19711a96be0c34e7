"""What the user chose to segment and with which network.

`Choices` is the one owner: everyone else reads its fields, calls its verbs and listens to its
signals. A project stores what `Choices.switches`, `chosen` and `threshold_offsets` hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.checkpoints.beside import keep_beside, settle_classes
from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.gui.image_choice import ImageChoice
from napari_scsam.gui.own_classes import OwnTables, key_of, merge_classes, renumbered

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_scsam.checkpoints.card import CheckpointInfo

SWITCHES = {"replace": False, "prefetch": True, "tta": False, "coarse": False}
"""Names of the switches under Segment, as a project stores them, and their defaults."""


class Choices(ImageChoice):
    """The image, the network, the classes and the switches that the user chose in one viewer."""

    checkpoint_changed = Signal()
    """The checkpoint or the classes that it was taught changed."""
    network_outdated = Signal(bool)
    """The network must be loaded; emitted after `checkpoint_changed`.

    False: only the classes that it was taught changed.
    """
    choices_changed = Signal()
    """The classes to segment, their threshold offsets or a switch changed."""
    page_changed = Signal()
    """Another tab is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.taught: tuple[TaughtClass, ...] = ()
        """Classes that the network learned since it was chosen."""
        self.chosen: tuple[ClassSpec, ...] = ()
        """Classes to segment."""
        self._active = ""
        """Key of the class that was chosen alone, or that an object or strokes went to, last."""
        self._tables = OwnTables()
        self.relisting = False
        """Whether the list of classes or the tab changes, and not which classes are chosen."""
        self.order: tuple[int, ...] = ()
        """Ids of classes in the order of lists; others follow."""
        self.page = ""
        """Title of the tab shown."""
        self.threshold_offsets: dict[str, float] = {}
        """What is added to the thresholds of classes, by the name that networks know."""
        self.replace_edits = False
        """Whether segmenting may change the user's own pixels."""
        self.prefetch = True
        """Whether neighbouring slices are embedded in advance."""
        self.tta = False
        """Whether several views of a slice are averaged."""
        self.coarse = False
        """Whether the image is never enlarged to the network's pixel size."""

    # The image

    def choose_image(self, layer: Image | None) -> None:
        """Choose the layer to segment; `explain_voxel_size` says why it cannot be segmented."""
        with self._keeping_choice():
            self.note_image(layer)
            self._settle_ids()
        self.image_changed.emit()

    # The network

    @property
    def network_classes(self) -> tuple[ClassSpec, ...]:
        """What the network can segment, under its own names and ids.

        A class of the checkpoint that was taught again has the precedence learned last. The classes
        of networks beside it follow, with ids and names that are free.
        """
        if self.checkpoint is None:
            return tuple(known.spec for known in self.taught)
        taught = {known.spec: known.spec for known in self.taught}
        own = [taught.pop(spec, spec) for spec in self.checkpoint.own_classes]
        known = [*own, *taught.values()]
        for other in self.checkpoint.beside:
            known += settle_classes(known, other.classes, other.name)
        return tuple(known)

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """All classes as the user calls them: what the network knows, and those of the labels."""
        return merge_classes(self.network_classes, self.own, self.order)

    @property
    def own(self) -> tuple[ClassSpec, ...]:
        """The class table of the labels of the chosen image; empty before they have one."""
        return self._tables.of(self.image)

    def set_own(self, own: Sequence[ClassSpec]) -> None:
        """Set the class table of the labels of the chosen image; classes stay chosen."""
        if tuple(own) == self.own:
            return
        active = self.active
        with self._keeping_choice():
            self._tables.store(self.image, own)
            self._settle_ids()
            if active is not None and self.current(active) is None:
                self._active = self._key_of_id(active.id)

    def set_order(self, order: Sequence[int]) -> None:
        """Set the order of the classes in lists."""
        with self._keeping_choice():
            self.order = tuple(order)

    @contextmanager
    def _keeping_choice(self) -> Iterator[None]:
        """Keep classes chosen while their list changes, and emit what that changes."""
        before = self.classes
        everything = self.chosen == before
        chosen = self.chosen
        yield
        keys = {key_of(spec) for spec in chosen}
        keys |= {self._key_of_id(spec.id) for spec in chosen if self.current(spec) is None}
        self._choose_known(keys, everything=everything)
        if self.classes != before:
            self.relisting = True
            self.checkpoint_changed.emit()
            self.choices_changed.emit()
            self.relisting = False

    def _key_of_id(self, number: int) -> str:
        """Return the key of the class with an id, which may have another name now."""
        return next((key_of(spec) for spec in self.classes if spec.id == number), "")

    def can_segment(self, spec: ClassSpec) -> bool:
        """Whether the network knows a class."""
        return key_of(spec) in {key_of(known) for known in self.network_classes}

    def current(self, spec: ClassSpec) -> ClassSpec | None:
        """Return a class as it is called now; None when it is not in the list any more."""
        return next((known for known in self.classes if key_of(known) == key_of(spec)), None)

    @property
    def taught_names(self) -> frozenset[str]:
        """Names, in lower case, of the classes that strokes taught, here or to the checkpoint."""
        names = [known.spec.name for known in self.taught]
        if self.checkpoint is not None:
            names += [*self.checkpoint.taught, *self.checkpoint.lessons]
        return frozenset(name.casefold() for name in names)

    def exchange_checkpoint(self, info: CheckpointInfo) -> None:
        """Choose another network; those beside the one before stay, where they can."""
        self.choose_checkpoint(keep_beside(info, self.checkpoint))

    def choose_checkpoint(self, info: CheckpointInfo) -> None:
        """Choose the network, with those beside it; classes stay chosen by name."""
        everything = self.chosen == self.classes
        keys = {key_of(spec) for spec in self.chosen}
        if self.checkpoint is None or info.alone != self.checkpoint.alone:
            self.taught = ()
        self.checkpoint = info
        self._settle_ids()
        self._choose_known(keys, everything=everything)
        self._follow_chosen()
        self.checkpoint_changed.emit()
        self.network_outdated.emit(True)

    def _settle_ids(self) -> None:
        """Renumber classes of the network that clash with those of the labels, for good."""
        clashing = renumbered(self.network_classes, self.own)
        if clashing:
            self._tables.store(self.image, (*self.own, *clashing))

    def restore_taught(self, taught: Sequence[TaughtClass]) -> None:
        """Replace the classes that the network was taught, by those of a project for instance."""
        if self.checkpoint is None or tuple(taught) == self.taught:
            return
        everything = self.chosen == self.classes
        keys = {key_of(spec) for spec in self.chosen}
        self.taught = tuple(taught)
        self._choose_known(keys, everything=everything)
        self.checkpoint_changed.emit()
        self.network_outdated.emit(False)

    def add_taught(self, known: TaughtClass) -> None:
        """Add a class that the loaded network has just learned, or has learned better."""
        self.taught = (*(t for t in self.taught if t.spec != known.spec), known)
        self.checkpoint_changed.emit()

    def forget(self, known: TaughtClass) -> None:
        """Remove a class that the network was taught; labels that hold it stay."""
        self.threshold_offsets.pop(known.spec.known_as, None)
        self.restore_taught([taught for taught in self.taught if taught is not known])

    # The classes and the switches

    @property
    def active(self) -> ClassSpec | None:
        """The class being worked on; None where there are no classes.

        Objects are added to it, strokes teach it, and it is painted with.
        """
        classes = self.classes
        for spec in classes:
            if key_of(spec) == self._active:
                return spec
        if not classes:
            return None
        return classes[0]

    def work_on(self, spec: ClassSpec) -> None:
        """Choose the class being worked on; several classes to segment stay chosen."""
        self._active = key_of(spec)
        current = self.current(spec)
        if len(self.chosen) == 1 and current is not None:
            self.chosen = (current,)
        self.choices_changed.emit()

    def choose_classes(self, classes: Sequence[ClassSpec]) -> None:
        """Choose what to segment; the class being worked on becomes one of them."""
        self.chosen = tuple(classes)
        self._follow_chosen()
        self.choices_changed.emit()

    def _follow_chosen(self) -> None:
        active = self.active
        if self.chosen and active not in self.chosen:
            self._active = key_of(self.chosen[0])

    def set_threshold_offset(self, offset: float) -> None:
        """Set what is added to the thresholds of the chosen classes."""
        for spec in self.chosen:
            self.threshold_offsets[spec.known_as] = offset
        self.choices_changed.emit()

    def set_replace_edits(self, replace: bool) -> None:
        """Choose whether segmenting may change the user's own pixels."""
        self.replace_edits = replace
        self.choices_changed.emit()

    def set_prefetch(self, prefetch: bool) -> None:
        """Choose whether neighbouring slices are embedded while the user looks at one."""
        self.prefetch = prefetch
        self.choices_changed.emit()

    def set_tta(self, tta: bool) -> None:
        """Choose whether several views of a slice are averaged; existing labels stay."""
        self.tta = tta
        self.choices_changed.emit()

    def set_coarse(self, coarse: bool) -> None:
        """Choose whether the image is never enlarged, for a first look; existing labels stay."""
        self.coarse = coarse
        self.choices_changed.emit()

    @property
    def switches(self) -> dict[str, bool]:
        """The switches under Segment, by the names in `SWITCHES`."""
        return {
            "replace": self.replace_edits,
            "prefetch": self.prefetch,
            "tta": self.tta,
            "coarse": self.coarse,
        }

    def show_page(self, title: str) -> None:
        """Note which tab is shown."""
        if title != self.page:
            self.page = title
            self.page_changed.emit()

    def restore(
        self,
        names: Sequence[str],
        threshold_offsets: Mapping[str, float],
        *,
        replace: bool,
        prefetch: bool,
        tta: bool,
        coarse: bool,
        active: str = "",
        order: Sequence[int] = (),
        page: str = "",
    ) -> None:
        """Restore the choices that a project stores; nothing is segmented.

        Parameters
        ----------
        names
            Of the classes to segment, as networks know them; all where none is in the list.
        threshold_offsets
            By the name of the class.
        replace, prefetch, tta, coarse
            The `switches`.
        active
            The class being worked on, by the name that networks know.
        order, page
            Of the classes in lists, and the title of the tab shown.
        """
        self.order = tuple(order)
        self.page = page
        self._choose_known(name.casefold() for name in names)
        self._follow_chosen()
        if active.casefold() in {key_of(spec) for spec in self.classes}:
            self._active = active.casefold()
        self.threshold_offsets = dict(threshold_offsets)
        self.replace_edits = replace
        self.prefetch = prefetch
        self.tta = tta
        self.coarse = coarse
        self.choices_changed.emit()

    def _choose_known(self, keys: Iterable[str], *, everything: bool = False) -> None:
        """Choose the classes of these keys; all where there are none."""
        wanted = set(keys)
        kept = tuple(spec for spec in self.classes if key_of(spec) in wanted)
        # Several classes are chosen to be segmented; one alone may be painted.
        kept = tuple(spec for spec in kept if self.can_segment(spec)) or kept
        self.chosen = self.classes if everything or not kept else kept
