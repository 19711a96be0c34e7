"""Small networks as other programs write them: ONNX by the onnx package, TorchScript by torch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

WEIGHTS = ((6.0, -3.0), (-6.0, 3.0))
"""Weight and bias of each channel: the first is high where an image is bright."""


def write_onnx(
    path: Path,
    channels: Sequence[tuple[float, float]] = WEIGHTS,
    *,
    size: tuple[int | str, ...] = (1, 1, "h", "w"),
    end: str = "",
    stride: int = 1,
) -> Path:
    """Write a 1×1 convolution to ONNX, followed by ``Softmax`` or ``Sigmoid`` if one is named."""
    weight = np.array([[w / int(size[1])] * int(size[1]) for w, _ in channels], np.float32)
    bias = np.array([b for _, b in channels], np.float32)
    nodes = [
        helper.make_node("Conv", ["image", "weight", "bias"], ["logits"], strides=[stride, stride])
    ]
    if end:
        axis = {"axis": 1} if end == "Softmax" else {}
        nodes.append(helper.make_node(end, ["logits"], ["maps"], **axis))
    last = "maps" if end else "logits"
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, size)],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, (1, len(channels), "y", "x"))],
        [
            numpy_helper.from_array(weight[:, :, None, None], "weight"),
            numpy_helper.from_array(bias, "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def convolution(channels: Sequence[tuple[float, float]] = WEIGHTS, inputs: int = 1) -> nn.Conv2d:
    """The same convolution in torch."""
    layer = nn.Conv2d(inputs, len(channels), 1)
    with torch.no_grad():
        for row, (weight, bias) in enumerate(channels):
            layer.weight[row] = weight / inputs
            layer.bias[row] = bias
    return layer


def write_script(path: Path, module: nn.Module) -> Path:
    """Write a module as TorchScript."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch prefers another format by now
        torch.jit.save(torch.jit.script(module), str(path))
    return path


class TwoOutputs(nn.Module):
    """A network with a dict of outputs, as those of torchvision."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = convolution()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        maps = self.layer(image)
        return {"out": maps, "aux": maps[:, :1]}
