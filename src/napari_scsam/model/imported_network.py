"""A network that was made elsewhere, behind the questions about classes that a ScSAM answers.

It maps a tile to one map for each class, and has no prompts. Its maps take the place of the
embedding of a ScSAM. So tiles, views, averaging and labels are those of every other checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_scsam.config import ClassSpec, parse_classes
from napari_scsam.errors import ImportedNetworkError
from napari_scsam.io.contrast import Contrast
from napari_scsam.model import Embedding, EncoderFeatures, ScSAM
from napari_scsam.model.class_prompt import ClassPromptEncoder
from napari_scsam.model.scsam_config import ScSAMConfig

SMALLEST_SHARE = 1e-6
"""Probabilities are kept this far from 0 and 1, where their logits are infinite."""

LEAST_SPREAD = 1e-6
"""Standard deviation of grey values below which a tile is not divided by it."""


@dataclass(frozen=True)
class ImportedForm:
    """What an imported network takes and returns."""

    kind: str
    """``"onnx"`` or ``"torchscript"``."""
    channel_of: tuple[int, ...]
    """Channel of its output for each class, in the order of the class table."""
    background: int | None = None
    """Channel of the background, which shares a softmax with the classes; None: each class has a
    sigmoid of its own."""
    probabilities: bool = False
    """Whether it returns probabilities; else logits."""
    output: str = ""
    """Name or number of the output; empty for the only one."""
    channels: int = 1
    """Channels of its input; the grey values are repeated in each."""
    fixed: tuple[int, int] | None = None
    """(H, W) of its input, if it takes no other."""
    multiple: int = 16
    """Sides of its input are multiples of this."""
    black: float = 0.0
    """Value of its input for the black of the contrast."""
    white: float = 1.0
    """Value of its input for the white of the contrast."""
    standardise: bool = False
    """Whether each tile is brought to mean 0 and standard deviation 1 instead."""
    full_range: bool = False
    """Whether integers are divided by their largest value; else the contrast is measured."""


@dataclass(frozen=True)
class ImportedConfig(ScSAMConfig):
    """The settings of an imported network."""

    form: ImportedForm = ImportedForm("onnx", (0,))

    @property
    def classes_only(self) -> bool:
        """Whether it finds classes and answers no prompts."""
        return True

    def need_prompts(self) -> None:
        """Raise an `ImportedNetworkError`: it has no prompts, and learns nothing."""
        raise ImportedNetworkError

    def own_contrast(self, dtype: np.dtype[Any]) -> Contrast | None:
        """Return the full range of an integer type, if the network was trained on that."""
        if not self.form.full_range or dtype.kind not in "ui":
            return None
        return Contrast(0.0, float(np.iinfo(dtype).max))


class ImportedNetwork(ScSAM):
    """A network that was made elsewhere.

    Parameters
    ----------
    config
        Pixel size and tiles, and what the network takes and returns.
    classes
        Its classes, in the order of ``config.form.channel_of``.
    run
        Maps 1×C×H×W float32 to 1×K×H×W; a module is moved to the device of this one.
    content
        The file of the network, which identifies it.
    """

    config: ImportedConfig
    content: Tensor

    def __init__(
        self,
        config: ImportedConfig,
        classes: Sequence[ClassSpec],
        run: Callable[[Tensor], Tensor],
        content: bytes,
    ) -> None:
        nn.Module.__init__(self)  # none of the parts of a ScSAM
        self.config = config
        self.classes = parse_classes(classes)
        self.run = run
        self.class_prompt = ClassPromptEncoder(len(self.classes))
        self.corrections = nn.ModuleList()
        self.tuned = nn.ModuleList()
        self.lessons: dict[str, str] = {}
        self.beside = ()
        self.name = ""
        """Of its checkpoint."""
        for unused in self.class_prompt.parameters():  # so that it is the same when loaded again
            nn.init.zeros_(unused)
        self.register_buffer("content", torch.frombuffer(bytearray(content), dtype=torch.uint8))
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("class_biases", torch.zeros(len(self.classes)))
        self.register_buffer("thresholds", torch.zeros(len(self.classes)))

    def encode(self, image: Tensor) -> EncoderFeatures:
        """Compute the logits of all classes on B×1×H×W grey values in 0..1: B×K×H×W."""
        with torch.autocast(image.device.type, enabled=False):
            maps = [self._logits(one[None].float()) for one in image]
        return EncoderFeatures(torch.cat(maps), ())

    def fuse(self, features: EncoderFeatures) -> Embedding:
        """Return the logits as an embedding."""
        nothing = features.sam[:, :0]
        return Embedding(features.sam, nothing, nothing)

    def class_logits(self, embedding: Embedding, rows: Sequence[int] | None = None) -> Tensor:
        """Return the logits of K classes on B images, B×K×H×W."""
        if rows is None:
            return embedding.fused
        return embedding.fused[:, list(rows)]

    def add_class(
        self,
        name: str | ClassSpec,  # noqa: ARG002
        prototype: Tensor,  # noqa: ARG002
        overrides: Sequence[str] | None = None,  # noqa: ARG002
    ) -> ClassSpec:
        """Raise an `ImportedNetworkError`."""
        raise ImportedNetworkError

    def _logits(self, grey: Tensor) -> Tensor:
        """Run the network on one tile, 1×1×H×W, padded to a size that it takes."""
        height, width = grey.shape[2:]
        form = self.config.form
        rows, columns = padded_sides(form, (height, width))
        padded = F.pad(grey, (0, columns - width, 0, rows - height), mode="replicate")
        maps = self.run(prepared(form, padded).contiguous()).float()
        return class_maps(form, maps[:, :, :height, :width])


def padded_sides(form: ImportedForm, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the sides (Y, X) that a tile is padded to."""
    if form.fixed is not None:
        return form.fixed
    height, width = (-(-side // form.multiple) * form.multiple for side in shape)
    return height, width


def prepared(form: ImportedForm, grey: Tensor) -> Tensor:
    """Turn 1×1×H×W grey values in 0..1 into the input of a network, 1×C×H×W."""
    if form.standardise:
        spread = grey.std().clamp_min(LEAST_SPREAD)
        values = (grey - grey.mean()) / spread
    else:
        values = form.black + grey * (form.white - form.black)
    return values.expand(-1, form.channels, -1, -1)


def class_maps(form: ImportedForm, maps: Tensor) -> Tensor:
    """Turn the output of a network into logits of its classes, beside a background of logit 0.

    Parameters
    ----------
    form
        What the output means.
    maps
        1×C×H×W.

    Returns
    -------
    logits
        1×K×H×W; a softmax over ``[0, logits]`` is the softmax of the network.
    """
    chosen = maps[:, list(form.channel_of)]
    if form.background is None:
        return torch.logit(chosen, SMALLEST_SHARE) if form.probabilities else chosen
    background = maps[:, [form.background]]
    if form.probabilities:
        chosen = chosen.clamp_min(SMALLEST_SHARE).log()
        background = background.clamp_min(SMALLEST_SHARE).log()
    return chosen - background
