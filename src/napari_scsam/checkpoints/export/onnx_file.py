"""Write the class path of a network as ONNX: a tile of grey values in, logits of classes out."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_scsam.atomic import replacing
from napari_scsam.checkpoints.export.own_exports import ONNX_MARK
from napari_scsam.config import UserError
from napari_scsam.model.packed_linear import packable

if TYPE_CHECKING:
    from napari_scsam.model import ScSAM

OPSET = 17
"""Version of ONNX's operators; programs of 2022 and later read it."""

INPUT = "image"
OUTPUT = "logits"


class ClassMaps(nn.Module):
    """The class path of a network, from grey values to calibrated logits.

    Parameters
    ----------
    model
        From `load_checkpoint`.
    """

    def __init__(self, model: ScSAM) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        """Map 1×1×H×W in 0..1 to 1×K×H×W; the background's logit is 0."""
        embedding = self.model.fuse(self.model.encode(image))
        logits = self.model.calibrated(self.model.class_logits(embedding))
        if logits.shape[2:] == image.shape[2:]:
            return logits
        return F.interpolate(logits, image.shape[2:], mode="bilinear", align_corners=False)


def check_exportable(model: ScSAM, tile: int) -> None:
    """Check that a network has a class path, and a tile fits it.

    Raises
    ------
    UserError
        When it has learned no classes, or was imported, or the side is not a multiple of 16. Also
        when it knows classes from strokes: their classifiers are not part of the network.
    """
    model.config.need_classes()
    model.config.need_prompts()
    if model.lessons:
        raise UserError(
            f"strokes taught this checkpoint {', '.join(model.lessons)}, which ONNX cannot hold; "
            "export the checkpoint that it was made from"
        )
    if not 64 <= tile <= 4096 or tile % 16:
        raise UserError(f"the tile has {tile} pixels; give a multiple of 16 from 64 to 4096")


def onnx_bytes(model: ScSAM, tile: int) -> bytes:
    """Return the class path as an ONNX file.

    Parameters
    ----------
    model
        From `load_checkpoint`, on the CPU.
    tile
        Side of its input, in pixels.

    Raises
    ------
    UserError
        As `check_exportable`.
    """
    check_exportable(model, tile)
    packable()  # it is remembered, and cannot be asked for while the network is traced
    maps = ClassMaps(model).eval()
    image = torch.zeros(1, 1, tile, tile).requires_grad_()
    with (
        tempfile.TemporaryDirectory() as folder,
        warnings.catch_warnings(),
        torch.enable_grad(),
    ):
        file = Path(folder, "network.onnx")
        # With gradients, the network takes its plain paths: those for one processor stay out.
        warnings.simplefilter("ignore")
        # The newer exporter takes seven times as long, for the same numbers.
        torch.onnx.export(
            maps,
            (image,),
            str(file),
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamo=False,
        )
        return file.read_bytes() + ONNX_MARK


def write_onnx(path: Path, model: ScSAM, tile: int) -> None:
    """Write the class path as ONNX, atomically; parameters and errors are those of `onnx_bytes`."""
    content = onnx_bytes(model, tile)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        draft.write_bytes(content)
