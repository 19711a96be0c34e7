"""The card inside a checkpoint: config, class table and training record, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_scsam.checkpoints.card_fields import parse_card
from napari_scsam.checkpoints.formats import check_not_newer
from napari_scsam.checkpoints.imported.card import IMPORTED_FORMAT, parse_settings
from napari_scsam.config import ClassSpec, UserError, parse_classes
from napari_scsam.errors import MissingFileError

CHECKPOINT_FORMAT = "napari-scsam 1"
"""Value of ``format`` in the header of a checkpoint."""

JOINED = "+"
"""Joins the names of a checkpoint and of networks beside it, as in ``default+er``."""


@dataclass(frozen=True)
class CheckpointInfo:
    """A checkpoint as its card describes it, without the weights."""

    name: str
    path: Path
    classes: tuple[ClassSpec, ...]
    nm_per_pixel: float | None
    bytes: int
    licence: str
    summary: str
    config: Mapping[str, Any]
    training: Mapping[str, Any]
    lessons: Mapping[str, str] = field(default_factory=dict)
    """What strokes taught it, by the lower-case name of the class."""
    corrections: Sequence[Sequence[Sequence[str]]] = ()
    """Of each `Correction` that fine-tuning added, the classes that each output changes."""
    tuned: Sequence[Sequence[str]] = ()
    """Of each tuned copy that fine-tuning added, the classes that it answers."""
    beside: tuple[CheckpointInfo, ...] = ()
    """Imported networks that work beside it; `classes` holds theirs, too."""

    @property
    def own_classes(self) -> tuple[ClassSpec, ...]:
        """Its classes without those of networks beside it."""
        theirs = {spec.id for info in self.beside for spec in info.classes}
        return tuple(spec for spec in self.classes if spec.id not in theirs)

    @property
    def alone(self) -> CheckpointInfo:
        """The same checkpoint without networks beside it."""
        return replace(self, classes=self.own_classes, beside=())

    @property
    def at_pixel_size(self) -> str:
        """For a sentence: ``" at 4 nm per pixel"``; empty where that is unknown."""
        if not self.nm_per_pixel:
            return ""
        return f" at {self.nm_per_pixel:g} nm per pixel"

    @property
    def reference(self) -> str:
        """What `checkpoint_info` and `load_checkpoint` find it by, with the networks beside it."""
        return JOINED.join(str(info.path) for info in (self, *self.beside))

    @property
    def prompts_only(self) -> bool:
        """Whether it answers clicks and boxes only, and has learned no classes."""
        return bool(self.config.get("prompts_only"))

    @property
    def classes_only(self) -> bool:
        """Whether it is an imported network: it finds classes and answers no prompts."""
        return "form" in self.config

    @property
    def taught(self) -> tuple[str, ...]:
        """Names of the classes that it was saved with and knows from strokes only."""
        saved = self.training.get("taught")
        if not isinstance(saved, dict):  # a list is of classes that were trained since
            return ()
        names = saved.get("classes", ())
        if not isinstance(names, (list, tuple)):
            return ()
        return tuple(map(str, names))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, as ``scsam checkpoints info --json`` prints them."""
        return {
            "name": self.name,
            "file": self.path.name,
            "classes": [c.to_dict() for c in self.classes],
            "nm_per_pixel": self.nm_per_pixel,
            "bytes": self.bytes,
            "licence": self.licence,
            "summary": self.summary,
            "config": dict(self.config),
            "training": dict(self.training),
        }


def read_card(path: Path) -> CheckpointInfo:
    """Read the card of a checkpoint; its weights are not read.

    Raises
    ------
    UserError
        When the file is missing, is not a ScSAM checkpoint, or its card cannot be used.
    """
    text = _read_text(path)
    try:
        card = parse_card(text)
        classes = parse_classes(card["classes"])
        if "form" in card["config"]:
            parse_settings(card["config"], len(classes))
    except UserError as error:
        raise UserError(
            f"{path} is a ScSAM checkpoint whose card cannot be used ({error}); fetch it again"
        ) from error
    return CheckpointInfo(
        name=path.stem,
        path=path,
        classes=classes,
        nm_per_pixel=card["config"].get("nm_per_pixel"),
        bytes=path.stat().st_size,
        licence=card["licence"],
        summary=card["summary"],
        config=card["config"],
        training=card["training"],
        lessons=card["lessons"],
        corrections=card["corrections"],
        tuned=card["tuned"],
    )


def _read_text(path: Path) -> str:
    """Read the card, as JSON text, from the header of a safetensors file."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise MissingFileError(
            f"no checkpoint at {path}; "
            f"give the path of a .safetensors file, or reinstall for the shipped one"
        )
    try:
        with safe_open(path, framework="np") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        hint = "it may be cut off; fetch it again"
        if path.suffix in (".pth", ".pt"):
            hint = "a .pth of SAM is for training only"
        raise UserError(
            f"{path} is not a ScSAM checkpoint (no safetensors header); {hint}"
        ) from error
    check_not_newer(path, metadata.get("format"))
    if metadata.get("format") not in (CHECKPOINT_FORMAT, IMPORTED_FORMAT):
        raise UserError(
            f"{path} is not a ScSAM checkpoint "
            f"(its header lacks the format {CHECKPOINT_FORMAT!r}); choose one written by scsam"
        )
    return metadata.get("card", "")
