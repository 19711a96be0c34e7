"""SAM's image encoders, with official keys, for any input size that is a multiple of 16.

`vit_b`, `vit_l` and `vit_h` are segment-anything's ViT with its position
embedding resized to the grid; `vit_t` is TinyViT in the form of
MobileSAM (Zhang et al. 2023, arXiv 2306.14289), assembled from timm's parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from segment_anything.modeling.common import LayerNorm2d
from timm.models.tiny_vit import Attention, TinyVit
from torch import Tensor, nn

from napari_scsam.config import UserError
from napari_scsam.model.official_weights import encoder_weights, read_official
from napari_scsam.model.packed_linear import pack_linear_layers
from napari_scsam.model.sam_vit import SamViT

EMBED_DIM = 256
"""Channels of every SAM image embedding."""

STRIDE = 16
"""Input pixels per cell of the embedding grid."""


class SamTinyViT(TinyVit):
    """MobileSAM's TinyViT: B×3×H×W to B×256×H/16×W/16.

    Unlike the classifier, its last stage keeps its grid (stride 16, not 32),
    and SAM's neck follows. Attention is windowed, so any
    size works.
    """

    def __init__(self) -> None:
        super().__init__(
            num_classes=0,
            embed_dims=(64, 128, 160, 320),
            depths=(2, 2, 6, 2),
            num_heads=(2, 4, 5, 10),
            window_sizes=(7, 7, 14, 7),
            drop_path_rate=0.0,
        )
        del self.head
        pack_linear_layers(self)
        cast("nn.Conv2d", self.get_submodule("stages.3.downsample.conv2.conv")).stride = (1, 1)
        self.neck = nn.Sequential(
            nn.Conv2d(320, EMBED_DIM, 1, bias=False),
            LayerNorm2d(EMBED_DIM),
            nn.Conv2d(EMBED_DIM, EMBED_DIM, 3, padding=1, bias=False),
            LayerNorm2d(EMBED_DIM),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Embed B×3×H×W, already normalised and padded to multiples of 16."""
        # On CPUs, plain products are faster than torch's kernel with a bias, 1.4× in bfloat16.
        fused = x.device.type != "cpu"
        for module in self.modules():
            if isinstance(module, Attention):
                module.fused_attn = fused
        embedding: Tensor = self.neck(self.stages(self.patch_embed(x)))
        return embedding


@dataclass(frozen=True)
class SamEncoder:
    """One of SAM's image encoders."""

    build: Callable[[], nn.Module]
    """Creates it with random weights."""
    is_light: bool = False
    """Whether it costs no more than the MAE and the fusion, so that both are worth caching."""


SAM_ENCODERS: Mapping[str, SamEncoder] = {
    "vit_t": SamEncoder(SamTinyViT, is_light=True),
    "vit_b": SamEncoder(lambda: SamViT(768, 12, 12, (2, 5, 8, 11))),
    "vit_l": SamEncoder(lambda: SamViT(1024, 24, 16, (5, 11, 17, 23))),
    "vit_h": SamEncoder(lambda: SamViT(1280, 32, 16, (7, 15, 23, 31))),
}
"""Encoders by the name that recipes and checkpoints use."""


def build_sam_encoder(name: str, checkpoint: str | Path | None = None) -> nn.Module:
    """Create one of SAM's image encoders.

    Parameters
    ----------
    name
        ``vit_t`` (MobileSAM's TinyViT), ``vit_b``, ``vit_l`` or ``vit_h``.
    checkpoint
        A file with the weights under SAM's or MobileSAM's official names, as
        published or as written by micro-sam; random weights when not given.

    Returns
    -------
    module
        B×3×H×W, normalised, H and W multiples of 16, to B×256×H/16×W/16; in
        evaluation mode.

    Raises
    ------
    UserError
        For an unknown name, or a file that does not hold this encoder.
    """
    if name not in SAM_ENCODERS:
        raise UserError(f"no SAM encoder is called {name!r}; choose from {', '.join(SAM_ENCODERS)}")
    encoder = SAM_ENCODERS[name].build()
    if checkpoint is not None:
        load_encoder(encoder, read_official(checkpoint), f"{checkpoint} as {name}")
    return encoder.eval()


def load_encoder(encoder: nn.Module, official: Mapping[str, Tensor], what: str) -> None:
    """Load an encoder from the weights of a whole SAM.

    Raises
    ------
    UserError
        When any weight is missing or does not match.
    """
    weights = encoder_weights(official, tiny=isinstance(encoder, SamTinyViT))
    expected = encoder.state_dict()
    missing = [k for k in expected if k not in weights and not k.endswith("num_batches_tracked")]
    wrong = [k for k, v in weights.items() if k not in expected or v.shape != expected[k].shape]
    if missing or wrong:
        raise UserError(
            f"{what}: the weights do not match, first at {[*missing, *wrong][0]!r}; "
            f"choose the encoder size that the file was made for"
        )
    encoder.load_state_dict(dict(weights), strict=False)
