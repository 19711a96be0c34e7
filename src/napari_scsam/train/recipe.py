"""A training run as a TOML file, parsed once.

See ``weights/recipe.toml`` for the one that made the shipped checkpoint.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

from napari_scsam.checkpoints.checkpoint import find_checkpoint
from napari_scsam.config import (
    ClassSpec,
    TaughtClass,
    UserError,
    VoxelSize,
    parse_classes,
    parse_voxel_size,
)
from napari_scsam.infer.tiling import MULTIPLE
from napari_scsam.model.image_encoder import EMBED_DIM
from napari_scsam.model.scsam import ScSAMConfig
from napari_scsam.train.augment import Augmentation

ENCODERS = ("sam", "mae")

SMALLEST_TILE = 128
"""Smaller tiles would be all halo."""


RANDOM = "random weights"
"""What a run begins with that is given none."""


@dataclass(frozen=True)
class Source:
    """One labelled volume."""

    image: Path
    labels: Path
    instances: bool = False
    """Labels are object numbers, not classes: they teach clicks and boxes only."""
    objects: tuple[tuple[int, ...], ...] = ()
    """Groups of class ids whose connected regions are objects to click on, e.g. ``((1, 2), (3,))``."""
    borders: tuple[int, ...] = ()
    """Class ids (membranes) that cut the rest of the slice into profiles to click on."""
    sheath: int | None = None
    """Class id of what wraps a profile (myelin); the augmentation may draw more of it."""
    voxel_size: VoxelSize | None = None
    """Overrides the file's, in nm."""
    weight: float = 1.0
    """How often it is drawn from, beside the square root of its size."""
    slices: tuple[int, ...] = ()
    """Use these slices only; all when empty."""
    calibration: tuple[int, ...] = ()
    """Slices to keep out of training and set temperature and thresholds by at the end."""
    reviewed: Path | None = None
    """A mask of what a person has looked at; elsewhere the labels are unknown. A training set that the plugin wrote has its own."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; of the files only the names, which mean something on other machines too."""
        return {
            **asdict(self),
            **{
                k: "/".join(p.parts[-2:]) if (p := getattr(self, k)) else None
                for k in ("image", "labels", "reviewed")
            },
        }


@dataclass(frozen=True)
class Training:
    """Settings of the loop."""

    steps: int = 2000
    batch: int = 8
    crop: int = 224
    """Side of a training crop in pixels, a multiple of 16."""
    rate: float = 6e-4
    """Peak learning rate of fusion, class prompts and detail path."""
    decoder_rate: float = 2e-4
    """Peak learning rate of SAM's mask decoder and prompt encoder."""
    encoder_rate: float = 3e-4
    """Peak learning rate of unfrozen encoders."""
    unfreeze: tuple[str, ...] = ()
    """Encoders that learn too: ``"sam"``, ``"mae"``. With none, crops are embedded once and remembered."""
    pool: int = 512
    """How many embedded crops to remember when both encoders are frozen."""
    prompts: int = 3
    """Objects to click on in each crop; 0 trains classes alone."""
    rounds: int = 2
    """Answers asked for each object, every one corrected by a click."""
    class_weight: float = 1.0
    """Weight of the classes' cross-entropy and Dice; 0 trains clicks and boxes alone, which is SAM's own training."""
    contrastive: float = 0.1
    """Weight of the prototype-contrastive loss."""
    prompt_weight: float = 0.5
    """Weight of the clicks' and boxes' loss."""
    keep: float = 0.0
    """Share of the weights it started from in those it ends with: what was learned does not drive out what was known
    (Wortsman et al. 2022, arXiv 2109.01903). Needs a checkpoint to start from."""
    seed: int = 0
    save_every: int = 100
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(zoom=1.5))


@dataclass(frozen=True)
class Recipe:
    """Everything a run needs."""

    model: ScSAMConfig
    classes: tuple[ClassSpec, ...]
    sources: tuple[Source, ...]
    training: Training
    sam_weights: Path | None = None
    """Official SAM file to start the SAM branch from."""
    mae_weights: Path | None = None
    """What ``scsam pretrain`` wrote."""
    start: Path | None = None
    """A ScSAM checkpoint to start from instead; a recipe may also give its name."""
    renumber: bool = False
    """The recipe's class table stands in place of that checkpoint's; classes of one name keep what they learned, whatever their ids."""
    taught: tuple[TaughtClass, ...] = ()
    """What that checkpoint learned from strokes; a recipe names the file that an export wrote."""
    kept: Path | None = None
    """The checkpoint whose weights `Training.keep` keeps, when not that to start from."""
    summary: str = "A ScSAM trained with scsam train."
    licence: str = "unknown"
    half: bool = False
    """Write the weights in half precision, at half the size."""

    def files(self) -> tuple[Path, ...]:
        """Return everything that a run reads."""
        weights = [
            path
            for path in (self.sam_weights, self.mae_weights, self.start, self.kept)
            if path is not None
        ]
        return (
            *(path for source in self.sources for path in (source.image, source.labels)),
            *weights,
        )

    def describe_start(self) -> str:
        """Tell in a few words which weights a run begins with."""
        if self.start is not None:
            return self.start.name
        return (
            " and ".join(
                path.name for path in (self.sam_weights, self.mae_weights) if path is not None
            )
            or RANDOM
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values for the checkpoint's training record."""
        return {
            "model": self.model.to_dict(),
            "classes": [c.to_dict() for c in self.classes],
            "sources": [s.to_dict() for s in self.sources],
            "training": asdict(self.training),
            "sam_weights": self.sam_weights.name if self.sam_weights else None,
            "mae_weights": self.mae_weights.name if self.mae_weights else None,
            "start": self.start.name if self.start else None,
            **({"renumber": True} if self.renumber else {}),
            **({"taught": [known.spec.name for known in self.taught]} if self.taught else {}),
            **({"kept": self.kept.name} if self.kept else {}),
        }


def read_recipe(path: Path) -> Recipe:
    """Parse a recipe, or that of a training set, which is a folder; paths in it are relative to the file.

    Raises
    ------
    UserError
        When the file is missing, is no TOML, or says something unknown.
    """
    path = path / "recipe.toml" if path.is_dir() else path
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"no training recipe at {path}; give the path of a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML: {error}") from error
    return parse_recipe(data, path.parent)


def parse_recipe(data: Mapping[str, Any], base: Path) -> Recipe:
    """Turn TOML's tables into a recipe.

    Raises
    ------
    UserError
        When a table or a setting is unknown, missing or of the wrong kind.
    """
    known = ("model", "classes", "data", "training", "checkpoint")
    if unknown := set(data) - set(known):
        raise UserError(
            f"the recipe has an unknown table [{min(unknown)}]; known are {', '.join(known)}"
        )
    model = dict(_table(data, "model"))
    card = _table(data, "checkpoint")
    start, kept = (_start(base, model.pop(k)) if k in model else None for k in ("start", "kept"))
    sam, mae = (
        _path(base, model.pop(k), k) if k in model else None for k in ("sam_weights", "mae_weights")
    )
    if not isinstance(renumber := model.pop("renumber", False), bool):
        raise UserError(
            f"renumber = {renumber!r} in the recipe's [model] is of the wrong kind; write true or false"
        )
    _refuse_unknown(card, ("summary", "licence", "half"), "checkpoint")
    if not isinstance(half := card.get("half", False), bool):
        raise UserError(
            f"half = {half!r} in the recipe's [checkpoint] is of the wrong kind; write true or false"
        )
    taught = _taught(_path(base, model.pop("taught"), "taught")) if "taught" in model else ()
    if start is None and (needs := "renumber" if renumber else "taught" if taught else ""):
        raise UserError(
            f"{needs} in the recipe's [model] needs a checkpoint that has classes; name one by start"
        )
    classes = _tables(data, "classes")
    training = _training(_table(data, "training"))
    if training.keep and start is None:
        raise UserError(
            "keep in the recipe's [training] needs weights to keep; name a checkpoint by start in [model]"
        )
    config = _model(model)
    if config.prompts_only and training.class_weight:
        raise UserError(
            "prompts_only = true in the recipe's [model] needs class_weight = 0 in [training]; leave it out to train classes"
        )
    return Recipe(
        model=config,
        # The class table of a checkpoint to start from stands, and these are added to it; unless it is to be renumbered.
        classes=parse_classes(classes) if classes or start is None or renumber else (),
        sources=tuple(_source(s, base) for s in _tables(data, "data")),
        training=training,
        sam_weights=sam,
        mae_weights=mae,
        start=start,
        renumber=renumber,
        taught=taught,
        kept=kept,
        summary=str(card.get("summary", Recipe.summary)),
        licence=str(card.get("licence", Recipe.licence)),
        half=half,
    )


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = data.get(name, {})
    if not isinstance(table, Mapping):
        raise UserError(
            f"{name} in the recipe must be a table; write [{name}] and its settings below"
        )
    return table


def _tables(data: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    tables = data.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(t, Mapping) for t in tables):
        raise UserError(
            f"{name} in the recipe must be a list of tables; write [[{name}]] over each"
        )
    return tables


def _path(base: Path, value: Any, name: str) -> Path:
    if not isinstance(value, str):
        raise UserError(
            f"{name} = {value!r} in the recipe is no path; write it in quotes, relative to the recipe"
        )
    return base / value


def _start(base: Path, value: Any) -> Path:
    """Find the checkpoint to start from: a file as seen from the recipe or, where there is none, one known by that name."""
    path = _path(base, value, "start")
    by_name = not path.is_file() and Path(value).name == value and path.suffix != ".safetensors"
    return find_checkpoint(value) if by_name else path


def _taught(path: Path) -> tuple[TaughtClass, ...]:
    try:
        taught = tuple(TaughtClass.from_dict(entry) for entry in json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} cannot be read as classes learned from strokes; export the training set again"
        ) from error
    if wrong := [
        known.spec.name
        for known in taught
        if len(known.prototype) != EMBED_DIM or not np.isfinite(known.prototype).all()
    ]:
        raise UserError(
            f"{path} does not hold {EMBED_DIM} numbers for {wrong[0]!r}; export the training set again"
        )
    return taught


def _model(values: Mapping[str, Any]) -> ScSAMConfig:
    model = _build(ScSAMConfig, values, "model")
    if model.tile < SMALLEST_TILE or model.tile % MULTIPLE:
        raise UserError(
            f"tile = {model.tile} in the recipe's [model] is not usable; give a multiple of {MULTIPLE}, {SMALLEST_TILE} or more"
        )
    if model.nm_per_pixel is not None and not 0 < model.nm_per_pixel < math.inf:
        raise UserError(
            f"nm_per_pixel = {model.nm_per_pixel} in the recipe's [model] is not usable; give the pixel size in nm"
        )
    return model


def _source(data: Mapping[str, Any], base: Path) -> Source:
    if not {"image", "labels"} <= set(data):
        raise UserError("each [[data]] table of the recipe needs an image and its labels")
    values = dict(data) | {
        k: _path(base, data[k], k) for k in ("image", "labels", "reviewed") if k in data
    }
    values["objects"] = tuple(
        _numbers(group, "objects") for group in _numbers(data.get("objects", []), "objects", list)
    )
    values |= {k: _numbers(data.get(k, []), k) for k in ("borders", "slices", "calibration")}
    values["voxel_size"] = parse_voxel_size(data.get("voxel_size"))
    return _build(Source, values, "data")


def _numbers(value: Any, name: str, kind: type = int) -> tuple[Any, ...]:
    if not isinstance(value, list) or not all(isinstance(v, kind) for v in value):
        shape = (
            "lists of whole numbers, e.g. [[1, 2], [3]]"
            if name == "objects"
            else "whole numbers, e.g. [1, 2]"
        )
        raise UserError(
            f"{name} = {value!r} in a [[data]] table of the recipe is not usable; give a list of {shape}"
        )
    return tuple(value)


def _training(data: Mapping[str, Any]) -> Training:
    values = dict(data)
    names = data.get("unfreeze", [])
    if not isinstance(names, list) or (wrong := [n for n in names if n not in ENCODERS]):
        raise UserError(
            f"cannot unfreeze {wrong[0] if isinstance(names, list) else names!r}; give a list of: {', '.join(ENCODERS)}"
        )
    values["unfreeze"] = tuple(dict.fromkeys(names))
    values["augmentation"] = _build(
        Augmentation, {"zoom": 1.5, **_table(data, "augmentation")}, "training.augmentation"
    )
    training = _build(Training, values, "training")
    if low := [
        k
        for k in ("steps", "batch", "pool", "save_every", "crop", "rounds")
        if getattr(training, k) < 1
    ]:
        raise UserError(
            f"{low[0]} = {getattr(training, low[0])} in the recipe's [training] is not usable; give at least 1"
        )
    if training.crop % MULTIPLE:
        raise UserError(
            f"crop = {training.crop} in the recipe's [training] is not usable; give a multiple of {MULTIPLE}"
        )
    if not 0 <= training.keep < 1:
        raise UserError(
            f"keep = {training.keep} in the recipe's [training] is not usable; give a share of 0 or more, below 1"
        )
    if not training.class_weight and not training.prompts:
        raise UserError(
            "class_weight = 0 and prompts = 0 in the recipe's [training] teach nothing; give one of them more"
        )
    return training


T = TypeVar("T")


def _build(kind: type[T], values: Mapping[str, Any], table: str) -> T:
    hints = get_type_hints(kind)
    _refuse_unknown(values, hints, table)
    if wrong := [k for k, v in values.items() if not _fits(v, hints[k])]:
        wanted = getattr(hints[wrong[0]], "__name__", hints[wrong[0]])
        raise UserError(
            f"{wrong[0]} = {values[wrong[0]]!r} in the recipe's [{table}] is of the wrong kind; it must be {wanted}"
        )
    return kind(**values)


def _refuse_unknown(values: Mapping[str, Any], known: Iterable[str], table: str) -> None:
    if unknown := [k for k in values if k not in known]:
        raise UserError(
            f"the recipe's [{table}] has an unknown setting {unknown[0]!r}; known are {', '.join(known)}"
        )


def _fits(value: Any, hint: Any) -> bool:
    kinds = [
        get_origin(k) or k for k in (get_args(hint) if isinstance(hint, UnionType) else (hint,))
    ]
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, tuple(kinds)) or (float in kinds and isinstance(value, int))
