"""The label image of a run on disk: where it grows, how it is continued and finished.

A first run writes into the labels that it creates. A run that replaces finished labels writes
beside them, into `STAGED_LABELS`, and takes their place when it is whole. The order on disk is always:
data, ``fsync``, then the line of the ledger.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.core.common import ZarrFormat

from napari_scsam.atomic import exchange_folders, finish_replacing, replacing_folder, sync
from napari_scsam.config import ClassSpec, UserError
from napari_scsam.io.image_labels import remove_drafts
from napari_scsam.io.label_header import LabelHeader
from napari_scsam.io.label_pyramid import build_levels, new_level, shard_shape
from napari_scsam.io.label_root import point_root
from napari_scsam.io.ngff import refresh_consolidated, update_ngff, version_of
from napari_scsam.io.read_errors import READ_ERRORS
from napari_scsam.io.zarr_access import ZarrArray, is_zarr, listed_names, member_array
from napari_scsam.volume.probabilities import create_probabilities
from napari_scsam.volume.writing.ledger import LEDGER, parse_run

LABELS = "classes"
"""Name of the label image inside the OME-Zarr."""

STAGED_LABELS = f".{LABELS}.run"
"""Name of the label image that is to replace it; it is not listed until then."""


@dataclass(frozen=True)
class RunTarget:
    """Where a run writes."""

    out: Path
    """The OME-Zarr."""
    beside: bool
    """Whether finished labels stay there until the run is whole."""

    @property
    def group(self) -> Path:
        """Folder of the label image."""
        return self.out / "labels" / (STAGED_LABELS if self.beside else LABELS)

    @property
    def ledger(self) -> Path:
        """Path of the ledger."""
        return (self.group if self.beside else self.out) / LEDGER


def find_stopped(out: Path) -> RunTarget | None:
    """Return where a stopped run of this output is; None when there is none."""
    finish_replacing(out)
    for place in (RunTarget(out, beside=True), RunTarget(out, beside=False)):
        if place.ledger.is_file():
            return place
    return None


def stopped_run(out: Path) -> dict[str, Any] | None:
    """Return the settings of a stopped or a finished run; None when there is none."""
    place = find_stopped(out)
    if place is None:
        return finished_run(out)
    with place.ledger.open(encoding="utf-8", errors="replace") as ledger:
        return parse_run(ledger.readline())


def tidy(out: Path) -> None:
    """Remove what a run left that was killed between taking its place and the end."""
    in_place = out / "labels" / LABELS
    finish_replacing(in_place)
    if not (in_place / LEDGER).is_file():
        return
    for folder in (out, out / "labels"):
        remove_drafts(folder)
    _list(out)
    point_root(out, LABELS)
    _remove_replaced(out)
    refresh_consolidated(out)
    _sync_metadata(out)
    (out / LEDGER).unlink(missing_ok=True)
    (in_place / LEDGER).unlink(missing_ok=True)
    sync(in_place)


def create_run_labels(
    place: RunTarget,
    header: LabelHeader,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    *,
    probabilities: bool = False,
) -> ZarrArray:
    """Create an empty label image in one step, with an empty ledger.

    A run that was stopped at the same place is dropped. With `probabilities`, an image of the
    probabilities of its classes is created inside it.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    place.out.parent.mkdir(parents=True, exist_ok=True)
    if place.beside:
        labels = zarr.open_group(place.group.parent, mode="r")
        group_format = labels.metadata.zarr_format
        with replacing_folder(place.group, _holds_ledger) as draft:
            _fill(draft, header, shape, dtype, probabilities, group_format)
            (draft / LEDGER).touch()
    else:
        with replacing_folder(place.out, _holds_ledger) as draft:
            root = zarr.open_group(draft, mode="a", zarr_format=3)
            root.update_attributes({"scsam": {"format": 1}})
            labels = root.create_group("labels")
            labels.update_attributes({"ome": {"version": "0.5", "labels": [header.name]}})
            _fill(draft / "labels" / header.name, header, shape, dtype, probabilities)
            point_root(draft, header.name)
            (draft / LEDGER).touch()
    return member_array(zarr.open_group(place.group, mode="r+"), "0")


def _fill(
    folder: Path,
    header: LabelHeader,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    probabilities: bool,
    zarr_format: ZarrFormat = 3,
) -> None:
    group = zarr.open_group(folder, mode="a", zarr_format=zarr_format)
    new_level(group, "0", shape, dtype, shard_shape(shape, dtype))
    group.update_attributes(header.attributes([[1] * len(shape)], version_of(group)))
    if probabilities:
        create_probabilities(group, header, shape)


def _holds_ledger(folder: Path) -> bool:
    return (folder / LEDGER).is_file()


def open_run_labels(place: RunTarget, shape: tuple[int, ...], dtype: np.dtype[Any]) -> ZarrArray:
    """Open the label image of a stopped run.

    Raises
    ------
    UserError
        When it is damaged or of another form.
    """
    try:
        level = member_array(zarr.open_group(place.group, mode="r+"), "0")
    except (UserError, *READ_ERRORS) as error:
        raise UserError(
            f"the stopped run in {place.out} cannot be read ({error}); start again with --overwrite"
        ) from error
    if (level.shape, level.dtype) != (shape, dtype):
        raise UserError(
            f"the labels {LABELS!r} in {place.out} cannot be resumed: they are {level.shape} "
            f"{level.dtype}, not {shape} {dtype}; start again with --overwrite"
        )
    _remove_partial_chunks(place.group)
    return level


def _remove_partial_chunks(group: Path) -> None:
    """Remove what zarr leaves of a write that was killed."""
    for left in group.rglob("*.partial"):
        left.unlink(missing_ok=True)


def finish_run_labels(
    place: RunTarget,
    run: dict[str, Any],
    classes: list[dict[str, Any]],
    seen: dict[str, Any] | None,
) -> None:
    """Build the coarser levels, put the labels in their place, and remove the ledger.

    Parameters
    ----------
    place
        Where the run wrote.
    run
        Its settings, which are kept in the labels.
    classes
        The class table as JSON values.
    seen
        What it saw of the image, from `seen_record`; None if that is not known.
    """
    group = zarr.open_group(place.group, mode="r+")
    build_levels(group)
    group.update_attributes({"scsam": {"classes": classes, "run": run, "seen": seen}})
    _sync_all(place.group)
    if not place.beside:
        point_root(place.out, LABELS)
        _sync_metadata(place.out)
        place.ledger.unlink(missing_ok=True)
        sync(place.out)
        return
    target = place.out / "labels" / LABELS
    if target.exists():
        exchange_folders(place.group, target)
    else:
        place.group.rename(target)
        sync(target.parent)
    tidy(place.out)


def _sync_all(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        sync(path)


def _sync_metadata(out: Path) -> None:
    """Wait until what leads to the labels is on disk, before the ledger that also does is gone."""
    for folder in (out / "labels", out):
        for path in folder.iterdir():
            if path.is_file() and path.name != LEDGER:
                sync(path)
        sync(folder)


def _list(out: Path) -> None:
    """Name the label image in the list of those that readers find."""
    labels = zarr.open_group(out / "labels", mode="r+")
    names = listed_names(labels)
    if LABELS not in names:
        update_ngff(labels, {"labels": [*names, LABELS]})


def _remove_replaced(out: Path) -> None:
    """Remove the labels that a run has replaced; they carry no ledger."""
    old = out / "labels" / STAGED_LABELS
    if old.is_dir() and not _holds_ledger(old):
        shutil.rmtree(old)


def finished_run(out: Path) -> dict[str, Any] | None:
    """Return the settings of the run that wrote these labels; None when they have none.

    Labels of version 0.1 and those that were saved in a window have none.
    """
    return _recorded(out, "run")


def seen_by_finished_run(out: Path) -> dict[str, Any] | None:
    """Return what a finished run saw of its image; None for runs of version 0.1."""
    return _recorded(out, "seen")


def _recorded(out: Path, what: str) -> dict[str, Any] | None:
    folder = out / "labels" / LABELS
    if not is_zarr(folder):
        return None
    try:
        record = zarr.open_group(folder, mode="r").attrs.get("scsam")
    except READ_ERRORS:
        return None
    found = record.get(what) if isinstance(record, dict) else None
    return found if isinstance(found, dict) else None


def run_of(labels: Path) -> dict[str, Any] | None:
    """Return the settings of the run that wrote labels, named by their OME-Zarr or themselves."""
    if labels.parent.name == "labels" and labels.name == LABELS:
        labels = labels.parents[1]
    return finished_run(labels)


def class_table_json(classes: tuple[ClassSpec, ...]) -> list[dict[str, Any]]:
    """Return a class table as JSON values."""
    return [spec.to_dict() for spec in classes]
