"""Imported networks beside a predictor's own: each at its own pixel size and contrast.

Within a network, classes compete for pixels as its output means them. Where two networks find
something in one pixel, the one that is more certain of it is right.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_scsam.checkpoints.beside import settle_classes
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.infer.class_decoder import ClassDecoder
from napari_scsam.infer.postprocess import label_dtype
from napari_scsam.infer.prepared_slice import Slice
from napari_scsam.infer.tile_encoder import weights_hash
from napari_scsam.io.contrast import Contrast
from napari_scsam.model import ScSAM
from napari_scsam.steps import Steps


class PartialAnswer(NamedTuple):
    """What one network found of a slice."""

    labels: NDArray[Any]
    """Y×X, with the requested classes alone."""
    certainty: NDArray[np.float32]
    """Y×X, the highest logit above its threshold."""


class BesideNetworks:
    """The imported networks beside the network of a predictor.

    Parameters
    ----------
    model
        With the networks in its `beside`.
    make
        Creates what runs one of them.
    """

    def __init__(self, model: ScSAM, make: Callable[[ScSAM], ClassDecoder]) -> None:
        self._model = model
        self._decoders = [make(network) for network in model.beside]

    def tables(self) -> list[tuple[ClassSpec, ...]]:
        """Return the classes of each network, whose ids and names are free in the model.

        They may differ from the networks' own once strokes have taught the model a class.
        """
        found: list[tuple[ClassSpec, ...]] = []
        known = list(self._model.classes)
        for decoder in self._decoders:
            network = decoder.model
            found.append(settle_classes(known, network.classes, getattr(network, "name", "")))
            known += found[-1]
        return found

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """The classes of all networks."""
        return tuple(spec for table in self.tables() for spec in table)

    def check_teachable(self, name: str) -> None:
        """Check that a class is none of theirs, as they learn nothing.

        Raises
        ------
        UserError
            When it is.
        """
        if name.casefold() in {spec.name.casefold() for spec in self.classes}:
            raise UserError(
                f"{name} is found by an imported network, which learns nothing from strokes; "
                "teach a class of another name"
            )

    def prepare(
        self,
        slice_: Slice,
        pixels: NDArray[Any],
        voxel_size: Sequence[float] | float | None,
        contrast: Contrast | None,
        key: Hashable | None,
    ) -> Slice:
        """Return a slice that holds itself as each network sees it, too."""
        if not self._decoders:
            return slice_
        seen = tuple(
            decoder.prepare(pixels, voxel_size, contrast=contrast, key=key)
            for decoder in self._decoders
        )
        return replace(slice_, beside=seen)

    def logits_steps(
        self, slice_: Slice, classes: Sequence[ClassSpec], *, tta: bool
    ) -> Steps[dict[str, NDArray[np.float32]]]:
        """Compute logits of classes of these networks on a slice, Y×X by their names."""
        maps: dict[str, NDArray[np.float32]] = {}
        for number, table in enumerate(self.tables()):
            rows = [row for row, spec in enumerate(table) if spec in classes]
            if rows:
                decoder = self._decoders[number]
                decoder.tta = tta
                decoder.set_slice(slice_.beside[number])
                wanted = [decoder.model.classes[row] for row in rows]
                found = yield from decoder.network_logits_steps(wanted)
                maps.update({table[row].name: each for row, each in zip(rows, found, strict=True)})
        return maps

    def competing(self, requested: Sequence[ClassSpec]) -> list[ClassSpec]:
        """Return all classes of those networks of which one is requested."""
        tables = [table for table in self.tables() if any(spec in requested for spec in table)]
        return [spec for table in tables for spec in table]

    def rows_by_network(self, classes: Sequence[ClassSpec]) -> list[list[int]]:
        """Return the rows of classes that each network finds: the model's first, if there are any."""
        tables = [self._model.classes, *self.tables()]
        groups = [[row for row, spec in enumerate(classes) if spec in table] for table in tables]
        return [rows for rows in groups if rows]

    def forget_embeddings(self) -> None:
        """Forget what was computed of tiles."""
        for decoder in self._decoders:
            decoder.embeddings.clear()


def merge_answers(answers: Sequence[PartialAnswer], classes: Sequence[ClassSpec]) -> NDArray[Any]:
    """Return the labels of several networks as one, Y×X; the more certain one is right."""
    labels = np.zeros(answers[0].labels.shape, label_dtype(classes))
    highest = np.full(labels.shape, -np.inf, np.float32)
    for answer in answers:
        wins = (answer.labels > 0) & (answer.certainty > highest)
        labels[wins] = answer.labels[wins]
        highest[wins] = answer.certainty[wins]
    return labels


def networks_hash(model: ScSAM) -> str:
    """Return a hash of the weights of a model and of the networks beside it."""
    return weights_hash(model, *model.beside)
