"""A training run as a TOML file, parsed once.

See ``weights/recipe.toml`` for the one that made the shipped checkpoint.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from napari_scsam.class_names import check_class_name
from napari_scsam.config import ClassSpec, TaughtClass, UserError, parse_classes
from napari_scsam.model.scsam_config import ScSAMConfig
from napari_scsam.train.augment import Augmentation
from napari_scsam.train.recipe_tables import (
    CardTable,
    LabelledSource,
    ModelTable,
    RecipeTables,
    Training,
)
from napari_scsam.validation import describe_problem

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

RANDOM = "random weights"
"""What a run starts from whose recipe names no weights."""

HEADERS = {
    "model": "[model]",
    "classes": "[[classes]]",
    "data": "[[data]]",
    "training": "[training]",
    "training.augmentation": "[training.augmentation]",
    "checkpoint": "[checkpoint]",
}
"""How each table is written in TOML."""

SETTINGS: dict[str, type] = {
    "model": ModelTable,
    "data": LabelledSource,
    "training": Training,
    "training.augmentation": Augmentation,
    "checkpoint": CardTable,
}

UNKNOWN_SETTING = ("extra_forbidden", "unexpected_keyword_argument")
"""Pydantic's words for it, in models and in data classes."""

PATH_SETTINGS = ("image", "labels", "reviewed", "sam_weights", "mae_weights", "start", "kept")


@dataclass(frozen=True)
class Recipe:
    """Everything a run needs."""

    model: ScSAMConfig
    classes: tuple[ClassSpec, ...]
    sources: tuple[LabelledSource, ...]
    training: Training
    sam_weights: Path | None = None
    """Official SAM file to start the SAM branch from."""
    mae_weights: Path | None = None
    """Encoder that ``scsam pretrain`` wrote."""
    start: Path | None = None
    """A ScSAM checkpoint to start from instead; a recipe may also give its name."""
    renumber: bool = False
    """The recipe's class table replaces that checkpoint's.

    Classes of equal name keep what they learned, whatever their ids.
    """
    taught: tuple[TaughtClass, ...] = ()
    """What that checkpoint learned from strokes; a recipe names the file that an export wrote."""
    kept: Path | None = None
    """The checkpoint whose weights `Training.keep` keeps, when it is not the one to start from."""
    summary: str = CardTable.summary
    licence: str = CardTable.licence
    half: bool = False
    """Write the weights in half precision, at half the size."""

    def files(self) -> tuple[Path, ...]:
        """Return everything that a run reads."""
        weights = (self.sam_weights, self.mae_weights, self.start, self.kept)
        return (
            *(path for source in self.sources for path in (source.image, source.labels)),
            *(path for path in weights if path is not None),
        )

    def describe_start(self) -> str:
        """Return a few words on the weights that a run starts from."""
        if self.start is not None:
            return self.start.name
        pretrained = [path for path in (self.sam_weights, self.mae_weights) if path is not None]
        return " and ".join(path.name for path in pretrained) or RANDOM

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values for the checkpoint's training record."""
        record: dict[str, Any] = {
            "model": self.model.to_dict(),
            "classes": [c.to_dict() for c in self.classes],
            "sources": [s.to_dict() for s in self.sources],
            "training": self.training.to_dict(),
            "sam_weights": _name(self.sam_weights),
            "mae_weights": _name(self.mae_weights),
            "start": _name(self.start),
        }
        # Records of earlier versions lack these keys, and must stay equal for a run to be resumed.
        if self.renumber:
            record["renumber"] = True
        if self.taught:
            record["taught"] = [known.spec.name for known in self.taught]
        if self.kept:
            record["kept"] = self.kept.name
        return record


def read_recipe(path: Path) -> Recipe:
    """Read a recipe, or the one in a training set, which is a folder.

    Paths in it are relative to the file.

    Raises
    ------
    UserError
        When the file is missing, is not TOML, or has an unknown or unusable setting.
    """
    if path.is_dir():
        path = path / "recipe.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"no training recipe at {path}; give the path of a TOML file") from error
    except RecursionError as error:
        raise UserError(f"{path} is not valid TOML: its lists are nested too deeply") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML: {error}") from error
    return parse_recipe(data, path.parent)


def parse_recipe(data: Mapping[str, Any], base: Path) -> Recipe:
    """Turn TOML's tables into a recipe.

    Raises
    ------
    UserError
        When a table or a setting is unknown, missing or not usable.
    """
    try:
        # As JSON, whose strict mode knows that a file has lists and texts, no tuples and paths.
        text = json.dumps(data, default=str)
        tables = RecipeTables.model_validate_json(text, context={"base": base})
    except ValidationError as error:
        raise UserError(describe_mistake(error.errors(include_url=False)[0])) from error
    check_together(tables)
    model = tables.model
    # The class table of the checkpoint to start from stands, and the recipe's classes are added;
    # a recipe without a table adds none.
    needs_classes = model.start is None or model.renumber
    classes: tuple[ClassSpec, ...] = ()
    if tables.classes or needs_classes:
        classes = parse_classes(tables.classes)
        for spec in classes:
            check_class_name(spec.name)
    return Recipe(
        model=model.network(),
        classes=classes,
        sources=tables.data,
        training=tables.training,
        sam_weights=model.sam_weights,
        mae_weights=model.mae_weights,
        start=model.start,
        renumber=model.renumber,
        taught=model.taught,
        kept=model.kept,
        **asdict(tables.checkpoint),
    )


def check_together(tables: RecipeTables) -> None:
    """Check what two tables must agree on.

    Raises
    ------
    UserError
        When there are no weights to keep or answers to hold to. Also when a network without classes
        would be taught some.
    """
    if tables.training.keep and tables.model.start is None:
        raise UserError(
            "keep in the recipe's [training] needs weights to keep; "
            "name a checkpoint by start in [model]"
        )
    if tables.training.hold and tables.model.start is None:
        raise UserError(
            "hold in the recipe's [training] needs answers to hold to; "
            "name a checkpoint by start in [model]"
        )
    if tables.model.prompts_only and tables.training.class_weight:
        raise UserError(
            "prompts_only = true in the recipe's [model] needs class_weight = 0 in [training]; "
            "remove it to train classes"
        )


def describe_mistake(problem: ErrorDetails) -> str:
    """Return one of pydantic's errors as a sentence that names the table of the recipe."""
    names = [str(part) for part in problem["loc"] if not isinstance(part, int)]
    if not names:
        return describe_problem(problem)
    if problem["type"] in UNKNOWN_SETTING:
        return describe_unknown(names)
    if problem["type"] == "value_error":
        return describe_problem(problem)
    if ".".join(names) in HEADERS:
        header = HEADERS[".".join(names)]
        return f"{names[-1]} in the recipe is not a table; write {header} above its settings"
    table = HEADERS[".".join(names[:-1])]
    setting = problem["loc"][problem["loc"].index(names[-1]) :]
    shown: ErrorDetails = {**problem, "loc": setting}
    if names[-1] in PATH_SETTINGS and problem["type"] == "string_type":
        shown["type"] = "path_type"
    return f"in the recipe's {table}, {describe_problem(shown)}"


def describe_unknown(names: list[str]) -> str:
    """Return a sentence on a table or a setting that does not exist."""
    *tables, name = names
    if not tables:
        known = ", ".join(RecipeTables.model_fields)
        return f"the recipe has an unknown table [{name}]; known are {known}"
    table = ".".join(tables)
    known = ", ".join(f.name for f in fields(SETTINGS[table]))
    return f"the recipe's {HEADERS[table]} has an unknown setting {name!r}; known are {known}"


def _name(path: Path | None) -> str | None:
    """Return a file's name, which means something on other machines too."""
    if path is None:
        return None
    return path.name
