"""Run TorchScript networks with torch.

TorchScript is a language of its own, with an interpreter in torch. It reads no files and starts no
programs, but a network of it can use much time and memory.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from napari_scsam.checkpoints.imported.outputs import choose_output
from napari_scsam.config import UserError


class ScriptRunner(nn.Module):
    """A TorchScript network of which one output is read.

    Parameters
    ----------
    content
        Of its file.
    output
        Its key in a dict of outputs or its number in a tuple; empty for the only one.

    Raises
    ------
    UserError
        When the file is not TorchScript.
    """

    def __init__(self, content: bytes, output: str = "") -> None:
        super().__init__()
        self.output = output
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch prefers another format by now
                module = torch.jit.load(io.BytesIO(content), map_location="cpu")
        except Exception as error:
            raise UserError(
                "the file is not a TorchScript network, or it is damaged; "
                "export it with torch.jit.save, or as ONNX"
            ) from error
        self.module = module.eval()

    @torch.inference_mode()
    def forward(self, image: Tensor) -> Tensor:
        """Run the network on 1×C×H×W.

        Raises
        ------
        UserError
            When it returns something else than maps.
        """
        maps = pick(self.module(image), self.output)
        if not isinstance(maps, Tensor):
            raise UserError(f"the network returns a {type(maps).__name__}; it must return maps")
        return maps


def pick(answer: Any, output: str) -> Any:
    """Return the wanted output of a network that may have several.

    Raises
    ------
    UserError
        When it is not there, or none is named.
    """
    if isinstance(answer, Mapping):
        return answer[choose_output([str(key) for key in answer], output)]
    if isinstance(answer, list | tuple):
        numbers = [str(number) for number in range(len(answer))]
        return answer[int(choose_output(numbers, output))]
    return answer
