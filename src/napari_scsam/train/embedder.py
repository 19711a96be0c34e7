"""Batches of crops with the features of both encoders."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from napari_scsam.infer.device import precision
from napari_scsam.model import EncoderFeatures, ScSAM
from napari_scsam.train.dataset import CropBatch, LabelledCrops
from napari_scsam.train.drawing import draw_steps, generator_of

EmbeddedBatch = tuple[CropBatch, EncoderFeatures, torch.Generator]
"""A batch, its features, and the random generator for the rest of the step."""


class Embedder:
    """Draws batches and embeds them; crops are embedded once when both encoders are frozen.

    Parameters
    ----------
    model
        Its encoders; on `device`.
    crops
        Draws batches.
    device
        Where batches go.
    """

    def __init__(self, model: ScSAM, crops: LabelledCrops, device: torch.device) -> None:
        self.model = model
        self.crops = crops
        self.device = device
        self._pool: dict[int, tuple[CropBatch, EncoderFeatures]] = {}

    def draw(self, steps: range, processes: int = 0) -> Iterator[EmbeddedBatch]:
        """Return the batch of each step.

        While an encoder learns, each batch is new. Otherwise batches are new until the pool
        is full, and later ones are drawn from the pool.
        """
        if self.crops.training.unfreeze:
            return self._draw_new(steps, processes)
        return self._draw_from_pool(steps)

    def _draw_new(self, steps: range, processes: int) -> Iterator[EmbeddedBatch]:
        seed = self.crops.training.seed
        for drawn, generator in draw_steps(self.crops, seed, steps, processes):
            batch = drawn.to(self.device)
            yield batch, self.encode(batch), generator

    def _draw_from_pool(self, steps: range) -> Iterator[EmbeddedBatch]:
        training = self.crops.training
        size = math.ceil(max(1, training.pool) / training.batch)
        for step in steps:
            generator = generator_of(training.seed, step)
            number = step
            if step >= size:
                number = int(torch.randint(size, (), generator=generator))
            batch, features = self.pooled(number)
            yield batch, features, generator

    def first(self) -> tuple[CropBatch, EncoderFeatures]:
        """Return the batch of the first step, at any time."""
        batch, features, _ = next(self.draw(range(1)))
        return batch, features

    def encode(self, batch: CropBatch) -> EncoderFeatures:
        """Run the encoders, in half precision where the device is made for it."""
        with precision(self.device):
            return self.model.encode(batch.image.contiguous(memory_format=torch.channels_last))

    @torch.no_grad()
    def pooled(self, number: int) -> tuple[CropBatch, EncoderFeatures]:
        """Return a batch of the pool; its number fixes it, so that a resumed run has the same pool."""
        if number not in self._pool:
            batch = self.crops.batch(generator_of(self.crops.training.seed, number))
            features = self.encode(batch.to(self.device))
            # Half precision in main memory: a pool of 512 crops would not fit on most cards.
            levels = tuple(level.half().cpu() for level in features.mae)
            self._pool[number] = (batch, EncoderFeatures(features.sam.half().cpu(), levels))
        batch, features = self._pool[number]
        levels = tuple(level.to(self.device).float() for level in features.mae)
        return batch.to(self.device), EncoderFeatures(features.sam.to(self.device).float(), levels)
