"""Open the file of a network, from its bytes alone, as a function from tiles to maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Runner = Callable[["Tensor"], "Tensor"]
"""Maps 1×C×H×W float32 to 1×K×H×W."""


def open_runner(kind: str, content: bytes, output: str = "") -> tuple[Runner, Sequence[Any] | None]:
    """Open a network.

    Parameters
    ----------
    kind
        ``"onnx"`` or ``"torchscript"``.
    content
        Of its file.
    output
        Name or number of its output; empty for the only one.

    Returns
    -------
    runner
        Runs it on a tile.
    shape
        Of its input, as the file states it: numbers, or names where any size is taken; None when
        the file states none, as TorchScript does.

    Raises
    ------
    UserError
        When the file cannot be read as a network of this kind.
    """
    if kind == "onnx":
        from napari_scsam.checkpoints.imported.onnx_runner import open_onnx

        return open_onnx(content, output)
    from napari_scsam.checkpoints.imported.script_runner import ScriptRunner

    return ScriptRunner(content, output), None
