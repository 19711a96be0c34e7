"""What the user chose to segment and with which network.

`Choices` is the one owner: everyone else reads its fields, calls its verbs and listens to its
signals. A project stores what `Choices.switches`, `chosen` and `threshold_offsets` hold.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_scsam.config import ClassSpec, TaughtClass, UserError, VoxelSize
from napari_scsam.gui.layers.images import Sources
from napari_scsam.gui.layers.plane import check_image
from napari_scsam.gui.words import as_sentence

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_scsam.checkpoints.card import CheckpointInfo
    from napari_scsam.io.contrast import Contrast

SWITCHES = {"replace": False, "prefetch": True, "tta": False}
"""Names of the switches under Segment, as a project stores them, and their defaults."""


class Choices:
    """The image, the network, the classes and the switches that the user chose in one viewer."""

    image_changed = Signal()
    """The image layer, its voxel size or its contrast changed."""
    checkpoint_changed = Signal()
    """The checkpoint or the classes that it was taught changed."""
    network_outdated = Signal(bool)
    """The network must be loaded; emitted after `checkpoint_changed`.

    False: only the classes that it was taught changed.
    """
    choices_changed = Signal()
    """The classes to segment, their threshold offsets or a switch changed."""

    def __init__(self) -> None:
        self.image: Image | None = None
        self.checkpoint: CheckpointInfo | None = None
        self.taught: tuple[TaughtClass, ...] = ()
        """Classes that the network learned since it was chosen."""
        self.chosen: tuple[ClassSpec, ...] = ()
        """Classes to segment."""
        self._active = ""
        """Name of the class that was chosen alone, or that an object or strokes went to, last."""
        self.threshold_offsets: dict[str, float] = {}
        """What is added to the thresholds of classes, by name."""
        self.replace_edits = False
        """Whether segmenting may change the user's own pixels."""
        self.prefetch = True
        """Whether neighbouring slices are embedded in advance."""
        self.tta = False
        """Whether several views of a slice are averaged."""
        self._sources = Sources()
        self._sources.changed.connect(self.image_changed)

    # The image

    def choose_image(self, layer: Image | None) -> None:
        """Choose the layer to segment; `explain_voxel_size` says why it cannot be segmented."""
        if layer is not None:
            self._sources.volume(layer)
        self.image = layer
        self.image_changed.emit()

    def type_voxel_size(self, size: VoxelSize | None, image: Image | None = None) -> None:
        """Set the voxel size of a layer by hand.

        Parameters
        ----------
        size
            nm along z, y, x; None restores the layer's own.
        image
            The layer; by default the chosen one.
        """
        if image is None:
            image = self.image
        if image is not None:
            self._sources.type_size(image, size)

    def typed_voxel_size(self, image: Image) -> VoxelSize | None:
        """Return the voxel size that the user typed for an image."""
        return self._sources.typed_size(image)

    @property
    def voxel_size(self) -> VoxelSize | None:
        """Voxel size of the chosen layer, nm along z, y, x; None when unknown."""
        if self.image is None:
            return None
        return self._sources.voxel_size(self.image)

    def explain_voxel_size(self) -> str:
        """Return where the voxel size comes from, or why the image cannot be segmented."""
        if self.image is None:
            return "Choose an image layer, or open a file."
        try:
            check_image(self.image)
        except UserError as error:
            return as_sentence(str(error))
        trained = self.checkpoint.nm_per_pixel if self.checkpoint is not None else None
        return self._sources.explain_size(self.image, trained)

    def take_contrast_as_shown(self, shown: bool) -> None:
        """Choose whether the network gets the displayed contrast or that of the whole volume."""
        if self.image is not None:
            self._sources.take_contrast_as_shown(self.image, shown)

    @property
    def contrast(self) -> Contrast | None:
        """The contrast of the chosen layer, where the displayed one is used."""
        if self.image is None:
            return None
        return self._sources.contrast(self.image)

    def volume_of(self, image: Image) -> Hashable:
        """Return the identity of an image's pixels; replaced pixels have another one."""
        return self._sources.volume(image)

    def image_of(self, volume: Hashable) -> Image | None:
        """Return the layer that still has the pixels of this identity."""
        return self._sources.layer(volume)

    # The network

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """All classes that the network knows.

        A class of the checkpoint that was taught again has the precedence learned last.
        """
        own = self.checkpoint.classes if self.checkpoint is not None else ()
        taught = {known.spec: known.spec for known in self.taught}
        return (*(taught.pop(spec, spec) for spec in own), *taught.values())

    @property
    def taught_names(self) -> frozenset[str]:
        """Names, in lower case, of the classes that strokes taught, here or to the checkpoint."""
        names = [known.spec.name for known in self.taught]
        if self.checkpoint is not None:
            names += [*self.checkpoint.taught, *self.checkpoint.lessons]
        return frozenset(name.casefold() for name in names)

    def choose_checkpoint(self, info: CheckpointInfo) -> None:
        """Choose the network; classes stay chosen by name."""
        everything = self.chosen == self.classes
        names = {spec.name for spec in self.chosen}
        if info != self.checkpoint:
            self.taught = ()
        self.checkpoint = info
        self._choose_known(names, everything=everything)
        self.checkpoint_changed.emit()
        self.network_outdated.emit(True)

    def restore_taught(self, taught: Sequence[TaughtClass]) -> None:
        """Replace the classes that the network was taught, by those of a project for instance."""
        if self.checkpoint is None or tuple(taught) == self.taught:
            return
        everything = self.chosen == self.classes
        chosen = self.chosen
        self.taught = tuple(taught)
        kept = tuple(spec for spec in chosen if spec in self.classes)
        self.chosen = self.classes if everything or not kept else kept
        self.checkpoint_changed.emit()
        self.network_outdated.emit(False)

    def add_taught(self, known: TaughtClass) -> None:
        """Add a class that the loaded network has just learned, or has learned better."""
        self.taught = (*(t for t in self.taught if t.spec != known.spec), known)
        self.checkpoint_changed.emit()

    def forget(self, known: TaughtClass) -> None:
        """Remove a class that the network was taught; labels that hold it stay."""
        self.threshold_offsets.pop(known.spec.name, None)
        self.restore_taught([taught for taught in self.taught if taught is not known])

    # The classes and the switches

    @property
    def active(self) -> ClassSpec | None:
        """The class being worked on; None where there are no classes.

        Objects are added to it, strokes teach it, and it is painted with.
        """
        classes = self.classes
        for spec in classes:
            if spec.name == self._active:
                return spec
        if not classes:
            return None
        return classes[0]

    def work_on(self, spec: ClassSpec) -> None:
        """Choose the class being worked on; several classes to segment stay chosen."""
        self._active = spec.name
        if len(self.chosen) == 1 and spec in self.classes:
            self.chosen = (spec,)
        self.choices_changed.emit()

    def choose_classes(self, classes: Sequence[ClassSpec]) -> None:
        """Choose what to segment; the class being worked on becomes one of them."""
        self.chosen = tuple(classes)
        self._follow_chosen()
        self.choices_changed.emit()

    def _follow_chosen(self) -> None:
        active = self.active
        if self.chosen and active not in self.chosen:
            self._active = self.chosen[0].name

    def set_threshold_offset(self, offset: float) -> None:
        """Set what is added to the thresholds of the chosen classes."""
        for spec in self.chosen:
            self.threshold_offsets[spec.name] = offset
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

    @property
    def switches(self) -> dict[str, bool]:
        """The switches under Segment, by the names in `SWITCHES`."""
        return {"replace": self.replace_edits, "prefetch": self.prefetch, "tta": self.tta}

    def restore(
        self,
        names: Sequence[str],
        threshold_offsets: Mapping[str, float],
        *,
        replace: bool,
        prefetch: bool,
        tta: bool,
    ) -> None:
        """Restore the choices that a project stores; nothing is segmented.

        Parameters
        ----------
        names
            Of the classes to segment; all classes where the network knows none of them.
        threshold_offsets
            By the name of the class.
        replace, prefetch, tta
            The `switches`.
        """
        self._choose_known(names)
        self.threshold_offsets = dict(threshold_offsets)
        self.replace_edits = replace
        self.prefetch = prefetch
        self.tta = tta
        self.choices_changed.emit()

    def _choose_known(self, names: Iterable[str], *, everything: bool = False) -> None:
        """Choose the classes of these names that the network knows; all where it knows none."""
        wanted = set(names)
        kept = tuple(spec for spec in self.classes if spec.name in wanted)
        self.chosen = self.classes if everything or not kept else kept
        self._follow_chosen()
