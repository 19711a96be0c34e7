"""What the annotator works with: bare hands, a U-Net, or the network with all that it offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from benchmarks.accuracy.pixels import PixelPredictor
from benchmarks.loop.asking import Answers, NetworkAnswers
from benchmarks.loop.cases import Picture
from benchmarks.loop.regions import Mask

from napari_scsam.config import TaughtClass
from napari_scsam.infer.predictor import Predictor
from napari_scsam.infer.prepared_slice import resample, zoomed
from napari_scsam.infer.tiling import zoom_to
from napari_scsam.io.contrast import Contrast, normalise

UNIT = Contrast(0.0, 1.0)
"""Of grey values that are in 0..1 already."""


class Tool(Protocol):
    """What the annotator works with, for one class."""

    def look(self, picture: Picture) -> Mask:
        """Return what is labelled on a slice before it is corrected, Y×X."""
        ...

    def answers(self) -> Answers | None:
        """Return what answers prompts on the slice that was looked at last, if anything does."""
        ...


class ByHand:
    """Labels nothing."""

    def look(self, picture: Picture) -> Mask:
        """Return an empty mask."""
        return np.zeros_like(picture.truth)

    def answers(self) -> None:
        """Return that nothing answers prompts."""


class ByUNet:
    """Labels what a U-Net finds; a class that it was not trained on stays empty.

    Parameters
    ----------
    unet
        Segments slices at `nm_per_pixel`.
    class_name
        To be labelled.
    nm_per_pixel
        To which slices are resampled, as for the network.
    """

    def __init__(self, unet: PixelPredictor, class_name: str, nm_per_pixel: float) -> None:
        self._unet = unet
        self.class_name = class_name
        self._nm_per_pixel = nm_per_pixel

    def look(self, picture: Picture) -> Mask:
        """Return what it finds on a slice."""
        ids = {c.name: c.id for c in self._unet.classes}
        if self.class_name not in ids:
            return np.zeros_like(picture.truth)
        shape = (picture.truth.shape[0], picture.truth.shape[1])
        grey = normalise(picture.grey, picture.contrast)
        zoom = zoom_to(self._nm_per_pixel, picture.voxel_size)
        unit = resample(grey[None], zoomed(shape, zoom))[0]
        self._unet.set_image(unit, contrast=UNIT)
        found = self._unet.segment([self.class_name]) == ids[self.class_name]
        mask: Mask = resample(found[None].astype(np.float32), shape)[0] > 0.5
        return mask

    def replace(self, unet: PixelPredictor) -> None:
        """Use another U-Net."""
        self._unet = unet

    def answers(self) -> None:
        """Return that nothing answers prompts."""


class ByNetwork:
    """Labels what the network finds, and answers clicks and boxes.

    Parameters
    ----------
    predictor
        Changed by `teach`.
    class_name
        To be labelled; a class that the network does not know stays empty until it is taught.
    """

    def __init__(self, predictor: Predictor, class_name: str) -> None:
        self.predictor = predictor
        self.class_name = class_name
        self._taught: tuple[TaughtClass, ...] = ()
        self._before: tuple[TaughtClass, ...] = ()

    def look(self, picture: Picture) -> Mask:
        """Return what it finds on a slice."""
        self.show(picture)
        ids = {c.name: c.id for c in self.predictor.classes}
        if self.class_name not in ids:
            return np.zeros_like(picture.truth)
        mask: Mask = self.predictor.segment([self.class_name]) == ids[self.class_name]
        return mask

    def show(self, picture: Picture) -> None:
        """Set the slice that everything is about."""
        self.predictor.set_image(picture.grey, picture.voxel_size, contrast=picture.contrast)

    def answers(self) -> NetworkAnswers:
        """Return the network's clicks and boxes."""
        return NetworkAnswers(self.predictor)

    def teach(self, picture: Picture, on: Mask, beside: Mask) -> None:
        """Teach the class by strokes on a slice."""
        self.show(picture)
        self._before = self._taught
        spec = self.predictor.teach(self.class_name, on, beside)
        self._taught = (self.predictor.taught(spec),)

    def forget_last(self) -> None:
        """Forget what was taught last."""
        self._taught = self._before
        self.predictor.restore_taught(self._taught)

    def replace(self, predictor: Predictor) -> None:
        """Use another network, which was taught nothing."""
        self.predictor = predictor
        self._taught = ()
