"""The few values that every room of the house speaks of.

Classes are data: they travel inside checkpoints and label files as `ClassSpec`,
and a class id is a label value whose meaning never changes.
"""

from __future__ import annotations

import colorsys
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

VoxelSize = tuple[float, float, float]
"""Size of one voxel along z, y, x in nanometres."""


class UserError(ValueError):
    """Something the user can mend.

    The message is one sentence: what was wrong, and what to do. The command
    line prints it and exits with 2; the widget shows it as a notification.
    """


class NoClassesError(UserError):
    """Something was asked that needs a network which has learned classes, of one that has not."""

    def __init__(self) -> None:
        super().__init__(
            "this network answers clicks and boxes only, because it has learned no classes; "
            "choose another one to find them, or train it on your labels (scsam train)"
        )


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
    """Name of the class that it is a part of: who asks for that one alone gets its parts with it."""
    reach: float = 0.0
    """Farthest that a part lies from its whole, in nm: a membrane does not go on where its organelle ends. 0 is anywhere."""
    smallest: float = 0.0
    """Area in nm² that a section of it has at least, its parts among it; what a network finds that is smaller is a crumb."""
    over: tuple[str, ...] = field(default=(), compare=False)
    """Names of classes that give way where this one is found, however sure the network is of them. It is the same class with others."""

    def __post_init__(self) -> None:
        if self.id < 1:
            raise UserError(
                f"class {self.name!r} has id {self.id}; ids start at 1, because 0 is background"
            )
        if not self.name.strip():
            raise UserError(f"class {self.id} has no name; give it one")
        colour = self.colour or distinct_colour(self.id)
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
            raise UserError(f"class {self.name!r} has colour {colour!r}; write it as '#rrggbb'")
        if not 0 <= self.reach < math.inf:
            raise UserError(
                f"class {self.name!r} has reach {self.reach}; give the nm that it may lie from what it is a part of, or 0"
            )
        if not 0 <= self.smallest < math.inf:
            raise UserError(
                f"class {self.name!r} has smallest {self.smallest}; give the nm² of its smallest section, or 0"
            )
        object.__setattr__(self, "colour", colour.lower())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClassSpec:
        """Read what `to_dict` wrote, or what a user wrote into a file.

        Raises
        ------
        UserError
            When there is no name, or the id is no whole number.
        """
        try:
            class_id = int(data["id"])
            name = str(data["name"])
            reach, smallest = (float(data.get(key, 0)) for key in ("reach", "smallest"))
            names = (
                (over,) if isinstance(over := data.get("over", ()), str) else tuple(map(str, over))
            )
        except (KeyError, TypeError, ValueError) as error:
            wanted = "give each class a whole number as id and a name; reach and smallest, if any, are numbers, and over is a list of names"
            raise UserError(f"the class {dict(data)} cannot be read; {wanted}") from error
        colour, description, part_of = (
            str(data.get(key, "")) for key in ("colour", "description", "part_of")
        )
        return cls(class_id, name, colour, description, part_of, reach, smallest, names)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values = asdict(self)
        over = list(values.pop("over"))
        return {**values, "over": over} if over else values


@dataclass(frozen=True)
class TaughtClass:
    """A class that a network learned from strokes: what it needs to know the class again."""

    spec: ClassSpec
    prototype: tuple[float, ...]
    """256 numbers; they mean something to the checkpoint that was taught, and to no other."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TaughtClass:
        """Read what `to_dict` wrote."""
        return cls(ClassSpec.from_dict(data["class"]), tuple(map(float, data["prototype"])))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"class": self.spec.to_dict(), "prototype": list(self.prototype)}


def distinct_colour(class_id: int) -> str:
    """Return a colour that differs well from those of nearby ids (golden-ratio hues)."""
    red, green, blue = colorsys.hls_to_rgb((class_id * 0.618034) % 1.0, 0.55, 0.75)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def parse_classes(specs: Iterable[ClassSpec | Mapping[str, Any]]) -> tuple[ClassSpec, ...]:
    """Check a class table and sort it by id.

    Raises
    ------
    UserError
        When two classes share an id or a name, or there is none.
    """
    classes = tuple(
        sorted(
            (s if isinstance(s, ClassSpec) else ClassSpec.from_dict(s) for s in specs),
            key=lambda c: c.id,
        )
    )
    if not classes:
        raise UserError("the class table is empty; give at least one class with an id and a name")
    for key in ("id", "name"):
        values = [str(getattr(c, key)).casefold() for c in classes]
        double = {v for v in values if values.count(v) > 1}
        if double:
            raise UserError(f"two classes share the {key} {min(double)!r}; each needs its own")
    return classes


def family(classes: Sequence[ClassSpec], wanted: Sequence[ClassSpec]) -> set[int]:
    """Return the ids of some classes, of those that they are parts of, and of their parts."""
    names = {name for spec in wanted for name in (spec.name, spec.part_of)}
    return {
        spec.id
        for spec in (*classes, *wanted)
        if spec in wanted or names & {spec.name, spec.part_of} - {None, ""}
    }


def class_to_teach(name: str, known: Sequence[ClassSpec], used: Sequence[ClassSpec]) -> ClassSpec:
    """Return the class that a name stands for already, else a new one.

    Parameters
    ----------
    name
        What the user typed.
    known
        The network's classes.
    used
        Those of the labels that it writes into. An id there must not come to mean something else.
    """
    mine = {c.id for c in known}
    theirs = [c for c in used if c not in known]
    for spec in (*known, *(c for c in theirs if c.id not in mine)):
        if spec.name.casefold() == name.casefold():
            return spec
    taken = mine | {c.id for c in theirs}
    return ClassSpec(
        next(i for i in itertools.count(max(mine, default=0) + 1) if i not in taken), name
    )


def missing_classes(
    known: Sequence[ClassSpec], wanted: Iterable[ClassSpec], name: str
) -> tuple[ClassSpec, ...]:
    """Return the wanted classes that a network lacks and can be given beside its own.

    Parameters
    ----------
    known
        The network's classes.
    wanted
        Those that it is to know.
    name
        Of the network, for the message.

    Raises
    ------
    UserError
        When the two mean something else by an id or by a name.
    """
    missing = []
    names = {c.name.casefold(): c for c in known}
    ids = {c.id: c for c in known}
    for spec in wanted:
        same_name = names.get(spec.name.casefold())
        same_id = ids.get(spec.id)
        if same_name is not None and same_name.id != spec.id:
            raise UserError(
                f"{name} knows {spec.name!r} with id {same_name.id}, not {spec.id}; use one id for it, in labels and [[classes]]"
            )
        if same_name is None and same_id is not None:
            raise UserError(
                f"{name} calls the class with id {spec.id} {same_id.name!r}, not {spec.name!r}; give {spec.name!r} an id of its own"
            )
        missing += [spec] * (same_name is None)
    return tuple(missing)


def select_classes(
    classes: Sequence[ClassSpec], wanted: Iterable[str] | None
) -> tuple[ClassSpec, ...]:
    """Pick classes by name, in the order asked; all of them for ``None``.

    Raises
    ------
    UserError
        When a name is not in the table; the message lists those that are.
    """
    if wanted is None:
        return tuple(classes)
    by_name = {c.name.casefold(): c for c in classes}
    names = list(wanted)
    unknown = [n for n in names if n.casefold() not in by_name]
    if unknown or not names:
        known = ", ".join(c.name for c in classes)
        raise UserError(
            f"no class is called {unknown[0]!r}; choose from: {known}"
            if unknown
            else f"no class given; choose from: {known}"
        )
    return tuple(dict.fromkeys(by_name[n.casefold()] for n in names))


def parse_voxel_size(values: Sequence[float] | float | None) -> VoxelSize | None:
    """Turn one, two (y, x) or three (z, y, x) numbers in nm into a voxel size.

    A size given for the plane alone is taken as isotropic along z with y.

    Raises
    ------
    UserError
        When there are not 1, 2 or 3 numbers, each positive and finite.
    """
    if values is None:
        return None
    try:
        sizes = [float(values)] if isinstance(values, (int, float)) else [float(v) for v in values]
    except (TypeError, ValueError) as error:
        raise UserError(
            f"voxel size {values!r} is no list of numbers; give z y x in nanometres"
        ) from error
    if len(sizes) not in (1, 2, 3) or not all(0 < v < float("inf") for v in sizes):
        raise UserError(
            f"voxel size {tuple(sizes)} is not usable; give z y x in nanometres, each above 0"
        )
    if len(sizes) == 1:
        return (sizes[0], sizes[0], sizes[0])
    return (sizes[0], sizes[-2], sizes[-1])
