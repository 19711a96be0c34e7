"""Run ONNX networks with ONNX Runtime, on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from napari_scsam.checkpoints.imported.outputs import choose_output
from napari_scsam.config import UserError

if TYPE_CHECKING:
    from torch import Tensor

SILENT = 4
"""Level of ONNX Runtime's log: what goes wrong is raised, too."""

INSTALL = "ONNX needs further packages; install them with: pip install 'napari-scsam[onnx]'"


def open_onnx(content: bytes, output: str = "") -> tuple[Callable[[Tensor], Tensor], Sequence[Any]]:
    """Open an ONNX network; parameters, results and errors are those of `open_runner`."""
    import torch

    session = _session(content)
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)":
        taken = ", ".join(f"{one.name} ({one.type})" for one in inputs) or "nothing"
        raise UserError(f"the network takes {taken}; export one that takes one float32 image")
    name = inputs[0].name
    chosen = choose_output([one.name for one in session.get_outputs()], output)

    def run(image: Tensor) -> Tensor:
        (maps,) = session.run([chosen], {name: image.cpu().numpy()})
        return torch.as_tensor(maps, device=image.device)

    return run, inputs[0].shape


def _session(content: bytes) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(INSTALL) from error
    import torch

    check_alone(content)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = SILENT
    try:
        return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:
        raise UserError(
            f"ONNX Runtime cannot run the network ({_first_line(error)}); export it again"
        ) from error


def check_alone(content: bytes) -> None:
    """Check that an ONNX file names no other file, which would be read with it.

    Raises
    ------
    UserError
        When it does, or is damaged.
    """
    try:
        import onnx
    except ImportError as error:
        raise UserError(INSTALL) from error
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:
        raise UserError(
            "the file is not an ONNX network, or it is cut off; export it again"
        ) from error
    for message in _messages(model):
        if isinstance(message, onnx.TensorProto) and (
            message.external_data or message.data_location == onnx.TensorProto.EXTERNAL
        ):
            raise UserError(
                "the weights of the network are in another file, which is not read; "
                "export it with its weights inside"
            )


def _messages(message: Any) -> Iterator[Any]:
    """Yield a protobuf message and all inside it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for inner in value if hasattr(value, "extend") else [value]:
            yield from _messages(inner)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]
