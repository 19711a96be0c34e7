"""Safetensors files: read, and written atomically. No pickle is ever written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from napari_scsam.atomic import replacing

if TYPE_CHECKING:
    from torch import Tensor

TRAINING_JOB = "job.json"
"""In the folder of a project's training, which lies inside the project's zarr on purpose."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write safetensors atomically, creating the folder if needed.

    Raises
    ------
    UserError
        When the path is inside an image, unless it is of a project's own training.
    """
    from safetensors.torch import save

    from napari_scsam.io.contents import check_outside

    if not (path.parent / TRAINING_JOB).is_file():
        check_outside(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = save({name: _own_memory(value) for name, value in tensors.items()}, metadata)
    with replacing(path) as draft:
        draft.write_bytes(content)


def _own_memory(tensor: Tensor) -> Tensor:
    """Return a tensor on the CPU that shares no memory, as safetensors requires.

    Only parts of other tensors are copied; copies of all would be much memory.
    """
    tensor = tensor.detach().cpu().contiguous()
    if tensor.untyped_storage().nbytes() != tensor.nbytes:
        return tensor.clone()
    return tensor
