"""Which voxels of an image of labels may belong to one object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import ClassSpec, UserError, select_classes

NO_CLASS_NAME = "object"
"""What an object without a class is called."""


RESERVED = frozenset(("zarr.json", "meshes.json", "con", "prn", "aux", "nul"))
"""Names beside these folders of files with another meaning, and of devices of Windows."""


LONGEST = 200
"""Bytes in the name of a folder; most file systems hold 255, and drafts have longer names."""


@dataclass(frozen=True)
class ObjectKind:
    """Objects of one class, which get one image of instances."""

    name: str
    """Of the class; `NO_CLASS_NAME` for labels without a class table."""
    values: tuple[int, ...]
    """Label values of the class and of its parts. Empty: each value above 0 is objects by itself.
    """

    taken: frozenset[str] = frozenset()
    """Names of other label images beside its own."""

    @property
    def folder(self) -> str:
        """Name of its label image, which is a folder: without what no folder's name may hold."""
        name = "".join("_" if letter in '/\\:*?"<>|' else letter for letter in self.name.strip())
        if name.startswith((".", "__")):
            name = f"_{name.lstrip('._')}"
        if name.casefold() in RESERVED | self.taken:
            name = f"_{name}"
        return name

    def mask(self, labels: NDArray[Any]) -> NDArray[np.bool_]:
        """Return where its objects may be."""
        if not self.values:
            return labels > 0
        found: NDArray[np.bool_] = labels == self.values[0]
        for value in self.values[1:]:
            found |= labels == value
        return found


def kinds_of(
    classes: Sequence[ClassSpec] | None, requested: Sequence[str] | None
) -> tuple[ObjectKind, ...]:
    """Return the kinds of objects to find.

    Parameters
    ----------
    classes
        The class table of the labels; None when they have none.
    requested
        Names of classes. All when not given, but for those that are parts of others: the boundary
        of a mitochondrion belongs to its mitochondrion.

    Raises
    ------
    UserError
        When a name is not in the table, or two names would be one folder.
    """
    if classes is None:
        if requested is not None:
            raise UserError(
                "these labels have no class table; give each class its label value, "
                "as in --classes 1=mitochondrion"
            )
        return (ObjectKind(NO_CLASS_NAME, ()),)
    names = {spec.name for spec in classes}
    chosen = select_classes(classes, requested)
    if requested is None:
        chosen = tuple(spec for spec in chosen if spec.part_of not in names)
    kinds = tuple(ObjectKind(spec.name, _values(spec, classes)) for spec in chosen)
    check_folders(kinds)
    return kinds


def _values(whole: ClassSpec, classes: Sequence[ClassSpec]) -> tuple[int, ...]:
    """Return the values of a class, of its parts, and of their parts."""
    names = {whole.name}
    found = {whole.id: whole}
    for _ in classes:
        parts = {spec.id: spec for spec in classes if spec.part_of in names}
        found |= parts
        names |= {spec.name for spec in parts.values()}
    return tuple(sorted(found))


def check_folders(kinds: Sequence[ObjectKind]) -> None:
    """Check that each kind has a folder of its own, whose name is not too long.

    Raises
    ------
    UserError
        When two would share one, or a file system cannot hold the name.
    """
    names: dict[str, str] = {}
    for kind in kinds:
        if len(kind.folder.encode()) > LONGEST:
            raise UserError(
                f"the name of the class {kind.name[:40]!r}… is too long for a folder "
                f"({len(kind.folder.encode())} of {LONGEST} bytes); choose a shorter one"
            )
        key = kind.folder.casefold()
        if key in names:
            raise UserError(
                f"the classes {names[key]!r} and {kind.name!r} would share the folder "
                f"{kind.folder!r}; choose one of them with --classes"
            )
        names[key] = kind.name


def check_values(
    name: str, kinds: Sequence[ObjectKind], found: Sequence[int], any_object: bool
) -> None:
    """Check that labels which are not empty hold a class of their table.

    Parameters
    ----------
    name
        Of the labels, for the message.
    kinds
        What was looked for.
    found
        The first few values above 0 that are of no kind.
    any_object
        Whether any object was found.

    Raises
    ------
    UserError
        When there are values, and none is of a class that was looked for.
    """
    if any_object or not found:
        return
    names = ", ".join(f"{kind.name} ({', '.join(map(str, kind.values))})" for kind in kinds)
    values = ", ".join(map(str, found))
    raise UserError(
        f"the labels {name!r} hold {values}, but nothing of {names}; "
        "choose other classes, or the labels that this table belongs to"
    )
