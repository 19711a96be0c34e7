"""Training a ScSAM by a recipe, from its first weights to a calibrated checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.checkpoints.checkpoint import save_checkpoint
from napari_scsam.infer.device import choose_device, precision
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.model import ScSAM
from napari_scsam.steps import drive
from napari_scsam.train.build_model import build_model, interpolate_weights, parameter_groups
from napari_scsam.train.calibrate import calibrate
from napari_scsam.train.dataset import CropBatch, LabelledCrops
from napari_scsam.train.embedder import EmbeddedBatch, Embedder
from napari_scsam.train.loop import Trainer, TrainingRun, create_optimiser, training_steps
from napari_scsam.train.losses import ambiguous_hold_loss, class_loss, prototype_loss
from napari_scsam.train.pictures import eval_mode, prediction_picture
from napari_scsam.train.prompts import prompt_loss
from napari_scsam.train.recipe import Recipe
from napari_scsam.train.recipe_tables import Training
from napari_scsam.train.resume import state_file
from napari_scsam.train.schedule import TrainStep

WEIGHT_DECAY = 0.01


def train(
    recipe: Recipe,
    out: Path,
    device: str = "auto",
    processes: int = 0,
    on_restart: Callable[[str], object] | None = None,
) -> Iterator[TrainStep]:
    """Train a ScSAM and write it, every `Training.save_every` steps and at the end.

    A generator: each step is yielded, and closing it stops the run with the checkpoint that was
    saved last. Started again with the same `out` and recipe, it resumes there; a seed fixes the
    run.

    Parameters
    ----------
    recipe
        From `read_recipe`.
    out
        Ends in ``.safetensors``.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    processes
        How many draw crops ahead, when an encoder learns; they change nothing but the time.
    on_restart
        Receives a sentence when a stopped run into `out` with another recipe is discarded.

    Raises
    ------
    UserError
        When there is such a run, and `on_restart` is not given.
    """
    training = recipe.training
    state_file(out)  # now: a run that cannot be written never starts
    where = choose_device(device)
    torch.manual_seed(training.seed)
    model = build_model(recipe).train().to(where).to(memory_format=torch.channels_last)
    recipe = replace(recipe, model=model.config, classes=model.classes)
    model.image_encoder.train("sam" in training.unfreeze)
    model.mae.train("mae" in training.unfreeze)
    embedder = Embedder(model, LabelledCrops(recipe), where)
    settings = recipe.to_dict()
    run = TrainingRun(
        out, settings, settings, recipe.files(), where, training.steps, training.save_every
    )
    groups = parameter_groups(model, training)
    parent = parent_of(recipe, where)
    trainer = Trainer(
        model,
        create_optimiser(groups, where, weight_decay=WEIGHT_DECAY),
        batches=lambda steps: embedder.draw(steps, processes),
        losses_of=lambda batch: losses_of(model, batch, training, parent),
        save=lambda steps: save_training(out, recipe, embedder, steps),
        finish=lambda: finish_training(model, recipe, where),
    )
    yield from training_steps(run, trainer, on_restart)


def parent_of(recipe: Recipe, device: torch.device) -> ScSAM | None:
    """Load the model whose answers are held to, if the recipe wants that."""
    if not recipe.training.hold:
        return None
    parent = build_model(recipe).eval().requires_grad_(False)
    return parent.to(device).to(memory_format=torch.channels_last)


@torch.no_grad()
def parent_crop_logits(parent: ScSAM, image: Tensor) -> Tensor:
    """Return a parent's class logits of B×1×H×W crops: B×K×H×W."""
    logits = parent.class_logits(parent.fuse(parent.encode(image))).float()
    return F.interpolate(logits, image.shape[2:], mode="bilinear", align_corners=False)


def hold_to(parent: ScSAM, logits: Tensor, batch: CropBatch) -> Tensor:
    """Compute the loss that holds B×K×H×W logits to a parent's where labels do not decide."""
    everything = torch.arange(batch.groups.shape[1], device=batch.groups.device)
    partly = (batch.groups != everything).any(1)
    if not partly.any():
        return logits.sum() * 0
    theirs = parent_crop_logits(parent, batch.image[partly])
    return ambiguous_hold_loss(logits[partly], theirs, batch.labels[partly], batch.groups[partly])


def losses_of(
    model: ScSAM, drawn: EmbeddedBatch, training: Training, parent: ScSAM | None = None
) -> dict[str, Tensor]:
    """Return every loss of one batch; ``"loss"`` is their weighted sum.

    A parent's answers are the target of the classes that a crop's labels do not name.
    """
    batch, features, generator = drawn
    losses = {}
    with precision(batch.image.device):
        embedding = model.fuse(features)
        if training.class_weight:
            size = batch.labels.shape[1:]
            logits = model.class_logits(embedding).float()
            logits = F.interpolate(logits, size, mode="bilinear", align_corners=False)
            prototypes = model.class_prompt.prototypes
            if parent is not None and batch.groups.numel():
                losses["hold"] = hold_to(parent, logits, batch)
            losses["class"] = class_loss(logits, batch.labels, batch.groups)
            losses["prototype"] = prototype_loss(
                embedding.fused.float(), batch.labels, prototypes, batch.groups
            )
        if training.prompts:
            losses["prompt"] = prompt_loss(
                model, embedding, batch.objects, batch.first_clicks, generator, training.rounds
            )
    return {"loss": weighted_sum(losses, training), **losses}


def weighted_sum(losses: dict[str, Tensor], training: Training) -> Tensor:
    """Add up losses, each times its weight in the recipe."""
    weights = {
        "class": training.class_weight,
        "hold": training.hold,
        "prototype": training.contrastive,
        "prompt": training.prompt_weight,
    }
    return torch.stack([weights[name] * value for name, value in losses.items()]).sum()


def finish_training(model: ScSAM, recipe: Recipe, device: torch.device) -> None:
    """Interpolate with the weights before training, if the recipe says so, and calibrate."""
    share = recipe.training.keep
    if share:
        before = build_model(replace(recipe, start=recipe.kept or recipe.start))
        interpolate_weights(model, before, share)
    calibrate_model(model, recipe, device)


def calibrate_model(model: ScSAM, recipe: Recipe, device: torch.device) -> None:
    """Set temperature, biases and thresholds by the first source that keeps slices for it, if any.

    Its labels must name every class: what they do not name would count as background.
    """
    if model.config.prompts_only:
        return
    for source in recipe.sources:
        if source.calibration and not source.classes:
            image = open_volume(source.image, source.voxel_size)
            labels = open_labels(source.labels)
            drive(calibrate(Predictor(model, device), image, labels, source.calibration))
            return


def save_training(out: Path, recipe: Recipe, embedder: Embedder, steps: int) -> NDArray[np.uint8]:
    """Write the checkpoint, and return a picture of what it predicts on the first batch."""
    save_checkpoint(
        out,
        embedder.model,
        summary=recipe.summary,
        licence=recipe.licence,
        training={**recipe.to_dict(), "steps_done": steps},
        half=recipe.half,
    )
    with eval_mode(embedder.model):  # the first batch is embedded without learning, too
        batch, features = embedder.first()
        return prediction_picture(embedder.model, batch, features, recipe.training)
