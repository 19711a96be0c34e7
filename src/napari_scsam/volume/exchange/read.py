"""Read what micro-sam and empanada write, as classes and their objects.

micro-sam keeps objects of one class in a zarr with the array ``committed_objects`` and the group
``prompts``. It also exports them as TIFF. empanada writes a zarr with an array ``CLASS_pred`` for
each class, or TIFFs of them. Its array ``panoptic_xy`` has the values class · divisor + object.
(micro_sam/sam_annotator, empanada_napari/inference.py.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam.config import UserError
from napari_scsam.io.read_errors import explaining
from napari_scsam.io.volumes import Volume, open_labels
from napari_scsam.io.zarr_access import is_zarr

COMMITTED = "committed_objects"
PREDICTED_SUFFIX = "_pred"
PANOPTIC = "panoptic_"
SHOWN = 10
"""Most classes that a message lists."""


@dataclass(frozen=True)
class ClassObjects:
    """The objects of one class in a result."""

    name: str
    volume: Volume
    """Integers, (Z, Y, X) or (Y, X)."""
    value: int = 0
    """Class in a panoptic result."""
    divisor: int = 0
    """0 where each value is an object of the class; else values are class · divisor + object."""

    def read(self, z: int) -> tuple[NDArray[np.bool_], NDArray[Any]]:
        """Read a slice: where the class is, and the numbers of its objects there."""
        labels = self.volume.plane(z)
        if not self.divisor:
            return labels > 0, np.maximum(labels, 0)
        where = labels // self.divisor == self.value
        return where, np.where(where, labels % self.divisor, 0)

    def classes_there(self) -> list[int]:
        """Return the classes that a panoptic result holds."""
        found: set[int] = set()
        for z in range(self.volume.depth):
            found.update(np.unique(self.volume.plane(z) // self.divisor).tolist())
        return sorted(found - {0})


def read_results(
    path: str,
    names: Sequence[str] | Mapping[int, str] | None = None,
    divisor: int | None = None,
) -> list[ClassObjects]:
    """Find classes and objects in a result of micro-sam or empanada.

    Parameters
    ----------
    path
        Of the zarr, or of any file of labels.
    names
        The class of all objects, or which classes of empanada to take; of a panoptic result, the
        name of each class by its number.
    divisor
        That of a panoptic result, ``Max objects per class`` in empanada; None where values are
        objects.

    Raises
    ------
    UserError
        When there is nothing of this kind, or the names do not fit it.
    """
    arrays = _arrays(path)
    if divisor is not None:
        panoptic = [name for name in arrays if name.startswith(PANOPTIC)]
        return _panoptic(_inside(path, panoptic), names, divisor)
    if COMMITTED in arrays:
        return [_only_class(open_labels(f"{path}/{COMMITTED}"), names)]
    predicted = [name for name in arrays if name.endswith(PREDICTED_SUFFIX)]
    if predicted:
        return _predicted(path, predicted, names)
    if any(name.startswith(PANOPTIC) for name in arrays):
        raise UserError(
            f"{path} holds panoptic values; give --divisor, empanada's most objects per class, "
            "and --classes 1=mito,2=ER"
        )
    return [_only_class(open_labels(path), names)]


def _arrays(path: str) -> list[str]:
    """Return the names of the arrays in a zarr; none for other files."""
    import zarr

    folder = Path(path)
    if not (folder.is_dir() and is_zarr(folder)):
        return []
    with explaining(folder):
        node = zarr.open(folder, mode="r")
        if not isinstance(node, zarr.Group):
            return []
        return sorted(node.array_keys())


def _inside(path: str, panoptic: Sequence[str]) -> str:
    if not panoptic:
        return path
    if f"{PANOPTIC}xy" in panoptic:
        return f"{path}/{PANOPTIC}xy"
    return f"{path}/{panoptic[0]}"


def _only_class(volume: Volume, names: Sequence[str] | Mapping[int, str] | None) -> ClassObjects:
    if isinstance(names, Mapping):
        raise UserError(
            f"the values in {volume.name} are objects, so {next(iter(names))} is no class; give the "
            "one name, as in --classes mitochondrion, or --divisor if values are class · N + object"
        )
    listed = list(names or ())
    if len(listed) != 1:
        raise UserError(
            "its objects are of one class that the file does not name; "
            "give it with --classes mitochondrion"
        )
    return ClassObjects(listed[0], volume)


def _predicted(
    path: str, predicted: Sequence[str], names: Sequence[str] | Mapping[int, str] | None
) -> list[ClassObjects]:
    found = {name.removesuffix(PREDICTED_SUFFIX): name for name in predicted}
    wanted = list(names.values()) if isinstance(names, Mapping) else list(names or found)
    for name in wanted:
        if name not in found:
            raise UserError(f"{path} has no class {name!r}; it has {', '.join(found)}")
    return [ClassObjects(name, open_labels(f"{path}/{found[name]}")) for name in wanted]


def _panoptic(
    path: str, names: Sequence[str] | Mapping[int, str] | None, divisor: int
) -> list[ClassObjects]:
    if divisor < 2:
        raise UserError(f"the divisor is {divisor}; give that of empanada, such as 1000")
    if not isinstance(names, Mapping):
        raise UserError("a panoptic result numbers its classes; name them: --classes 1=mito,2=ER")
    if 0 in names:
        raise UserError(
            f"0 is the background, so it cannot be {names[0]!r}; number the classes from 1"
        )
    volume = open_labels(path)
    if divisor > np.iinfo(volume.dtype).max:
        raise UserError(
            f"the divisor is {divisor}, but {path} holds {volume.dtype}; "
            "give that of empanada, such as 1000"
        )
    return [ClassObjects(name, volume, value, divisor) for value, name in names.items()]


def check_found(results: Sequence[ClassObjects], found: AbstractSet[str]) -> None:
    """Check that a result holds objects, and a panoptic one each class that was named.

    Parameters
    ----------
    results
        What was read.
    found
        Names of the classes that are in it.

    Raises
    ------
    UserError
        When it does not; the message names the classes that there are.
    """
    missing = [one for one in results if one.name not in found]
    if not missing or (found and not missing[0].divisor):
        return
    one = missing[0]
    if not one.divisor:
        raise UserError(f"{one.volume.name} holds no object; choose the result that has some")
    values = one.classes_there()
    there = ", ".join(map(str, values[:SHOWN])) or "none"
    raise UserError(
        f"{one.volume.name} has no class {one.value} ({one.name}); with the divisor {one.divisor}, "
        f"its classes are: {there}; name those, or give another --divisor"
    )
