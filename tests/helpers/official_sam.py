"""Small SAMs with random weights in the formats that they are published in, and a server that offers them, well or badly."""

from __future__ import annotations

import contextlib
import hashlib
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from loopback import listening

from napari_scsam.checkpoints.registry import Download
from napari_scsam.io.download import RemoteFile

WIDTHS, DEPTHS, HEADS, WINDOWS = (64, 128, 160, 320), (2, 2, 6, 2), (2, 4, 5, 10), (7, 7, 14, 7)


def mobile_sam_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes in MobileSAM's file, written down from its architecture."""
    shapes: dict[str, tuple[int, ...]] = {}

    def norm(name: str, channels: int) -> None:
        shapes.update({f"{name}.weight": (channels,), f"{name}.bias": (channels,)})

    def conv(name: str, out: int, *kernel: int) -> None:
        shapes[f"{name}.c.weight"] = (out, *kernel)
        norm(f"{name}.bn", out)
        shapes.update(
            {
                f"{name}.bn.running_mean": (out,),
                f"{name}.bn.running_var": (out,),
                f"{name}.bn.num_batches_tracked": (),
            }
        )

    def linear(name: str, out: int, channels: int) -> None:
        shapes.update({f"{name}.weight": (out, channels), f"{name}.bias": (out,)})

    conv("patch_embed.seq.0", 32, 3, 3, 3)
    conv("patch_embed.seq.2", 64, 32, 3, 3)
    for layer, (width, depth, heads, window) in enumerate(
        zip(WIDTHS, DEPTHS, HEADS, WINDOWS, strict=True)
    ):
        for block in (f"layers.{layer}.blocks.{i}" for i in range(depth)):
            if layer == 0:
                conv(f"{block}.conv1", 4 * width, width, 1, 1)
                conv(f"{block}.conv2", 4 * width, 1, 3, 3)
                conv(f"{block}.conv3", width, 4 * width, 1, 1)
                continue
            shapes[f"{block}.attn.attention_biases"] = (heads, window * window)
            norm(f"{block}.attn.norm", width)
            linear(f"{block}.attn.qkv", 3 * width, width)
            linear(f"{block}.attn.proj", width, width)
            norm(f"{block}.mlp.norm", width)
            linear(f"{block}.mlp.fc1", 4 * width, width)
            linear(f"{block}.mlp.fc2", width, 4 * width)
            conv(f"{block}.local_conv", width, 1, 3, 3)
        if layer < 3:
            after = WIDTHS[layer + 1]
            conv(f"layers.{layer}.downsample.conv1", after, width, 1, 1)
            conv(f"layers.{layer}.downsample.conv2", after, 1, 3, 3)
            conv(f"layers.{layer}.downsample.conv3", after, after, 1, 1)
    norm("norm_head", 320)
    linear("head", 1000, 320)
    shapes.update({"neck.0.weight": (256, 320, 1, 1), "neck.2.weight": (256, 256, 3, 3)})
    norm("neck.1", 256)
    norm("neck.3", 256)
    return shapes


def write_mobile_sam(path: Path) -> Path:
    """Write a whole MobileSAM whose answers are finite numbers, and nothing more."""
    import torch
    from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer

    with torch.random.fork_rng():
        torch.manual_seed(2)
        weights = {
            f"image_encoder.{name}": _sane(name, shape)
            for name, shape in mobile_sam_shapes().items()
        }
        prompts = PromptEncoder(
            embed_dim=256,
            image_embedding_size=(64, 64),
            input_image_size=(1024, 1024),
            mask_in_chans=16,
        )
        transformer = TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
        decoder = MaskDecoder(transformer_dim=256, transformer=transformer)
    for prefix, part in (("prompt_encoder", prompts), ("mask_decoder", decoder)):
        weights |= {f"{prefix}.{name}": value for name, value in part.state_dict().items()}
    torch.save(weights, path)
    return path


def _sane(name: str, shape: tuple[int, ...]):
    import torch

    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.long)
    if len(shape) == 1 and name.endswith((".weight", "running_var")):
        return torch.ones(shape)
    return torch.randn(shape) * 0.05


@dataclass
class Server:
    """Serves one file on this machine, and remembers what it was asked for."""

    content: bytes
    url: str = ""
    cut_after: int | None = None
    """Bytes after which each answer breaks off."""
    pause: float = 0.0
    """Seconds between two pieces of an answer."""
    ranges: list[str | None] = field(default_factory=list)

    def entry(self, **changes: object) -> Download:
        """The file as the registry would tell of it."""
        known = {
            "url": f"{self.url}/tiny_sam.pt",
            "size": len(self.content),
            "sha256": hashlib.sha256(self.content).hexdigest(),
        }
        return Download(
            "tiny_sam",
            "A tiny SAM",
            "vit_t",
            "CC0-1.0",
            "made by a test",
            RemoteFile.from_dict(known | changes),
        )

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        body = self.content[start:]
        request.send_response(206 if start else 200)
        if start:
            request.send_header(
                "Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
            )
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        with contextlib.suppress(ConnectionError):  # who asked may have seen enough
            for piece in range(0, len(body) if self.cut_after is None else self.cut_after, 1 << 20):
                request.wfile.write(
                    body[piece : min(piece + (1 << 20), self.cut_after or len(body))]
                )
                time.sleep(self.pause)


def serving(content: bytes) -> contextlib.AbstractContextManager[Server]:
    """Serve a file for a while."""
    return listening(Server(content))
