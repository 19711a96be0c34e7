"""SAM's ViT-B of this project compared with segment-anything's and timm's, at equal weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import timm
import torch
from benchmarks.speed.clock import Figure, interleaved
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, TwoWayTransformer
from torch import Tensor, nn

from napari_scsam.infer.device import choose_device, has_bfloat16
from napari_scsam.model.sam_vit import SamViT

WINDOW = 14
"""Side of a window of attention, in tokens."""

POINTS = 16
"""Clicks whose masks are compared."""


def measure(*, quick: bool) -> list[Figure]:
    """Compare at 1024 and 512 px, or one narrow network at 64 px when quick."""
    if quick:
        return compare(64, width=96, depth=2, heads=2, rounds=1)
    return [figure for side in (1024, 512) for figure in compare(side, rounds=3)]


def compare(
    side: int, *, width: int = 768, depth: int = 12, heads: int = 12, rounds: int
) -> list[Figure]:
    """Time the three encoders on one image in turn, and compare our results with the original's."""
    torch.manual_seed(0)
    spread = tuple(range(depth // 4 - 1, depth, max(1, depth // 4))) if depth >= 4 else (depth - 1,)
    original = reference(side, width, depth, heads, spread)
    ours = SamViT(width, depth, heads, spread, grid=side // 16).eval()
    ours.load_state_dict(original.state_dict())
    peer = timm_vit(side, width, depth, heads, spread)
    device = choose_device()
    for encoder in (original, ours, peer):
        encoder.to(device)
    image = torch.randn(1, 3, side, side, device=device)
    able = device.type == "cuda" or has_bfloat16()
    works = {
        "segment-anything": run(original, image),
        "timm": run(peer, image),
        "ours": run(ours, image),
    }
    if able:
        works |= (
            {"segment-anything, bf16": run(original, image, half=True)}
            if device.type == "cuda"
            else {}
        )
        works |= {
            "timm, bf16": run(peer, image, half=True),
            "ours, bf16": run(ours, image, half=True),
        }
    seconds = interleaved(works, rounds)
    truth = works["segment-anything"]()
    figures = [
        *ratios(side, seconds),
        above_floor(side, width, depth, len(spread), seconds["ours"], device),
        difference(side, works["ours"](), truth),
    ]
    return figures + (half_precision(side, works["ours, bf16"](), truth) if able else [])


def reference(side: int, width: int, depth: int, heads: int, spread: tuple[int, ...]) -> nn.Module:
    """Create segment-anything's encoder, with random positions: zeros would hide a mistake."""
    made = ImageEncoderViT(
        img_size=side,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=WINDOW,
        global_attn_indexes=spread,
        out_chans=256,
    ).eval()
    for name, parameter in made.named_parameters():
        if "pos" in name:
            nn.init.normal_(parameter, std=0.1)
    return made


def timm_vit(side: int, width: int, depth: int, heads: int, spread: tuple[int, ...]) -> nn.Module:
    """Create timm's form of the same encoder."""
    settings = {
        "img_size": side,
        "embed_dim": width,
        "depth": depth,
        "num_heads": heads,
        "global_attn_indexes": spread,
    }
    return timm.create_model(
        "samvit_base_patch16", pretrained=False, num_classes=0, global_pool="", **settings
    ).eval()


def run(encoder: nn.Module, image: Tensor, *, half: bool = False) -> Callable[[], Tensor]:
    """Create the work of embedding an image."""

    def work() -> Tensor:
        with (
            torch.inference_mode(),
            torch.autocast(image.device.type, torch.bfloat16, enabled=half),
        ):
            embedding: Tensor = encoder(image)
        return embedding.float().cpu()  # there only when it is done

    return work


def ratios(side: int, seconds: dict[str, float]) -> list[Figure]:
    """Return how many times faster ours is."""
    targets = (
        {"ours": "≥ 1.7", "ours, bf16": "≥ 5"}
        if side == 1024 and choose_device().type == "cpu"
        else {}
    )
    figures = [Figure(f"ViT-B {side}², {name}", value, "s") for name, value in seconds.items()]
    for name in ("ours", "ours, bf16"):
        peers = {"segment-anything": targets.get(name, "")}
        peers |= {
            name.replace("ours", peer): "> 1"
            for peer in ("segment-anything", "timm")
            if name.replace("ours", peer) not in peers
        }
        figures += [
            Figure(
                f"ViT-B {side}², {name}: times as quick as {peer}",
                seconds[peer] / seconds[name],
                "×",
                target,
            )
            for peer, target in peers.items()
            if name in seconds and peer in seconds
        ]
    return figures


def above_floor(
    side: int, width: int, depth: int, spread: int, seconds: float, device: torch.device
) -> Figure:
    """Compare with the time of the matrix products alone, at this machine's speed."""
    tokens = (side // 16) ** 2
    a = torch.randn(8192, 768, device=device)
    b = torch.randn(768, 3072, device=device)

    def product() -> float:
        return (a @ b)[0, 0].item()  # there only when it is done

    rate = 2 * a.numel() * b.shape[1] / interleaved({"product": product}, 9)["product"]
    linear = 24 * depth * tokens * width**2
    attention = 4 * tokens * width * (spread * tokens + (depth - spread) * WINDOW**2)
    return Figure(
        f"ViT-B {side}², ours: times what its bare matrix products take",
        seconds * rate / (linear + attention),
        "×",
    )


def difference(side: int, found: Tensor, truth: Tensor) -> Figure:
    """Return the largest difference in single precision."""
    return Figure(
        f"ViT-B {side}², ours: largest difference from segment-anything",
        float((found - truth).abs().max()),
        "",
        "≤ 1e-4",
    )


def half_precision(side: int, found: Tensor, truth: Tensor) -> list[Figure]:
    """Return the error of half precision, in the embedding and in masks decoded from it."""
    one, other = (masks(embedding, side) for embedding in (found, truth))
    overlap = (one & other).sum((1, 2)) / (one | other).sum((1, 2)).clamp_min(1)
    return [
        Figure(
            f"ViT-B {side}², ours, bf16: relative error",
            float((found - truth).norm() / truth.norm()) * 100,
            "%",
            "≤ 2",
        ),
        Figure(
            f"ViT-B {side}², ours, bf16: IoU of {POINTS} masks with those of the original",
            float(overlap.mean()),
            "",
            "≥ 0.99",
        ),
    ]


def masks(embedding: Tensor, side: int) -> Tensor:
    """Decode the masks of clicks by SAM's decoder with fixed random weights: clicks×Y×X."""
    torch.manual_seed(1)
    grid = (side // 16, side // 16)
    prompts = PromptEncoder(
        embed_dim=256, image_embedding_size=grid, input_image_size=(side, side), mask_in_chans=16
    ).eval()
    decoder = MaskDecoder(
        transformer_dim=256,
        transformer=TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8),
    ).eval()
    places = torch.rand(POINTS, 1, 2) * side
    with torch.inference_mode():
        sparse, dense = prompts(points=(places, torch.ones(POINTS, 1)), boxes=None, masks=None)
        logits, _ = decoder(
            embedding, prompts.get_dense_pe(), sparse, dense, multimask_output=False
        )
    return logits[:, 0] > 0
