"""The whole ScSAM: encode, fuse, prompt by class or by click, decode.

Built after the abstract of Fang et al. 2025 (arXiv 2507.17149). The three
steps are separate on purpose: `encode` is slow and frozen (cache it), `fuse`
is fast, and each class or click then costs one small decoder call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from segment_anything.modeling import PromptEncoder
from torch import Tensor, nn
from torch.nn import functional as F

from napari_scsam.config import ClassSpec, parse_classes
from napari_scsam.model.class_path import (
    EncoderFeatures,
    build_detail,
    build_fusion,
    build_mask_decoder,
    joined,
    prototype_logits,
    sharpened,
)
from napari_scsam.model.class_prompt import ClassPromptEncoder
from napari_scsam.model.click_path import ClickPath, prompt_maps
from napari_scsam.model.correction import Correction, Covers, add_maps, added_maps, covers_of
from napari_scsam.model.image_encoder import EMBED_DIM, STRIDE, build_sam_encoder
from napari_scsam.model.mae import build_mae_encoder
from napari_scsam.model.scsam_config import ScSAMConfig
from napari_scsam.model.tuned_path import (
    FINER,
    TunedPath,
    names_of,
    replace_rows,
    tuned_logits,
    tuned_maps,
)

SAM_MEAN = (123.675, 116.28, 103.53)
SAM_STD = (58.395, 57.12, 57.375)


class Embedding(NamedTuple):
    """Fused features of B images: the input of every decoder call."""

    fused: Tensor
    """B×256×h×w"""
    detail: Tensor
    """B×32×8h×8w; no channels without the detail path"""
    added: Tensor
    """B×N×8h×8w, what fine-tuning adds to logits or puts in their place; no channels before any"""


class ScSAM(nn.Module):
    """The whole network.

    Parameters
    ----------
    config
        Encoders and pixel size.
    classes
        Its classes, in the order of the prototypes.

    Notes
    -----
    SAM's parts keep their official names (``image_encoder``,
    ``prompt_encoder``, ``mask_decoder``), so a published SAM loads unchanged.
    """

    pixel_mean: Tensor
    pixel_std: Tensor
    temperature: Tensor
    """Divides class logits, so that their softmax is calibrated."""
    class_biases: Tensor
    """K; added to divided logits, as some classes are found too often or too seldom."""
    thresholds: Tensor
    """K; a class is predicted where its calibrated logit is above this."""

    def __init__(self, config: ScSAMConfig, classes: Sequence[ClassSpec]) -> None:
        super().__init__()
        self.config = config
        self.classes = parse_classes(classes)
        self.image_encoder = build_sam_encoder(config.sam)
        self.prompt_encoder = PromptEncoder(
            embed_dim=EMBED_DIM,
            image_embedding_size=(64, 64),
            input_image_size=(1024, 1024),
            mask_in_chans=16,
        )
        self.mask_decoder = build_mask_decoder()
        self.mae = build_mae_encoder(config.mae)
        self.fusion = build_fusion(config, self.mae)
        self.class_prompt = ClassPromptEncoder(len(self.classes), similarity=config.similarity)
        self.detail = build_detail(config, self.mae)
        self.click_path = ClickPath()
        self.corrections = nn.ModuleList()
        """What earlier fine-tunings added, each a `Correction`; their maps are summed."""
        self.tuned = nn.ModuleList()
        """Copies that fine-tuning has tuned, each a `TunedPath`; of a class, the last one answers."""
        if config.branches == "mae":
            # Zero-initialised it would add nothing to nothing.
            self.fusion.out.reset_parameters()
        self.lessons: dict[str, str] = {}
        """What strokes taught, by the lower-case name of the class; see `napari_scsam.infer.taught.teach`."""
        self.beside: tuple[ScSAM, ...] = ()
        """Imported networks that work beside it; they are not part of its weights."""
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("class_biases", torch.zeros(len(self.classes)))
        self.register_buffer("thresholds", torch.zeros(len(self.classes)))
        self.register_buffer(
            "pixel_mean", torch.tensor(SAM_MEAN).view(1, 3, 1, 1), persistent=False
        )
        self.register_buffer("pixel_std", torch.tensor(SAM_STD).view(1, 3, 1, 1), persistent=False)
        self.register_load_state_dict_pre_hook(_without_biases)  # type: ignore[no-untyped-call]

    @property
    def nm_per_pixel(self) -> float | None:
        """Size of a pixel that it was trained at."""
        return self.config.nm_per_pixel

    def encode(self, image: Tensor) -> EncoderFeatures:
        """Run both encoders on B×1×H×W grey values in 0..1; H and W multiples of 16."""
        batch, _, height, width = image.shape
        if "sam" in self.config.branches:
            sam = self.image_encoder(self.sam_input(image))
        else:
            sam = image.new_zeros(batch, EMBED_DIM, height // STRIDE, width // STRIDE)
        levels = self.mae(image) if "mae" in self.config.branches else ()
        return EncoderFeatures(sam, levels)

    def sam_input(self, image: Tensor) -> Tensor:
        """Normalise as SAM does: B×1×H×W in 0..1 to B×3×H×W."""
        return (image.expand(-1, 3, -1, -1) * 255 - self.pixel_mean) / self.pixel_std

    def fuse(self, features: EncoderFeatures) -> Embedding:
        """Join the features of both encoders; cheap compared with `encode`."""
        fused, detail = joined(self, features)
        added = added_maps(self.corrections, self.by_stride(features), fused)
        tuned = tuned_maps(self.tuned, features, self.positions(fused))
        added = torch.cat([added, *(maps.to(added.dtype) for maps in tuned)], dim=1)
        return Embedding(fused, detail, added)

    @property
    def covers(self) -> list[Sequence[str]]:
        """What each map of the corrections is for; those of tuned copies follow."""
        return [covered for each in covers_of(self.corrections) for covered in each]

    @property
    def added_maps(self) -> int:
        """N, the maps of `Embedding.added`."""
        return len(self.covers) + FINER**2 * sum(map(len, names_of(self.tuned)))

    def by_stride(self, features: EncoderFeatures) -> dict[int, Tensor]:
        """Return what both encoders see at each stride, as corrections read it."""
        levels = dict(zip(self.mae.strides, features.mae, strict=False))
        coarsest = levels.get(STRIDE)
        levels[STRIDE] = features.sam
        if coarsest is not None:
            levels[STRIDE] = torch.cat([features.sam, coarsest], dim=1)
        return levels

    def new_correction(self, covers: Covers) -> Correction:
        """Create what fine-tuning is to learn beside this network; it is not added to it.

        Parameters
        ----------
        covers
            For each output, the names of the classes whose logits it changes.
        """
        channels: dict[int, int] = {}
        if "mae" in self.config.branches:
            channels = dict(zip(self.mae.strides, self.mae.channels, strict=True))
        channels[STRIDE] = channels.get(STRIDE, 0) + EMBED_DIM
        return Correction(covers, channels)

    def new_tuned_path(self, names: Sequence[str]) -> TunedPath:
        """Create a tuned copy for some classes, with random weights; it is not added."""
        return TunedPath(names, self.config, self.mae)

    def class_logits(self, embedding: Embedding, rows: Sequence[int] | None = None) -> Tensor:
        """Decode K classes of B images in one batch, with what fine-tuning adds to them.

        Parameters
        ----------
        embedding
            From `fuse`.
        rows
            Which of the checkpoint's own classes; all when not given.

        Returns
        -------
        logits
            B×K×16h×16w (4h×4w without the detail path); the background's
            logit is 0 everywhere, so a softmax over ``[0, logits]`` settles overlaps.
        """
        chosen = list(range(len(self.classes))) if rows is None else list(rows)
        logits = self.prototype_logits(embedding, self.class_prompt.prototypes[chosen])
        names = [self.classes[row].name for row in chosen]
        covers = self.covers
        tuned = tuned_logits(self.tuned, embedding.added[:, len(covers) :])
        logits = replace_rows(logits, tuned, names)
        return add_maps(logits, embedding.added[:, : len(covers)], covers, names)

    def calibrated(self, logits: Tensor, rows: Sequence[int] | None = None) -> Tensor:
        """Return B×K×H×W logits of classes, by their rows, whose softmax with 0 is calibrated.

        Divided by the temperature, and with the bias of each class added: a "vector scaling"
        (Guo et al. 2017, "On calibration of modern neural networks", section 4.2) that has one
        scale for all classes, so that it seldom changes which class is the most likely.
        """
        biases = self.class_biases if rows is None else self.class_biases[list(rows)]
        return logits / self.temperature + biases.view(-1, 1, 1)

    def prototype_logits(self, embedding: Embedding, prototypes: Tensor) -> Tensor:
        """Decode B images by K×256 prototypes, without what fine-tuning does: B×K×16h×16w."""
        positions = self.positions(embedding.fused)
        return prototype_logits(self, embedding.fused, embedding.detail, positions, prototypes)

    def prompt_logits(
        self,
        embedding: Embedding,
        points: tuple[Tensor, Tensor] | None = None,
        boxes: Tensor | None = None,
        masks: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Decode N objects per image from SAM's own prompts.

        Parameters
        ----------
        embedding
            Of B images.
        points
            Coordinates (B·N)×P×2 as (x, y) in input pixels, and labels
            (B·N)×P: 1 inside, 0 outside, -1 none.
        boxes
            (B·N)×4 as (x0, y0, x1, y1) in input pixels.
        masks
            (B·N)×1×4h×4w logits of an earlier answer.

        Returns
        -------
        logits : B×N×16h×16w (4h×4w without the detail path)
        quality : B×N
        """
        batch, _, h, w = embedding.fused.shape
        clicks = points[0] if points else None
        given = next(p for p in (boxes, masks, clicks) if p is not None)
        sparse, dense = self.embed_prompts((h, w), points, boxes, masks)
        decoded = self.mask_decoder(embedding.fused, self.positions(embedding.fused), sparse, dense)
        if self.config.detail:
            features = F.avg_pool2d(embedding.detail, 2)
            features = features.repeat_interleave(len(given) // batch, dim=0)
            maps = prompt_maps((4 * h, 4 * w), points, boxes, masks, len(given), features)
            decoded = decoded._replace(logits=self.click_path(decoded.logits, maps, features))
        logits = sharpened(self, decoded, embedding.fused, embedding.detail)
        return logits, decoded.quality.view(batch, -1)

    def embed_prompts(
        self,
        grid: tuple[int, int],
        points: tuple[Tensor, Tensor] | None,
        boxes: Tensor | None,
        masks: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Run SAM's prompt encoder on any grid; it was built for 1024 px."""
        self.prompt_encoder.image_embedding_size = grid
        self.prompt_encoder.input_image_size = (grid[0] * STRIDE, grid[1] * STRIDE)
        sparse, dense = self.prompt_encoder(points=points, boxes=boxes, masks=masks)
        return sparse, dense

    def positions(self, fused: Tensor) -> Tensor:
        """Return SAM's position encoding of the grid, 1×256×h×w."""
        encoding: Tensor = self.prompt_encoder.pe_layer((fused.shape[2], fused.shape[3]))[None]
        return encoding.to(fused.dtype)

    def add_class(
        self, name: str | ClassSpec, prototype: Tensor, overrides: Sequence[str] | None = None
    ) -> ClassSpec:
        """Add a class, or replace the prototype of the class of that name.

        Parameters
        ----------
        name
            Compared without regard to case. A name alone gets the next free id;
            a whole `ClassSpec` keeps its own.
        prototype
            256 numbers.
        overrides
            Replaces `ClassSpec.overrides` when given.

        Returns
        -------
        ClassSpec
            The class as it now is in `classes`.
        """
        if isinstance(name, ClassSpec):
            spec = name
        else:
            spec = ClassSpec(max(c.id for c in self.classes) + 1, name)
        if overrides is not None:
            spec = replace(spec, overrides=tuple(overrides))
        for row, known in enumerate(self.classes):
            if known.name.casefold() == spec.name.casefold():
                return self._replace_class(row, prototype, spec.overrides)
        self._insert_class(spec, prototype)
        return spec

    def _replace_class(self, row: int, prototype: Tensor, overrides: tuple[str, ...]) -> ClassSpec:
        known = replace(self.classes[row], overrides=overrides)
        self.class_prompt.prototypes.data[row] = prototype.detach().to(self.class_prompt.prototypes)
        self.classes = (*self.classes[:row], known, *self.classes[row + 1 :])
        return known

    def _insert_class(self, spec: ClassSpec, prototype: Tensor) -> None:
        """Insert a class in the order of ids, which is that of a checkpoint."""
        prototypes = self.class_prompt.prototypes.data
        new = prototype.detach().to(prototypes)[None]
        row = sum(c.id < spec.id for c in self.classes)
        self.classes = (*self.classes[:row], spec, *self.classes[row:])
        self.class_prompt.prototypes = nn.Parameter(
            torch.cat([prototypes[:row], new, prototypes[row:]])
        )
        self.class_biases = with_zero(self.class_biases, row)
        self.thresholds = with_zero(self.thresholds, row)

    def forward(self, image: Tensor) -> Tensor:
        """Segment B×1×H×W in 0..1: class logits B×K×H×W."""
        logits = self.class_logits(self.fuse(self.encode(image)))
        return F.interpolate(logits, image.shape[2:], mode="bilinear", align_corners=False)


def with_zero(values: Tensor, row: int) -> Tensor:
    """Return K values with a 0 before one of them, or at their end."""
    return torch.cat([values[:row], values.new_zeros(1), values[row:]])


def _without_biases(model: ScSAM, weights: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Add the biases that files of earlier versions lack: they had none."""
    weights.setdefault(f"{prefix}class_biases", torch.zeros_like(model.class_biases))
