"""The training loop: from a recipe, or from a checkpoint and corrected labels."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.checkpoint import load_checkpoint, load_mae, save_checkpoint
from napari_scsam.model import EncoderFeatures, ScSAM
from napari_scsam.model.image_encoder import load_encoder
from napari_scsam.model.official_weights import read_official
from napari_scsam.train.dataset import Batch, LabelledCrops
from napari_scsam.train.losses import class_loss, prototype_loss
from napari_scsam.train.prompts import prompt_loss
from napari_scsam.train.recipe import Recipe, Training
from napari_scsam.train.resume import read_state, write_state
from napari_scsam.train.schedule import TrainStep, learning_rate


def build_model(recipe: Recipe) -> ScSAM:
    """Make the model a recipe starts from, with whatever pre-trained weights it names."""
    if recipe.start is not None:
        return load_checkpoint(recipe.start)
    model = ScSAM(recipe.model, recipe.classes)
    if recipe.sam_weights is not None:
        load_sam(model, recipe.sam_weights)
    if recipe.mae_weights is not None:
        load_mae(recipe.mae_weights, model.mae)
    return model


def load_sam(model: ScSAM, path: Path) -> None:
    """Fill encoder, prompt encoder and decoder from an official SAM file."""
    official = read_official(path)
    load_encoder(model.image_encoder, official, str(path))
    for part in (model.prompt_encoder, model.mask_decoder):
        prefix = "prompt_encoder." if part is model.prompt_encoder else "mask_decoder."
        part.load_state_dict({k.removeprefix(prefix): v for k, v in official.items() if k.startswith(prefix)})


def parameter_groups(model: ScSAM, training: Training) -> list[dict[str, object]]:
    """Freeze what is not to learn; give each learning part its peak rate."""
    encoders = {"sam": model.image_encoder, "mae": model.mae}
    for name, encoder in encoders.items():
        encoder.requires_grad_(name in training.unfreeze)
    tuned = [p for name in training.unfreeze for p in encoders[name].parameters()]
    slow = {id(p) for p in tuned}
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in slow]
    return [{"params": rest, "peak": training.rate}, {"params": tuned, "peak": training.encoder_rate}]


class Embedder:
    """Gives batches with their features; embeds crops once when both encoders are frozen."""

    def __init__(self, model: ScSAM, crops: LabelledCrops) -> None:
        self.model, self.crops = model, crops
        self.remembered: list[tuple[Batch, EncoderFeatures]] = []

    def draw(self, generator: torch.Generator) -> tuple[Batch, EncoderFeatures]:
        """Draw a batch; a remembered one when there are enough of them."""
        training = self.crops.training
        if training.unfreeze:
            batch = self.crops.batch(generator)
            return batch, self.model.encode(batch.image.contiguous(memory_format=torch.channels_last))
        if len(self.remembered) * training.batch < training.pool:
            batch = self.crops.batch(generator)
            with torch.no_grad():
                features = self.model.encode(batch.image)
            self.remembered.append((batch, EncoderFeatures(features.sam.half(), tuple(f.half() for f in features.mae))))
            return batch, features
        batch, features = self.remembered[int(torch.randint(len(self.remembered), (), generator=generator))]
        return batch, EncoderFeatures(features.sam.float(), tuple(f.float() for f in features.mae))


def losses_of(model: ScSAM, batch: Batch, features: EncoderFeatures, training: Training, generator: torch.Generator) -> dict[str, Tensor]:
    """Give every loss of one batch; ``"loss"`` is their weighted sum."""
    embedding = model.fuse(features)
    logits = F.interpolate(model.class_logits(embedding), batch.labels.shape[1:], mode="bilinear", align_corners=False)
    losses = {"class": class_loss(logits, batch.labels)}
    losses["prototype"] = prototype_loss(embedding.fused, batch.labels, model.class_prompt.prototypes)
    total = losses["class"] + training.contrastive * losses["prototype"]
    if training.prompts:
        losses["prompt"] = prompt_loss(model, embedding, batch.objects, generator)
        total = total + training.prompt_weight * losses["prompt"]
    return {"loss": total, **losses}


def train(recipe: Recipe, out: Path) -> Iterator[TrainStep]:
    """Train a ScSAM and write it, now and then and at the end.

    A generator: each step is yielded, and closing it stops the run with the
    checkpoint that was saved last. Started again with the same `out` and
    recipe, it goes on from there; a seed fixes the run.
    """
    training, run = recipe.training, recipe.to_dict()
    torch.manual_seed(training.seed)
    model = build_model(recipe).train().to(memory_format=torch.channels_last)
    model.image_encoder.train("sam" in training.unfreeze)
    model.mae.train("mae" in training.unfreeze)
    embedder = Embedder(model, LabelledCrops(recipe))
    optimiser = torch.optim.AdamW(parameter_groups(model, training), lr=training.rate, weight_decay=0.01)
    state, started = out.with_suffix(".resume"), time.monotonic()
    for step in range(read_state(state, model, optimiser, run), training.steps):
        generator = torch.Generator().manual_seed(training.seed * 1_000_003 + step)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, training.steps, group["peak"])
        losses = losses_of(model, *embedder.draw(generator), training, generator)
        optimiser.zero_grad(set_to_none=True)
        losses["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if (step + 1) % training.save_every == 0 or step + 1 == training.steps:
            write_state(state, model, optimiser, step + 1, run)
            save_checkpoint(out, model, summary=recipe.summary, licence=recipe.licence, training={**run, "steps_done": step + 1})
        yield TrainStep(step + 1, training.steps, {k: v.item() for k, v in losses.items()}, time.monotonic() - started)
    state.unlink(missing_ok=True)
