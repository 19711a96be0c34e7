"""A training run as a TOML file, parsed once.

See ``weights/recipe.toml`` for the one that made the shipped checkpoint.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from napari_scsam.config import ClassSpec, UserError, VoxelSize, parse_classes, parse_voxel_size
from napari_scsam.model.scsam import ScSAMConfig
from napari_scsam.train.augment import Augmentation

ENCODERS = ("sam", "mae")


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
    voxel_size: VoxelSize | None = None
    """Overrides the file's, in nm."""
    slices: tuple[int, ...] = ()
    """Use these slices only; all when empty."""

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values; of the files only the names, which mean something on other machines too."""
        return {**asdict(self), "image": "/".join(self.image.parts[-2:]), "labels": "/".join(self.labels.parts[-2:])}


@dataclass(frozen=True)
class Training:
    """Settings of the loop."""

    steps: int = 2000
    batch: int = 8
    crop: int = 224
    """Side of a training crop in pixels, a multiple of 16."""
    rate: float = 6e-4
    """Peak learning rate of fusion, prompts and decoder."""
    encoder_rate: float = 3e-4
    """Peak learning rate of unfrozen encoders."""
    unfreeze: tuple[str, ...] = ()
    """Encoders that learn too: ``"sam"``, ``"mae"``. With none, crops are embedded once and remembered."""
    pool: int = 512
    """How many embedded crops to remember when both encoders are frozen."""
    prompts: int = 3
    """Objects to click on in each crop; 0 trains classes alone."""
    contrastive: float = 0.1
    """Weight of the prototype-contrastive loss."""
    prompt_weight: float = 0.5
    """Weight of the clicks' and boxes' loss."""
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
    """A ScSAM checkpoint to start from instead."""
    summary: str = "A ScSAM trained with scsam train."
    licence: str = "unknown"

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values for the checkpoint's training record."""
        return {
            "sources": [s.to_dict() for s in self.sources],
            "training": asdict(self.training),
            "sam_weights": self.sam_weights.name if self.sam_weights else None,
            "mae_weights": self.mae_weights.name if self.mae_weights else None,
            "start": self.start.name if self.start else None,
        }


def read_recipe(path: Path) -> Recipe:
    """Parse a recipe; paths in it are relative to the file.

    Raises
    ------
    UserError
        When the file is missing, is no TOML, or says something unknown.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"no training recipe at {path}; give the path of a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is not valid TOML: {error}") from error
    return parse_recipe(data, path.parent)


def parse_recipe(data: Mapping[str, Any], base: Path) -> Recipe:
    """Turn TOML's tables into a recipe."""
    known = {"model", "classes", "data", "training", "checkpoint"}
    if unknown := set(data) - known:
        raise UserError(f"the recipe has an unknown table [{sorted(unknown)[0]}]; known are {', '.join(sorted(known))}")
    model = dict(data.get("model", {}))
    files = {k: base / model.pop(k) if k in model else None for k in ("sam_weights", "mae_weights", "start")}
    return Recipe(
        model=_build(ScSAMConfig, model, "model"),
        classes=parse_classes(data.get("classes", ())),
        sources=tuple(_source(s, base) for s in data.get("data", ())),
        training=_training(data.get("training", {})),
        **files,
        **data.get("checkpoint", {}),
    )


def _source(data: Mapping[str, Any], base: Path) -> Source:
    if not {"image", "labels"} <= set(data):
        raise UserError("each [[data]] table of the recipe needs an image and its labels")
    values = dict(data) | {"image": base / data["image"], "labels": base / data["labels"]}
    values["objects"] = tuple(tuple(group) for group in data.get("objects", ()))
    values["borders"], values["slices"] = tuple(data.get("borders", ())), tuple(data.get("slices", ()))
    values["voxel_size"] = parse_voxel_size(data.get("voxel_size"))
    return _build(Source, values, "data")


def _training(data: Mapping[str, Any]) -> Training:
    values = dict(data)
    values["unfreeze"] = tuple(data.get("unfreeze", ()))
    if wrong := set(values["unfreeze"]) - set(ENCODERS):
        raise UserError(f"cannot unfreeze {sorted(wrong)[0]!r}; choose from {', '.join(ENCODERS)}")
    values["augmentation"] = _build(Augmentation, {"zoom": 1.5, **data.get("augmentation", {})}, "training.augmentation")
    return _build(Training, values, "training")


T = TypeVar("T")


def _build(kind: type[T], values: Mapping[str, Any], table: str) -> T:
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    if unknown := [k for k in values if k not in known]:
        raise UserError(f"the recipe's [{table}] has an unknown setting {unknown[0]!r}; known are {', '.join(known)}")
    return kind(**values)
