"""Print the cost of each encoder: parameters, operations and memory, on fake GPU tensors.

Nothing is computed, and neither weights nor a GPU are needed, so the largest
encoder is counted on any machine. These are counts, not measurements: no
kernel is timed, and what the allocator and libraries take is not in them.
Attention is counted as plain products; fused kernels keep less.

    python benchmarks/encoder_cost.py
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import FlopCounterMode

from napari_scsam.config import ClassSpec
from napari_scsam.model import EncoderFeatures, ScSAM, ScSAMConfig, build_sam_encoder
from napari_scsam.model.image_encoder import SAM_ENCODERS
from napari_scsam.model.mae import build_mae_encoder

SIZES = (512, 1024)
"""Sides of the square input in pixels."""

MAES = ("hybrid", "vit_small_patch16_224", "vit_base_patch16_224.mae", "vit_large_patch16_224.mae")

CLASSES = tuple(ClassSpec(i, f"class {i}") for i in range(1, 7))


GPU = FakeTensorMode()
"""Under it tensors lie on a GPU that need not be there, and hold nothing."""

M = TypeVar("M", bound=nn.Module)


class PeakMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the tensors that operations create, while they are referenced.

    Parameters
    ----------
    module
        Its parameters and buffers, and views of them, are not counted.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.alive = self.peak = 0
        self.known = {
            t.untyped_storage()._cdata for t in module.state_dict(keep_vars=True).values()
        }

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation and count its results."""
        result = func(*args, **(kwargs or {}))
        tree_map_only(Tensor, self.count, result)
        return result

    def count(self, tensor: Tensor) -> None:
        """Count a tensor's memory once, until it is freed."""
        storage = tensor.untyped_storage()
        if storage._cdata not in self.known:
            self.known.add(storage._cdata)
            self.alive += storage.nbytes()
            self.peak = max(self.peak, self.alive)
            weakref.finalize(storage, self.free, storage._cdata, storage.nbytes())

    def free(self, key: int, size: int) -> None:
        """Stop counting a tensor."""
        self.known.discard(key)
        self.alive -= size


@dataclass(frozen=True)
class Cost:
    """The cost of one image in one forward pass."""

    parameters: int
    operations: int
    """Multiplications and additions, two for each product."""
    inference: int
    """Peak bytes of activations in half precision, nothing kept for gradients."""
    training: int
    """The same with everything kept that gradients need."""


def pretend(build: Callable[[], M]) -> M:
    """Build a module in half precision on the pretended GPU."""
    with torch.device("meta"):
        module = build()
    with GPU:
        module._apply(
            lambda t: half(*t.shape, dtype=torch.bfloat16 if t.is_floating_point() else t.dtype)
        )  # type: ignore[no-untyped-call]
    return module


def half(*shape: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """Return a tensor, in half precision unless a dtype is given."""
    return torch.empty(shape, dtype=dtype, device="cuda")


def cost_of(module: nn.Module, run: Callable[[], object]) -> Cost:
    """Count one run of a module."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        run()
    with torch.no_grad(), PeakMemory(module) as inference:
        run()
    with PeakMemory(module) as training:
        kept = run()  # holds the graph, and with it what gradients need
    del kept
    return Cost(
        sum(p.numel() for p in module.parameters()),
        counter.get_total_flops(),
        inference.peak,
        training.peak,
    )


def encoder_cost(encoder: nn.Module, channels: int, size: int) -> Cost:
    """Count an encoder on one image."""
    with GPU:
        image = half(1, channels, size, size)
        return cost_of(encoder, lambda: encoder(image))


def head_cost(size: int) -> tuple[Cost, int]:
    """Count what follows the encoders, for six classes, and the bytes of one cached crop."""
    model = pretend(lambda: ScSAM(ScSAMConfig(tile=size), CLASSES))
    rest = nn.ModuleList(
        m for name, m in model.named_children() if name not in ("image_encoder", "mae")
    )
    with GPU:
        with torch.no_grad():
            features = model.encode(half(1, 1, size, size))
        remembered = sum(f.nbytes for f in (features.sam, *features.mae))
        return cost_of(
            rest, lambda: model.class_logits(model.fuse(EncoderFeatures(*features)))
        ), remembered


def row(name: str, size: int, cost: Cost) -> str:
    """Format a line of the table."""
    memory = " | ".join(f"{b / 1e9:.2f}" for b in (cost.inference, cost.training))
    return f"| {name} | {size} | {cost.parameters / 1e6:.1f} | {cost.operations / 1e12:.2f} | {memory} |"


def main() -> None:
    """Print the table."""
    print(
        "| part | input, px | parameters, M | TFLOP | activations, GB | with gradients, GB |\n|---|---|---|---|---|---|"
    )
    for name in SAM_ENCODERS:
        encoder = pretend(partial(build_sam_encoder, name))
        print(
            *(row(f"SAM {name}", size, encoder_cost(encoder, 3, size)) for size in SIZES), sep="\n"
        )
    for name in MAES:
        mae = pretend(partial(build_mae_encoder, name))
        print(*(row(f"MAE {name}", size, encoder_cost(mae, 1, size)) for size in SIZES), sep="\n")
    heads = [(size, *head_cost(size)) for size in SIZES]
    print(
        *(row("fusion, prompts, decoder; 6 classes", size, cost) for size, cost, _ in heads),
        sep="\n",
    )
    print(
        *(
            f"\nA remembered crop of {size} px (hybrid MAE): {remembered / 2**20:.1f} MiB"
            for size, _, remembered in heads
        )
    )


if __name__ == "__main__":
    main()
