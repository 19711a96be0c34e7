"""Read zarr folders: OME-Zarr (NGFF 0.1 to 0.5) and plain arrays, zarr v2 and v3."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import zarr
from zarr.abc.store import Store
from zarr.errors import ZarrUserWarning

from napari_scsam.atomic import finish_replacing
from napari_scsam.config import UserError
from napari_scsam.io.formats.hdf5_sizes import read_resolution
from napari_scsam.io.label_root import is_label_root
from napari_scsam.io.lazy import Source
from napari_scsam.io.ngff_transforms import combined_transform, stated_axes
from napari_scsam.io.read_errors import READ_ERRORS
from napari_scsam.io.saved.anchored_store import AnchoredStore
from napari_scsam.io.saved.watched import ChangedFileError, watch_zarr
from napari_scsam.io.units import sides_nm, three_sides, to_nm, voxel_size_nm, whole_size
from napari_scsam.io.untrusted.zarr_chunks import check_zarr_chunks
from napari_scsam.io.zarr_access import ZarrArray, is_zarr, member_array, ngff_attributes

KINDS_OF_AXES = {"channel": "c", "channels": "c", "time": "t"}
"""Letters of axes by their type or name; others stay without a name."""

SEARCH_DEPTH = 4
"""Depth of groups in which an image is searched for; OpenOrganelle keeps volumes three down."""


Watch: TypeAlias = Callable[[ZarrArray], Any]
"""Returns an array that notices when its store goes away."""


def read_zarr(folder: Path) -> Source:
    """Open the image in a zarr folder, as `read_zarr_store` does.

    Raises
    ------
    UserError
        When there is no image, or several to choose from; the message lists them.
    """
    _finish_labels(folder)
    if _is_level(folder):
        store = AnchoredStore(folder.parent, read_only=True)
        return read_zarr_store(store, str(folder), watch_zarr, folder.name)
    return read_zarr_store(AnchoredStore(folder, read_only=True), str(folder), watch_zarr)


def _is_level(folder: Path) -> bool:
    """Whether a folder is a level of the multiscale image that it lies in."""
    if not is_zarr(folder.parent):
        return False
    try:
        group = zarr.open_group(folder.parent, mode="r")
        return folder.name in _paths_of_levels(group)
    except READ_ERRORS:  # another image is damaged, not this one
        return False


def _level(group: zarr.Group, path: str) -> ZarrArray:
    try:
        return member_array(group, path)
    except KeyError:
        raise UserError(
            f"{group.store_path} is damaged: it lacks its level {path!r}; copy or download it again"
        ) from None


def _paths_of_levels(group: zarr.Group) -> list[str]:
    """Return the paths of the levels of a multiscale image; none for other groups."""
    images = ngff_attributes(group).get("multiscales") or [{}]
    return [str(dataset["path"]) for dataset in images[0].get("datasets", ())]


def read_zarr_store(
    store: Store, name: str, watch: Watch, inner: str = "", separator: str = "/"
) -> Source:
    """Open the image in a zarr store; only metadata are read.

    Parameters
    ----------
    store
        With an array, a multiscale image, or a group with one image in it. Of a group with only
        ``labels/``, the first label image is taken.
    name
        What messages call it.
    watch
        Applied to each array.
    inner
        Where in the store to look.
    separator
        Stands between the name and the path of an image in it.

    Returns
    -------
    Source
        Finest level first; voxel size and origin from the coordinate transformations, if the axes
        have units.

    Raises
    ------
    UserError
        When there is no image, or several to choose from; the message lists them.
    """
    node = zarr.open(store, mode="r", path=inner or None)
    if isinstance(node, zarr.Array):
        in_labels = "labels" in node.path.split("/")[:-1]
        return replace(_one_array(store, node, watch), says_labels=in_labels)
    found = list(_images(node, SEARCH_DEPTH))
    if not found:
        raise UserError(f"{name} is a zarr group without an image in it; choose another folder")
    if len(found) > 1:
        names = ", ".join(f"{name}{separator}{image.path}" for image in found[:10])
        raise UserError(f"{name} holds several images; open one of: {names}")
    image = found[0]
    says_labels = "labels" in image.path.split("/")[:-1]
    if isinstance(image, zarr.Array):
        return replace(_plain_array(image, watch), says_labels=says_labels)
    attributes = ngff_attributes(image)
    says_labels = says_labels or "image-label" in attributes or is_label_root(attributes)
    return replace(_multiscale(image, watch), says_labels=says_labels)


def _one_array(store: Store, array: ZarrArray, watch: Watch) -> Source:
    """Open an array: as a level of the multiscale image around it, or by itself."""
    outer, _, name = array.path.rpartition("/")
    if name:
        group = zarr.open(store, mode="r", path=outer or None)
        if isinstance(group, zarr.Group) and name in _paths_of_levels(group):
            return _multiscale(group, watch, name)
    return _plain_array(array, watch)


def _finish_labels(folder: Path) -> None:
    """Complete replacements of label images that a killed process left half done."""
    for left in (folder / "labels").glob(".*.old"):
        name = ".".join(left.name[1:].split(".")[:-2])
        finish_replacing(folder / "labels" / name)


def _images(group: zarr.Group, depth: int) -> Iterator[ZarrArray | zarr.Group]:
    """Find arrays and multiscale images, but not inside the latter."""
    attributes = ngff_attributes(group)
    if attributes.get("multiscales"):
        yield group
        return
    members = _searched_members(group, attributes.get("labels"))
    for member in members:
        if isinstance(member, zarr.Array):
            if member.ndim > 1 or len(members) == 1:  # one axis: coordinates, as xarray writes them
                yield member
        elif depth > 0:
            yield from _images(member, depth - 1)


def _searched_members(
    group: zarr.Group, listed: Sequence[str] | None
) -> list[ZarrArray | zarr.Group]:
    """Return the first listed label image, or all members; ``labels`` only if it is alone."""
    if listed:
        return [group[listed[0]]]
    members = sorted(_members(group))
    images = [member for name, member in members if name != "labels"]
    return images or [member for _, member in members]


def _members(group: zarr.Group) -> list[tuple[str, ZarrArray | zarr.Group]]:
    """Return the members of a group by name; where a server lists none, those of Bio-Formats."""
    try:
        with warnings.catch_warnings():  # of files that are not zarr, such as Bio-Formats' XML
            warnings.simplefilter("ignore", ZarrUserWarning)
            return list(group.members())
    except ChangedFileError:
        series = group.get("OME")
        names: Sequence[Any] = ["0"]
        if isinstance(series, zarr.Group):
            names = ngff_attributes(series).get("series") or names
        members = [(str(name), group.get(str(name))) for name in names]
        found = [(name, member) for name, member in members if member is not None]
        if not found:
            raise
        return found


def _plain_array(array: ZarrArray, watch: Watch) -> Source:
    """Open an array with the names of its axes, and the attributes of CREMI, funlib and COSEM."""
    attributes = array.attrs.asdict()
    transform = attributes.get("transform")
    if isinstance(transform, dict):  # of COSEM
        attributes = {
            "resolution": transform.get("scale"),
            "offset": transform.get("translate"),
            "units": transform.get("units"),
            "axis_names": transform.get("axes"),
        }
    names = _axis_names(array, attributes)
    sides, origin = read_resolution(_along_zyx(attributes, names), array.ndim)
    return Source(
        array=watch(check_zarr_chunks(array)),
        axes=names,
        voxel_size=whole_size(sides) if sides else None,
        origin=origin,
        sides=three_sides(sides),
    )


def _axis_names(array: ZarrArray, attributes: Mapping[str, Any]) -> str:
    """Return a letter for each axis, by zarr v3, xarray or funlib; empty where none says."""
    stated: Any = (
        getattr(array.metadata, "dimension_names", None)
        or attributes.get("_ARRAY_DIMENSIONS")
        or attributes.get("axis_names")
        or ()
    )
    names = [str(name).lower() for name in stated]
    if not all(name in tuple("tczyx") for name in names) or len(set(names)) != array.ndim:
        return ""
    return "".join(names)


def _along_zyx(attributes: Mapping[str, Any], names: str) -> Mapping[str, Any]:
    """Return attributes whose lists have one value for each axis, with z, y, x last."""
    order = sorted(range(len(names)), key=lambda axis: "tczyx".index(names[axis]))
    return {
        key: [value[axis] for axis in order]
        if isinstance(value, list) and len(value) == len(names)
        else value
        for key, value in attributes.items()
    }


def _multiscale(group: zarr.Group, watch: Watch, only: str = "") -> Source:
    """Open the levels of a multiscale image, or only the one of a path."""
    multiscale = ngff_attributes(group)["multiscales"][0]
    stated = [dataset for dataset in multiscale["datasets"] if only in ("", dataset["path"])]
    datasets, levels = _finest_first(group, stated)
    axes = [
        axis if isinstance(axis, dict) else {"name": axis}
        for axis in stated_axes(multiscale, datasets[0]) or "tczyx"[-levels[0].ndim :]
    ]
    letters = "".join(map(_letter, axes))
    scale, shift = combined_transform(datasets[0], multiscale, len(axes))
    spatial = [letters.index(letter) for letter in "zyx" if letter in letters]
    units = [axes[i].get("unit") for i in spatial]
    sizes = [scale[i] for i in spatial]
    voxel_size = None
    origin = [0.0, 0.0, 0.0]
    if len(spatial) >= 2:
        voxel_size = voxel_size_nm(sizes, units)
    if voxel_size:  # without a known size the translation has no known unit either
        shifts = [to_nm(shift[i], unit) or 0.0 for i, unit in zip(spatial, units, strict=True)]
        origin[-len(shifts) :] = shifts
    return Source(
        array=watch(levels[0]),
        axes=letters,
        voxel_size=voxel_size,
        origin=(origin[0], origin[1], origin[2]),
        levels=tuple(map(watch, levels[1:])),
        sides=three_sides(sides_nm(sizes, units)),
    )


def _finest_first(
    group: zarr.Group, datasets: Sequence[Mapping[str, Any]]
) -> tuple[list[Mapping[str, Any]], list[ZarrArray]]:
    """Return levels and their metadata with the largest first, as the standard orders them."""
    levels = [_level(group, dataset["path"]) for dataset in datasets]
    order = sorted(range(len(levels)), key=lambda level: -math.prod(levels[level].shape))
    return [datasets[level] for level in order], [levels[level] for level in order]


def _letter(axis: Mapping[str, Any]) -> str:
    """Return the letter of an axis, whose name may be ``Z``, ``channel`` or ``c``."""
    name = str(axis["name"]).lower()
    if name in tuple("tczyx"):
        return name
    return KINDS_OF_AXES.get(str(axis.get("type", name)).lower(), "q")
