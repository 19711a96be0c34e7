"""The tables of a recipe's TOML file, each checked as it is read.

Paths in a file are relative to it: the folder is ``base`` in the validation context. Without a
context, as when a table is created in Python, paths stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass

from napari_scsam.checkpoints.find import find_checkpoint
from napari_scsam.config import TaughtClass, UserError, VoxelSize, parse_voxel_size
from napari_scsam.infer.tiling import MULTIPLE
from napari_scsam.io.locations import is_address
from napari_scsam.model.image_encoder import EMBED_DIM
from napari_scsam.model.scsam_config import ScSAMConfig
from napari_scsam.plausible import guess_of, is_plausible_along
from napari_scsam.train.augment import Augmentation
from napari_scsam.train.bodies import Axis

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

MIN_TILE = 128
"""Smaller tiles would be all halo."""

TRAINING_ZOOM = 1.5
"""Zoom of the augmentation in training, unless a recipe sets another."""


def in_base(path: Path, info: ValidationInfo) -> Path:
    """Return a path as seen from the recipe's folder."""
    if info.context is None:
        return path
    base: Path = info.context["base"]
    if is_address(str(path)):
        return path
    return base / path


def find_start(path: Path, info: ValidationInfo) -> Path:
    """Return a checkpoint's path: a file in the recipe's folder, else a checkpoint of that name."""
    file = in_base(path, info)
    is_name = path.name == str(path) and path.suffix != ".safetensors"
    if info.context is not None and is_name and not file.is_file():
        return find_checkpoint(str(path))
    return file


def read_taught(value: Any, info: ValidationInfo) -> Any:
    """Read the taught classes from the file that an export wrote.

    Raises
    ------
    UserError
        When the file does not hold such classes.
    """
    if not isinstance(value, str):
        return value
    path = in_base(Path(value), info)
    try:
        taught = tuple(TaughtClass.from_dict(entry) for entry in json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            f"{path} cannot be read as classes learned from strokes; export the training set again"
        ) from error
    for known in taught:
        if len(known.prototype) != EMBED_DIM or not np.isfinite(known.prototype).all():
            raise UserError(
                f"{path} does not hold {EMBED_DIM} numbers for {known.spec.name!r}; "
                "export the training set again"
            )
    return taught


def with_training_zoom(value: Any) -> Any:
    """Set the zoom of an augmentation table that names none."""
    if isinstance(value, Mapping):
        return {"zoom": TRAINING_ZOOM, **value}
    return value


def without_repeats(names: tuple[Encoder, ...]) -> tuple[Encoder, ...]:
    """Return each name once."""
    return tuple(dict.fromkeys(names))


Encoder = Literal["sam", "mae"]
AtLeastOne = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=10**12)]
Rate = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
SourceWeight = Annotated[float, Field(gt=0, le=1e6)]
RelativePath = Annotated[Path, AfterValidator(in_base)]
CheckpointPath = Annotated[Path, AfterValidator(find_start)]


@dataclass(frozen=True, config=STRICT)
class LabelledSource:
    """``[[data]]``: one labelled volume."""

    image: RelativePath
    labels: RelativePath
    instances: bool = False
    """Labels are object numbers, not classes: they teach clicks and boxes.

    With `classes`, the objects are also known to be none of those; all else is unknown.
    """
    bodies: bool = False
    """Labels are numbers of cells' bodies: the borders between them are the one class of `borders`,
    and what lies between is clicked on. Set `classes` to that class alone."""
    axes: tuple[Axis, ...] = ("z",)
    """The volume is sliced across each of these, ``"z"``, ``"y"`` or ``"x"``."""
    objects: tuple[tuple[int, ...], ...] = ()
    """Groups of class ids whose connected regions are clicked on, e.g. ``((1, 2), (3,))``."""
    borders: tuple[int, ...] = ()
    """Class ids (membranes) that cut the rest of the slice into profiles to click on."""
    sheath: int | None = None
    """Class id of what wraps a profile (myelin); the augmentation may draw more of it.

    A sheath of an id that no class has is drawn as none of the classes.
    """
    voxel_size: Annotated[VoxelSize | None, BeforeValidator(parse_voxel_size)] = None
    """Overrides the file's, in nm."""
    weight: SourceWeight = 1.0
    """How often it is drawn from, times the square root of its size."""
    slices: tuple[int, ...] = ()
    """Use these slices only; all when empty."""
    calibration: tuple[int, ...] = ()
    """Slices kept out of training; they set temperature and thresholds at the end."""
    reviewed: RelativePath | None = None
    """A mask of what a person has reviewed; labels elsewhere are unknown.

    A training set that the plugin wrote has its own.
    """
    reviewed_values: tuple[int, ...] = ()
    """Values of the mask that count as reviewed here; all but 0 when empty."""
    classes: tuple[int, ...] = ()
    """Ids of the classes that the labels name; all when empty. The others are unknown there."""

    @model_validator(mode="after")
    def _check_bodies(self) -> Self:
        if self.bodies and (len(self.borders) != 1 or self.classes != self.borders):
            raise UserError(
                "bodies = true in the recipe's [[data]] needs the class of the borders between them; "
                "give its id in borders and in classes, as [6]"
            )
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; paths are cut to what means something on other machines."""
        values = asdict(self)
        for name in ("image", "labels", "reviewed"):
            path: Path | None = values[name]
            if path is not None:
                values[name] = "/".join(path.parts[-2:])
        # Records of earlier versions lack these keys, and must stay equal for a run to be resumed.
        for name in ("reviewed_values", "classes", "bodies"):
            if not values[name]:
                del values[name]
        if self.axes == ("z",):
            del values["axes"]
        return values


@dataclass(frozen=True, config=STRICT)
class Training:
    """``[training]``: settings of the loop."""

    steps: AtLeastOne = 2000
    batch: AtLeastOne = 8
    crop: Annotated[int, Field(ge=1, le=4096, multiple_of=MULTIPLE)] = 224
    """Side of a training crop in pixels."""
    rate: Rate = 6e-4
    """Peak learning rate of fusion, class prompts and detail path."""
    decoder_rate: Rate = 2e-4
    """Peak learning rate of SAM's mask decoder and prompt encoder."""
    encoder_rate: Rate = 3e-4
    """Peak learning rate of unfrozen encoders."""
    unfreeze: Annotated[tuple[Encoder, ...], AfterValidator(without_repeats)] = ()
    """Encoders that learn too. With none, crops are embedded once and kept."""
    pool: AtLeastOne = 512
    """How many embedded crops to keep when both encoders are frozen."""
    prompts: Annotated[int, Field(ge=0, le=1000)] = 3
    """Objects to click on in each crop; 0 trains classes alone."""
    rounds: Annotated[int, Field(ge=1, le=100)] = 2
    """Answers asked for each object; a click corrects each of them."""
    class_weight: Weight = 1.0
    """Weight of the classes' cross-entropy and Dice; 0 trains clicks and boxes alone, as SAM is."""
    contrastive: Weight = 0.1
    """Weight of the prototype-contrastive loss."""
    prompt_weight: Weight = 0.5
    """Weight of the clicks' and boxes' loss."""
    hold: Weight = 0.0
    """Weight of the distance from the parent's answers, among classes that a source's labels cannot
    tell apart (Hinton et al. 2015, arXiv 1503.02531)."""
    keep: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the weights before training in those after it, so that less is forgotten
    (Wortsman et al. 2022, arXiv 2109.01903). Needs a checkpoint to start from."""
    seed: Seed = 0
    save_every: AtLeastOne = 100
    augmentation: Annotated[Augmentation, BeforeValidator(with_training_zoom)] = field(
        default_factory=lambda: Augmentation(zoom=TRAINING_ZOOM)
    )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; settings that are newer than a record appear when they are set."""
        values = asdict(self)
        if not self.hold:
            del values["hold"]
        if not self.augmentation.lookalikes:
            del values["augmentation"]["lookalikes"]
        return values

    @model_validator(mode="after")
    def _check_teaches(self) -> Self:
        if not self.class_weight and not self.prompts:
            raise UserError(
                "class_weight = 0 and prompts = 0 in the recipe's [training] train nothing; "
                "raise one of them"
            )
        return self


@dataclass(frozen=True, config=STRICT)
class ModelTable(ScSAMConfig):
    """``[model]``: the network, and the weights that it starts from."""

    sam_weights: RelativePath | None = None
    mae_weights: RelativePath | None = None
    start: CheckpointPath | None = None
    renumber: bool = False
    taught: Annotated[tuple[TaughtClass, ...], BeforeValidator(read_taught)] = ()
    kept: CheckpointPath | None = None

    @field_validator("tile")
    @classmethod
    def _check_tile(cls, tile: int) -> int:
        if tile < MIN_TILE or tile % MULTIPLE:
            raise UserError(
                f"tile = {tile} in the recipe's [model] is not usable; "
                f"give a multiple of {MULTIPLE}, {MIN_TILE} or more"
            )
        return tile

    @field_validator("nm_per_pixel")
    @classmethod
    def _check_pixel_size(cls, size: float | None) -> float | None:
        if size is not None and not is_plausible_along(size, "x"):
            guess = guess_of(size, "x") if size > 0 else None
            hint = f" ({guess:g}?)" if guess is not None else ""
            raise UserError(
                f"nm_per_pixel = {size:g} in the recipe's [model] is not usable{hint}; "
                "give the pixel size in nm"
            )
        return size

    @model_validator(mode="after")
    def _check_start(self) -> Self:
        for name in ("renumber", "taught"):
            if getattr(self, name) and self.start is None:
                raise UserError(
                    f"{name} in the recipe's [model] needs a checkpoint that has classes; "
                    "name one by start"
                )
        return self

    def network(self) -> ScSAMConfig:
        """Return the settings of the network alone."""
        return ScSAMConfig(**{f.name: getattr(self, f.name) for f in fields(ScSAMConfig)})


@dataclass(frozen=True, config=STRICT)
class CardTable:
    """``[checkpoint]``: what the checkpoint says of itself."""

    summary: str = "A ScSAM trained with scsam train."
    licence: str = "unknown"
    half: bool = False
    """Write the weights in half precision, at half the size."""


class RecipeTables(BaseModel):
    """All tables of a recipe."""

    model_config = ConfigDict(frozen=True, **STRICT)

    model: ModelTable = ModelTable()
    classes: tuple[dict[str, Any], ...] = ()
    data: tuple[LabelledSource, ...] = ()
    training: Training = Training()
    checkpoint: CardTable = CardTable()
