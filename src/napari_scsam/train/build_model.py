"""The model that a run starts from, and which of its parts learn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional as F

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.checkpoints.mae_file import load_mae
from napari_scsam.checkpoints.published import load_sam
from napari_scsam.config import ClassSpec, UserError, missing_classes
from napari_scsam.model import ScSAM
from napari_scsam.model.image_encoder import EMBED_DIM
from napari_scsam.train.recipe import Recipe
from napari_scsam.train.recipe_tables import Training


def build_model(recipe: Recipe) -> ScSAM:
    """Create the model that a recipe starts from, with the pre-trained weights that it names."""
    if recipe.start is not None:
        return start_from(recipe.start, recipe)
    model = ScSAM(recipe.model, recipe.classes)
    if recipe.sam_weights is not None:
        load_sam(model, recipe.sam_weights)
    if recipe.mae_weights is not None:
        load_mae(recipe.mae_weights, model.mae)
    return model


def start_from(path: Path, recipe: Recipe) -> ScSAM:
    """Load the checkpoint that a recipe starts from, and add the classes that it lacks.

    The checkpoint's config and class table stand. What the recipe says of a class that the
    checkpoint has, such as its description, replaces what the checkpoint says. When the recipe
    renumbers, its own class table stands, and classes of equal name keep what they learned.

    Raises
    ------
    UserError
        When the recipe means another class by an id or a name and does not renumber. Also when
        classes are to be learned by a network for clicks and boxes alone, or an imported one.
    """
    if recipe.training.class_weight > 0:
        check_learns_classes(path)
    model = load_checkpoint(path)
    model.config.need_prompts()
    if recipe.renumber:
        adopt_class_table(model, recipe.classes)
    missing = missing_classes(model.classes, recipe.classes, path.name)
    described = {spec.id: spec for spec in recipe.classes}
    model.classes = tuple(merge_spec(spec, described.get(spec.id, spec)) for spec in model.classes)
    for spec in missing:
        # The same each time: `interpolate_weights` needs the weights that the run started from.
        generator = torch.Generator().manual_seed(spec.id)
        model.add_class(spec, F.normalize(torch.randn(EMBED_DIM, generator=generator), dim=0))
    add_taught(model, recipe)
    return model


def check_learns_classes(path: Path) -> None:
    """Check that a checkpoint has the parts that learn classes.

    Raises
    ------
    UserError
        When it is made for clicks and boxes alone.
    """
    info = checkpoint_info(path)
    if info.prompts_only:
        sam = json.dumps(info.config["sam"])
        raise UserError(
            f"{path.name} answers clicks and boxes only and cannot learn classes well; in the "
            f"recipe's [model], write sam = {sam} and sam_weights = {json.dumps(str(path))} "
            "in place of start"
        )


def add_taught(model: ScSAM, recipe: Recipe) -> None:
    """Set the prototypes that strokes taught, of the classes that the model has."""
    names = {spec.name.casefold() for spec in model.classes}
    for known in recipe.taught:
        if known.spec.name.casefold() in names:
            model.add_class(known.spec, torch.tensor(known.prototype), overrides=())


def merge_spec(known: ClassSpec, described: ClassSpec) -> ClassSpec:
    """Merge what a network and a recipe say of a class; the recipe wins where it says something.

    Name and colour stay the network's. Which class overrides which is learned by training unless
    the recipe sets it, so what strokes had set is dropped.
    """
    return replace(
        known,
        description=described.description or known.description,
        part_of=described.part_of or known.part_of,
        reach=described.reach or known.reach,
        smallest=described.smallest or known.smallest,
        overrides=described.overrides,
    )


def adopt_class_table(model: ScSAM, classes: Sequence[ClassSpec]) -> None:
    """Set the ids and colours of a model's classes to those of a table; drop classes not in it."""
    row_of = {spec.name.casefold(): row for row, spec in enumerate(model.classes)}
    shared = [spec for spec in classes if spec.name.casefold() in row_of]
    rows = [row_of[spec.name.casefold()] for spec in shared]
    model.classes = tuple(
        replace(model.classes[row], id=spec.id, colour=spec.colour)
        for row, spec in zip(rows, shared, strict=True)
    )
    model.class_prompt.prototypes = torch.nn.Parameter(model.class_prompt.prototypes.detach()[rows])
    model.class_biases = model.class_biases[rows]
    model.thresholds = model.thresholds[rows]


def parameter_groups(model: ScSAM, training: Training) -> list[dict[str, object]]:
    """Freeze the parts that do not learn, and return the others in groups with a peak rate each."""
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


@torch.no_grad()
def interpolate_weights(model: ScSAM, before: ScSAM, share: float) -> None:
    """Replace each weight by ``(1 - share) * weight + share * weight before training``.

    After Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (arXiv 2109.01903).
    """
    known = before.state_dict()
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            value.lerp_(known[name].to(value), share)
