"""Values that every room shares: errors, classes and voxel sizes.

Classes are data: they travel inside checkpoints and label files as `ClassSpec`. A class id is a
label value whose meaning never changes.
"""

from __future__ import annotations

import colorsys
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from napari_scsam.errors import NoClassesError as NoClassesError  # noqa: PLC0414 - for every room
from napari_scsam.errors import UserError as UserError  # noqa: PLC0414
from napari_scsam.plausible import doubt_of_size, is_plausible

VoxelSize = tuple[float, float, float]
"""Size of one voxel along z, y, x in nanometres."""

TIMM_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)?")
"""Name of a network of timm, perhaps with a tag.

It is not an address: timm reads ``hf-hub:`` from the web and ``local-dir:`` from a folder."""

MAX_CLASS_ID = 2**31 - 1
"""Largest value that every file of labels can hold."""


@dataclass(frozen=True)
class ClassSpec:
    """One organelle class of a checkpoint or a label file."""

    id: int
    """The value of this class in a label image; 0 is background and never a class."""
    name: str
    """What the user calls it, e.g. ``"mitochondrion"``."""
    colour: str = ""
    """``"#rrggbb"``; a distinct colour is derived from the id when empty."""
    description: str = ""
    """One sentence for tooltips and model cards."""
    part_of: str = ""
    """Name of the class that it is a part of: asking for that one alone includes its parts."""
    reach: float = 0.0
    """Largest distance of a part from its whole, in nm; 0 is anywhere.

    A membrane, for example, ends where its organelle ends.
    """
    smallest: float = 0.0
    """Smallest area of a section in nm², its parts included.

    Smaller regions in a prediction are removed.
    """
    overrides: tuple[str, ...] = field(default=(), compare=False)
    """Names of classes that yield where this one is found, however likely they are.

    Two specs that differ in this alone are equal.
    """
    renamed_from: str = ""
    """Name that networks and strokes know it by, where the user has given it another one."""
    least_mean: float = field(default=0.0, compare=False)
    """Least mean logit of a section above its threshold, its parts included.

    Less certain sections of a prediction are removed; fine-tuning chooses it. Two specs that
    differ in this alone are equal.
    """
    own_outline: bool = field(default=False, compare=False)
    """Whether asking for it alone includes its parts only where its own logit is above 0 too.

    Fine-tuning sets it where the labels leave out some of the parts. Two specs that differ in this
    alone are equal.
    """

    def __post_init__(self) -> None:
        if not 1 <= self.id <= MAX_CLASS_ID:
            raise UserError(
                f"class {self.name!r} has id {self.id}; ids start at 1, because 0 is background, "
                f"and end at {MAX_CLASS_ID}"
            )
        if not self.name.strip():
            raise UserError(f"class {self.id} has no name; give it a name")
        colour = self.colour or distinct_colour(self.id)
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
            raise UserError(f"class {self.name!r} has colour {colour!r}; write it as '#rrggbb'")
        self._check_sizes()
        object.__setattr__(self, "colour", colour.lower())

    @property
    def known_as(self) -> str:
        """Name that networks and strokes know it by."""
        return self.renamed_from or self.name

    def _check_sizes(self) -> None:
        meanings = {
            "reach": "the largest distance from its whole in nm",
            "smallest": "the area of its smallest section in nm²",
            "least_mean": "the least mean logit of a section",
        }
        for key, meaning in meanings.items():
            value = getattr(self, key)
            if not 0 <= value < math.inf:
                raise UserError(f"class {self.name!r} has {key} {value}; give {meaning}, or 0")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClassSpec:
        """Read what `to_dict` wrote, or what a user wrote into a file.

        Raises
        ------
        UserError
            When the name is missing, or a number is not one.
        """
        try:
            fields: dict[str, Any] = {
                "id": _whole_number(data["id"]),
                "name": _text(data["name"]),
                "reach": float(data.get("reach", 0)),
                "smallest": float(data.get("smallest", 0)),
                "least_mean": float(data.get("least_mean", 0)),
                "own_outline": bool(data.get("own_outline", False)),
                # Files of version 0.1 call it "over".
                "overrides": _names(data.get("overrides", data.get("over", ()))),
            }
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise UserError(
                f"the class {str(data)[:200]} cannot be read; give each class a whole number as id "
                f"and a name; reach, smallest and least_mean are numbers, overrides is a list of names"
            ) from error
        for key in ("colour", "description", "part_of", "renamed_from"):
            fields[key] = str(data.get(key, ""))
        return cls(**fields)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values = asdict(self)
        overrides = list(values.pop("overrides"))
        if overrides:
            values["overrides"] = overrides
        for key in ("renamed_from", "least_mean", "own_outline"):
            if not values[key]:
                del values[key]
        return values


def _whole_number(value: Any) -> int:
    """Return an id; a part of a number, and true, are none."""
    number = int(value)
    if isinstance(value, bool) or (isinstance(value, float) and value != number):
        raise ValueError(value)
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _names(value: Any) -> tuple[str, ...]:
    """Return a list of names, or one name, as a tuple."""
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value))


def update_run_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON settings of a stopped run in today's form; version 0.1 wrote ``over``."""
    classes = []
    for spec in settings.get("classes", []):
        updated = spec
        if isinstance(spec, dict) and "over" in spec:
            updated = {key: value for key, value in spec.items() if key != "over"}
            updated["overrides"] = spec["over"]
        classes.append(updated)
    return {**settings, "classes": classes}


@dataclass(frozen=True)
class TaughtClass:
    """A class that a network learned from strokes, as it is stored and restored."""

    spec: ClassSpec
    prototype: tuple[float, ...]
    """256 numbers, meaningful only to the checkpoint that was taught."""
    lessons: str = ""
    """What its strokes taught a classifier, as text; empty for classes of version 0.1, which have
    a prototype alone."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TaughtClass:
        """Read what `to_dict` wrote."""
        prototype = tuple(map(float, data["prototype"]))
        return cls(ClassSpec.from_dict(data["class"]), prototype, str(data.get("lessons", "")))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values = {"class": self.spec.to_dict(), "prototype": list(self.prototype)}
        return {**values, "lessons": self.lessons} if self.lessons else values


def distinct_colour(class_id: int) -> str:
    """Return a colour that differs well from those of nearby ids (golden-ratio hues)."""
    red, green, blue = colorsys.hls_to_rgb((class_id * 0.618034) % 1.0, 0.55, 0.75)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def parse_classes(specs: Iterable[ClassSpec | Mapping[str, Any]]) -> tuple[ClassSpec, ...]:
    """Check a class table and sort it by id.

    Raises
    ------
    UserError
        When two classes share an id or a name, or there are none.
    """
    read = [s if isinstance(s, ClassSpec) else ClassSpec.from_dict(s) for s in specs]
    classes = tuple(sorted(read, key=lambda c: c.id))
    if not classes:
        raise UserError("the class table is empty; give at least one class with an id and a name")
    for key in ("id", "name"):
        values = [str(getattr(c, key)).casefold() for c in classes]
        double = {v for v in values if values.count(v) > 1}
        if double:
            raise UserError(f"two classes share the {key} {min(double)!r}; each needs its own")
    return classes


def family(classes: Sequence[ClassSpec], requested: Sequence[ClassSpec]) -> set[int]:
    """Return the ids of some classes, of those that they are parts of, and of their parts."""
    names = {name for spec in requested for name in (spec.known_as, spec.part_of) if name}
    return {
        spec.id
        for spec in (*classes, *requested)
        if spec in requested or names & {spec.known_as, spec.part_of}
    }


def missing_classes(
    known: Sequence[ClassSpec], requested: Iterable[ClassSpec], name: str
) -> tuple[ClassSpec, ...]:
    """Return the requested classes that a network lacks and can be given.

    Parameters
    ----------
    known
        The network's classes.
    requested
        The classes that it is to know.
    name
        Name of the network, for the message.

    Raises
    ------
    UserError
        When the two disagree about an id or a name.
    """
    missing = []
    names = {c.known_as.casefold(): c for c in known}
    ids = {c.id: c for c in known}
    for spec in requested:
        same_name = names.get(spec.known_as.casefold())
        if same_name is None:
            missing.append(spec)
        elif same_name.id != spec.id:
            raise UserError(
                f"{name} knows {spec.name!r} with id {same_name.id}, not {spec.id}; "
                f"use one id for it, in labels and [[classes]]"
            )
        if same_name is None and spec.id in ids:
            raise UserError(
                f"{name} calls the class with id {spec.id} {ids[spec.id].name!r}, "
                f"not {spec.name!r}; give {spec.name!r} another id"
            )
    return tuple(missing)


def select_classes(
    classes: Sequence[ClassSpec], requested: Iterable[str] | None
) -> tuple[ClassSpec, ...]:
    """Select classes by name, in the order requested; all of them for ``None``.

    Raises
    ------
    UserError
        When a name is not in the table; the message lists the known names.
    """
    if requested is None:
        return tuple(classes)
    by_name = {c.name.casefold(): c for c in classes}
    names = list(requested)
    _check_names(names, by_name)
    return tuple(dict.fromkeys(by_name[name.casefold()] for name in names))


def _check_names(names: Sequence[str], by_name: Mapping[str, ClassSpec]) -> None:
    known = ", ".join(spec.name for spec in by_name.values())
    if not names:
        raise UserError(f"no class given; choose from: {known}")
    for name in names:
        if name.casefold() not in by_name:
            raise UserError(f"no class is called {name!r}; choose from: {known}")


def parse_voxel_size(values: Sequence[float] | float | None) -> VoxelSize | None:
    """Turn one, two (y, x) or three (z, y, x) numbers in nm from a user into a voxel size.

    With two numbers, the size along z is taken to be that along y.

    Raises
    ------
    UserError
        When there are not 1, 2 or 3 plausible numbers.
    """
    size = as_voxel_size(values)
    if size is not None and not is_plausible(size):
        raise UserError(
            f"the voxel size {doubt_of_size(size)}; give z y x in nanometres, e.g. 40 8 8"
        )
    return size


def as_voxel_size(values: Sequence[float] | float | None) -> VoxelSize | None:
    """Turn one, two or three numbers in nm into a voxel size, as `parse_voxel_size`.

    They may be implausible, as in files.

    Raises
    ------
    UserError
        When there are not 1, 2 or 3 numbers, each positive and finite.
    """
    if values is None:
        return None
    try:
        numbers = [values] if isinstance(values, (int, float)) else values
        sizes = [float(v) for v in numbers]
    except (TypeError, ValueError) as error:
        raise UserError(
            f"voxel size {values!r} is not a list of numbers; give z y x in nanometres"
        ) from error
    if len(sizes) not in (1, 2, 3) or not all(0 < v < math.inf for v in sizes):
        raise UserError(
            f"voxel size {tuple(sizes)} is not usable; give z y x in nanometres, each above 0"
        )
    if len(sizes) == 1:
        return (sizes[0], sizes[0], sizes[0])
    return (sizes[0], sizes[-2], sizes[-1])
