"""The training loop: from a recipe, or from a checkpoint and corrected labels."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.checkpoints.checkpoint import (
    checkpoint_info,
    load_checkpoint,
    load_mae,
    save_checkpoint,
)
from napari_scsam.checkpoints.published import load_sam
from napari_scsam.config import ClassSpec, UserError, missing_classes
from napari_scsam.infer.device import choose_device, precision
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.volumes import open_labels, open_volume
from napari_scsam.model import EncoderFeatures, ScSAM
from napari_scsam.model.image_encoder import EMBED_DIM
from napari_scsam.train.calibrate import calibrate
from napari_scsam.train.dataset import Batch, LabelledCrops
from napari_scsam.train.drawing import draw_steps, generator_of
from napari_scsam.train.losses import class_loss, prototype_loss
from napari_scsam.train.pictures import eval_mode, prediction_picture
from napari_scsam.train.prompts import prompt_loss
from napari_scsam.train.recipe import Recipe, Training
from napari_scsam.train.resume import StateKeeper, read_state, state_file
from napari_scsam.train.run_folder import RunFolder
from napari_scsam.train.schedule import TrainStep, learning_rate


def build_model(recipe: Recipe) -> ScSAM:
    """Create the model a recipe starts from, with whatever pre-trained weights it names."""
    if recipe.start is not None:
        model = start_from(
            recipe.start,
            recipe.classes,
            renumber=recipe.renumber,
            learns_classes=recipe.training.class_weight > 0,
        )
        for known in recipe.taught:
            if known.spec.name.casefold() in {spec.name.casefold() for spec in model.classes}:
                model.add_class(known.spec, torch.tensor(known.prototype), over=())
        return model
    model = ScSAM(recipe.model, recipe.classes)
    if recipe.sam_weights is not None:
        load_sam(model, recipe.sam_weights)
    if recipe.mae_weights is not None:
        load_mae(recipe.mae_weights, model.mae)
    return model


def start_from(
    path: Path, classes: Sequence[ClassSpec], *, renumber: bool = False, learns_classes: bool = True
) -> ScSAM:
    """Load a checkpoint to go on from; its config and class table stand, and classes that it lacks are added.

    What the recipe says of a class that it has, as its description or reach, replaces what it said itself.

    With `renumber` the table of `classes` stands, instead, and what the
    checkpoint knows of those of one name is taken over.

    Raises
    ------
    UserError
        When the recipe means another class by an id or a name and does not renumber, or
        classes are to be learned by a network that is made for clicks and boxes alone.
    """
    if learns_classes and (info := checkpoint_info(path)).prompts_only:
        raise UserError(
            f"{path.name} is made for clicks and boxes alone, without the parts that learn classes well; in the recipe's [model], "
            f"write sam = {json.dumps(info.config['sam'])} and sam_weights = {json.dumps(str(path))} in place of start"
        )
    model = load_checkpoint(path)
    if renumber:
        adopt_class_table(model, classes)
    said = {spec.id: spec for spec in classes}
    missing = missing_classes(model.classes, classes, path.name)
    model.classes = tuple(merge_spec(spec, said.get(spec.id, spec)) for spec in model.classes)
    for spec in missing:
        chance = torch.Generator().manual_seed(
            spec.id
        )  # the same each time: `interpolate_weights` needs the weights that it started from
        model.add_class(spec, F.normalize(torch.randn(EMBED_DIM, generator=chance), dim=0))
    return model


def merge_spec(known: ClassSpec, said: ClassSpec) -> ClassSpec:
    """Let a class that a network knows be what a recipe says of it, where it says something; it keeps its name and colour.

    Which class goes before which is for training to learn, unless the recipe settles it: what strokes had said no longer stands.
    """
    return replace(
        known,
        description=said.description or known.description,
        part_of=said.part_of or known.part_of,
        reach=said.reach or known.reach,
        smallest=said.smallest or known.smallest,
        over=said.over,
    )


def adopt_class_table(model: ScSAM, classes: Sequence[ClassSpec]) -> None:
    """Return a model's classes the ids that they have in a table, and forget those that it lacks."""
    known = {spec.name.casefold(): row for row, spec in enumerate(model.classes)}
    kept = [spec for spec in classes if spec.name.casefold() in known]
    rows = [known[spec.name.casefold()] for spec in kept]
    model.classes = tuple(
        replace(model.classes[row], id=spec.id, colour=spec.colour)
        for row, spec in zip(rows, kept, strict=True)
    )
    model.class_prompt.prototypes = torch.nn.Parameter(model.class_prompt.prototypes.detach()[rows])
    model.thresholds = model.thresholds[rows]


def parameter_groups(model: ScSAM, training: Training) -> list[dict[str, object]]:
    """Freeze what is not to learn; give each learning part its peak rate."""
    encoders = {"sam": model.image_encoder, "mae": model.mae}
    for name, encoder in encoders.items():
        encoder.requires_grad_(name in training.unfreeze)
    tuned = [p for name in training.unfreeze for p in encoders[name].parameters()]
    decoder = [*model.mask_decoder.parameters(), *model.prompt_encoder.parameters()]
    others = {id(p) for p in (*tuned, *decoder)}
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in others]
    groups = {"rate": rest, "decoder_rate": decoder, "encoder_rate": tuned}
    return [
        {"name": rate, "params": params, "peak": getattr(training, rate)}
        for rate, params in groups.items()
    ]


class Embedder:
    """Gives each step its batch with features; embeds crops once when both encoders are frozen.

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
        self.remembered: dict[int, tuple[Batch, EncoderFeatures]] = {}

    def draw(
        self, steps: range, processes: int = 0
    ) -> Iterator[tuple[Batch, EncoderFeatures, torch.Generator]]:
        """Return new batches while the pool fills, or when an encoder learns; later ones out of the pool."""
        training = self.crops.training
        if training.unfreeze:
            for drawn, generator in draw_steps(self.crops, training.seed, steps, processes):
                batch = drawn.to(self.device)
                yield batch, self.encode(batch), generator
            return
        size = math.ceil(max(1, training.pool) / training.batch)
        for step in steps:
            generator = generator_of(training.seed, step)
            yield (
                *self.remember(
                    step if step < size else int(torch.randint(size, (), generator=generator))
                ),
                generator,
            )

    def first(self) -> tuple[Batch, EncoderFeatures]:
        """Return the batch of the first step, at any time."""
        batch, features, _ = next(self.draw(range(1)))
        return batch, features

    def encode(self, batch: Batch) -> EncoderFeatures:
        """Run the encoders, in half precision where the device is made for it."""
        with precision(self.device):
            return self.model.encode(batch.image.contiguous(memory_format=torch.channels_last))

    @torch.no_grad()
    def remember(self, number: int) -> tuple[Batch, EncoderFeatures]:
        """Return a batch of the pool. Its number fixes it, so that a resumed run finds the pool of the stopped one."""
        if number not in self.remembered:
            batch = self.crops.batch(generator_of(self.crops.training.seed, number))
            features = self.encode(batch.to(self.device))
            self.remembered[number] = (
                batch,
                EncoderFeatures(
                    features.sam.half().cpu(), tuple(f.half().cpu() for f in features.mae)
                ),
            )
        batch, features = self.remembered[number]
        return batch.to(self.device), EncoderFeatures(
            features.sam.to(self.device).float(),
            tuple(f.to(self.device).float() for f in features.mae),
        )


def losses_of(
    model: ScSAM,
    batch: Batch,
    features: EncoderFeatures,
    training: Training,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return every loss of one batch; ``"loss"`` is their weighted sum."""
    losses = {}
    with precision(batch.image.device):
        embedding = model.fuse(features)
        if training.class_weight:
            logits = F.interpolate(
                model.class_logits(embedding).float(),
                batch.labels.shape[1:],
                mode="bilinear",
                align_corners=False,
            )
            losses["class"] = class_loss(logits, batch.labels)
            losses["prototype"] = prototype_loss(
                embedding.fused.float(), batch.labels, model.class_prompt.prototypes
            )
        if training.prompts:
            losses["prompt"] = prompt_loss(
                model, embedding, batch.objects, batch.first_clicks, generator, training.rounds
            )
    weights = {
        "class": training.class_weight,
        "prototype": training.contrastive,
        "prompt": training.prompt_weight,
    }
    return {"loss": torch.stack([weights[k] * v for k, v in losses.items()]).sum(), **losses}


def calibrate_model(model: ScSAM, recipe: Recipe, device: torch.device) -> None:
    """Set temperature and thresholds by the slices that the recipe keeps for it, if any."""
    for source in recipe.sources:
        if source.calibration and not model.config.prompts_only:
            image = open_volume(source.image, source.voxel_size)
            labels = open_labels(source.labels)
            list(calibrate(Predictor(model, device), image, labels, source.calibration))
            return


@torch.no_grad()
def interpolate_weights(model: ScSAM, before: ScSAM, share: float) -> None:
    """Turn weights into the mean of themselves and of those before, which have that share."""
    known = before.state_dict()
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            value.lerp_(known[name].to(value), share)


def train(
    recipe: Recipe,
    out: Path,
    device: str = "auto",
    processes: int = 0,
    anew: Callable[[str], object] | None = None,
) -> Iterator[TrainStep]:
    """Train a ScSAM and write it, now and then and at the end.

    A generator: each step is yielded, and closing it stops the run with the
    checkpoint that was saved last. Started again with the same `out` and
    recipe, it goes on from there; a seed fixes the run.

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
    anew
        Told in a sentence when a run into `out` was stopped that had another recipe, which is then given up.

    Raises
    ------
    UserError
        When there was such a run, and `anew` is not given.
    """
    training = recipe.training
    state = state_file(out)
    where = choose_device(device)
    torch.manual_seed(training.seed)
    model = build_model(recipe).train().to(where).to(memory_format=torch.channels_last)
    recipe = replace(recipe, model=model.config, classes=model.classes)
    model.image_encoder.train("sam" in training.unfreeze)
    model.mae.train("mae" in training.unfreeze)
    embedder = Embedder(model, LabelledCrops(recipe), where)
    run = recipe.to_dict()
    optimiser = torch.optim.AdamW(
        parameter_groups(model, training),
        lr=training.rate,
        weight_decay=0.01,
        fused=where.type == "cuda",
    )
    first = read_state(state, model, optimiser, run, anew)
    started = time.monotonic()
    folder = RunFolder(out, run, recipe.files(), where, first)
    keeper = StateKeeper(state, model, optimiser, run)
    steps = range(first, training.steps)
    for step, (batch, features, generator) in zip(
        steps, embedder.draw(steps, processes), strict=True
    ):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, training.steps, group["peak"])
        losses = losses_of(model, batch, features, training, generator)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(losses["loss"])
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        done = TrainStep(
            step + 1,
            training.steps,
            {k: v.item() for k, v in losses.items()},
            time.monotonic() - started,
        )
        folder.add(done, optimiser)
        if step + 1 == training.steps:
            if training.keep:
                interpolate_weights(
                    model,
                    build_model(replace(recipe, start=recipe.kept or recipe.start)),
                    training.keep,
                )
            calibrate_model(model, recipe, where)
        keeper.keep(
            step + 1,
            now=(save := (step + 1) % training.save_every == 0 or step + 1 == training.steps),
        )
        if save:
            record = {**run, "steps_done": step + 1}
            save_checkpoint(
                out,
                model,
                summary=recipe.summary,
                licence=recipe.licence,
                training=record,
                half=recipe.half,
            )
            with eval_mode(model):  # always at the same crops
                folder.save(done, prediction_picture(model, *embedder.first(), training))
        yield done
    state.unlink(missing_ok=True)
