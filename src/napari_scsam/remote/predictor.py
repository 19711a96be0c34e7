"""A predictor whose network is on a server: the methods of `Predictor` that windows use."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_scsam.config import ClassSpec, TaughtClass, UserError
from napari_scsam.errors import NoClassesError
from napari_scsam.infer.current_slice import CurrentSlice
from napari_scsam.infer.patch import Patch
from napari_scsam.infer.propagation import Propagation, PropagationLimits
from napari_scsam.io.contrast import Contrast
from napari_scsam.remote.arrays import pack, unpack
from napari_scsam.remote.asked import Embed, MapOf, Prompt, RestoreTaught, SaveModel, Segment, Teach
from napari_scsam.remote.asking import PATIENCE
from napari_scsam.remote.checkpoints import fetch_file_steps
from napari_scsam.remote.connection import Connection
from napari_scsam.remote.following import sent_propagation_steps
from napari_scsam.remote.line import StateLostError
from napari_scsam.remote.parts import Spec, TaughtSpec
from napari_scsam.remote.remote_answer import RemoteAnswer, as_answer, prompt_request
from napari_scsam.remote.remote_slice import RemoteSlice, SliceNames, remote_slice
from napari_scsam.remote.session import RemoteSession
from napari_scsam.steps import Steps, drive


class RemotePredictor(CurrentSlice[RemoteSlice]):
    """Segments slices with a network on a server; used from one thread only.

    Its methods are those of `napari_scsam.infer.predictor.Predictor`. Those whose names end in
    ``_steps`` yield while they wait, and can be closed. A request is asked again after a cut.

    Parameters
    ----------
    line
        To the server; started when it is first needed.
    patience
        Seconds to wait for a line that was cut.
    """

    def __init__(self, line: Connection, patience: float = PATIENCE) -> None:
        self.line = line
        self.tta = False
        self.coarse = False
        self.session = RemoteSession(line, patience)
        self._names = SliceNames()

    # The network

    def load_steps(self, checkpoint: str, taught: Sequence[TaughtClass] = ()) -> Steps[Any]:
        """Load a checkpoint by its name on the server, with classes that were taught before."""
        loaded = yield from self.session.load_steps(checkpoint, taught)
        return loaded

    @property
    def device(self) -> str:
        """What computes, and where, e.g. ``"cuda on gpu.lab.org"``."""
        device = self.line.state.device
        if self.session.loaded is not None:
            device = self.session.loaded.device
        return f"{device or 'server'} on {self.line.address.host}"

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """The classes that the network knows."""
        return tuple(spec.spec() for spec in self._loaded.classes)

    @property
    def own_classes(self) -> tuple[ClassSpec, ...]:
        """The classes of the checkpoint, without those taught since."""
        return tuple(spec.spec() for spec in self._loaded.own_classes)

    @property
    def taught_names(self) -> frozenset[str]:
        """Lower-case names of the classes that strokes taught."""
        return frozenset(self._loaded.lessons)

    @property
    def nm_per_pixel(self) -> float | None:
        """Size of a pixel that the network was trained at."""
        size: float | None = self._loaded.nm_per_pixel
        return size

    def need_classes(self) -> None:
        """Raise a `NoClassesError` if the network has learned no classes."""
        if self._loaded.network["config"].get("prompts_only"):
            raise NoClassesError

    @property
    def _loaded(self) -> Any:
        if self.session.loaded is None:
            raise UserError("no checkpoint is loaded on the server; load one first")
        return self.session.loaded

    # Slices

    def prepare(
        self,
        image: ArrayLike,
        voxel_size: Sequence[float] | float | None = None,
        *,
        contrast: Contrast | None = None,
        key: Hashable | None = None,
    ) -> RemoteSlice:
        """Return a slice for `set_slice` or `embed_steps`; nothing is sent yet."""
        name = self._names.of(key)
        return remote_slice(image, voxel_size, contrast, key, name, coarse=self.coarse)

    def embed_steps(self, slice_: RemoteSlice | None = None) -> Steps[None]:
        """Embed a slice, by default the current one, so that a click on it is answered at once."""
        chosen = slice_ or self.slice
        request = Embed(id=0, slice=chosen.ref, careful=self.tta)
        yield from self.session.ask_steps(lambda: request, [chosen])

    # Classes

    def segment_steps(
        self,
        names: Sequence[str] | None = None,
        threshold_offsets: Mapping[str, float] | None = None,
    ) -> Steps[NDArray[Any]]:
        """Label the current slice: Y×X class ids, 0 background."""
        slice_ = self.slice
        request = Segment(
            id=0,
            slice=slice_.ref,
            careful=self.tta,
            classes=None if names is None else tuple(names),
            offsets=dict(threshold_offsets or {}),
        )
        found = yield from self.session.ask_steps(lambda: request, [slice_])
        return unpack(found.labels)

    def segment(self, names: Sequence[str] | None = None) -> NDArray[Any]:
        """Label the current slice: Y×X class ids, 0 background."""
        return drive(self.segment_steps(names))

    def logits_steps(self, names: Sequence[str] | None = None) -> Steps[NDArray[np.float32]]:
        """Compute logits of classes on the current slice, K×Y×X."""
        chosen = None if names is None else tuple(names)
        return self._map_steps("logits", chosen)

    def class_logits(self, names: Sequence[str] | None = None) -> NDArray[np.float32]:
        """Return logits of classes on the current slice, K×Y×X."""
        return drive(self.logits_steps(names))

    def probability_steps(self, name: str) -> Steps[NDArray[np.float32]]:
        """Compute the probability of a class on the current slice, Y×X in 0..1."""
        maps = yield from self._map_steps("probability", (name,))
        first: NDArray[np.float32] = maps[0]
        return first

    def similarity_steps(self, classes: Sequence[ClassSpec]) -> Steps[NDArray[np.float32]]:
        """Compute the similarity of the current slice to K class prototypes, K×Y×X."""
        return self._map_steps("similarity", tuple(spec.name for spec in classes))

    def _map_steps(self, kind: Any, names: tuple[str, ...] | None) -> Steps[NDArray[np.float32]]:
        slice_ = self.slice
        request = MapOf(id=0, slice=slice_.ref, careful=self.tta, kind=kind, classes=names)
        found = yield from self.session.ask_steps(lambda: request, [slice_])
        return unpack(found.maps)

    # Objects

    def prompt_steps(
        self,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        boxes: ArrayLike | None = None,
        masks: RemoteAnswer | None = None,
    ) -> Steps[RemoteAnswer]:
        """Segment objects by points and boxes; parameters are those of `Predictor.predict_prompts`."""
        slice_ = self.slice
        request = prompt_request(slice_, points, labels, boxes, careful=self.tta)
        return (yield from self._answer_steps(slice_, request, masks))

    def predict_prompts(
        self,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        boxes: ArrayLike | None = None,
        masks: RemoteAnswer | None = None,
    ) -> RemoteAnswer:
        """Segment objects by points and boxes, and wait for the answer."""
        return drive(self.prompt_steps(points, labels, boxes, masks))

    def _answer_steps(
        self, slice_: RemoteSlice, request: Prompt, earlier: RemoteAnswer | None
    ) -> Steps[RemoteAnswer]:
        """Ask for objects; an earlier answer that the server has dropped is asked for first."""
        while True:
            if earlier is not None and earlier.session != self.session.number:
                yield from self._renew_steps(earlier)
            number = None if earlier is None else earlier.number
            full = request.model_copy(update={"earlier": number})
            try:
                found = yield from self.session.ask_steps(_returning(full), [slice_])
            except StateLostError:
                if earlier is None:
                    raise
                earlier.session = 0
                continue
            return as_answer(found, slice_, request, earlier, self.session.number)

    def _renew_steps(self, answer: RemoteAnswer) -> Steps[None]:
        """Ask for an answer again, so that another one can refine it."""
        again = yield from self._answer_steps(answer.asked_on, answer.request, answer.earlier)
        answer.number = again.number
        answer.session = again.session

    def propagate_steps(
        self,
        first: RemoteSlice,
        start: Patch,
        beyond: Iterable[tuple[int, RemoteSlice]],
        count: int,
        limits: PropagationLimits | None = None,
    ) -> Steps[Propagation]:
        """Propagate an object through neighbouring slices; as `infer.propagate.propagate_steps`."""
        return sent_propagation_steps(self.session, first, start, beyond, count, limits)

    # Strokes

    def teach_steps(
        self,
        name: str | ClassSpec,
        foreground: ArrayLike,
        background: ArrayLike | None = None,
        *,
        replace_earlier: bool = False,
    ) -> Steps[ClassSpec]:
        """Learn a class from strokes on the current slice; parameters as of `Predictor.teach`."""
        slice_ = self.slice
        request = Teach(
            id=0,
            slice=slice_.ref,
            careful=self.tta,
            name=name if isinstance(name, str) else "",
            spec=None if isinstance(name, str) else Spec.of(name),
            foreground=pack(np.asarray(foreground, bool)),
            background=None if background is None else pack(np.asarray(background, bool)),
            replace_earlier=replace_earlier,
        )
        learned = yield from self.session.ask_steps(lambda: request, [slice_])
        spec: ClassSpec = learned.spec.spec()
        self.session.taught[spec.name.casefold()] = learned.taught.taught()
        self.session.loaded = self._loaded.model_copy(
            update={"classes": learned.classes, "lessons": learned.lessons}
        )
        return spec

    def teach(
        self,
        name: str | ClassSpec,
        foreground: ArrayLike,
        background: ArrayLike | None = None,
        *,
        replace_earlier: bool = False,
    ) -> ClassSpec:
        """Learn a class from strokes on the current slice, and wait for it."""
        steps = self.teach_steps(name, foreground, background, replace_earlier=replace_earlier)
        return drive(steps)

    def taught(self, spec: ClassSpec) -> TaughtClass:
        """Return what `restore_taught` needs to know a class again.

        Raises
        ------
        UserError
            When nothing taught it here.
        """
        known = self.session.taught.get(spec.name.casefold())
        if known is None:
            raise UserError(f"{spec.name} was not taught by strokes; teach it first")
        return known

    def restore_steps(self, taught: Sequence[TaughtClass]) -> Steps[None]:
        """Know the checkpoint's own classes and those given, and no others."""
        self.session.taught = {each.spec.name.casefold(): each for each in taught}
        request = RestoreTaught(id=0, taught=tuple(map(TaughtSpec.of, taught)))
        self.session.loaded = yield from self.session.ask_steps(lambda: request)

    def restore_taught(self, taught: Sequence[TaughtClass]) -> None:
        """Know the checkpoint's own classes and those given, and no others."""
        drive(self.restore_steps(taught))

    def save_steps(self, path: Path, summary: str = "") -> Steps[Path]:
        """Write the network, with what it was taught, as a checkpoint on this computer."""
        return (yield from fetch_file_steps(self.session, SaveModel(id=0, summary=summary), path))


def _returning(request: Prompt) -> Any:
    """Return a function that returns a request."""
    return lambda: request
