"""Many images, one after another: a file of labels for each; what fails costs itself alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.config import UserError, select_classes
from napari_scsam.errors import PartlyDoneError, describe_os_error, without_drafts
from napari_scsam.io.volumes import Volume
from napari_scsam.remote.predictor import RemotePredictor
from napari_scsam.steps import Progress, Steps, as_part
from napari_scsam.volume.image_batch import ImageBatch
from napari_scsam.volume.made import is_outdated
from napari_scsam.volume.run import segment_volume

if TYPE_CHECKING:
    from napari_scsam.infer.predictor import Predictor


def segment_images(
    batch: ImageBatch,
    opened: Callable[[Path], Volume],
    predictor: Predictor | RemotePredictor,
    **options: Any,
) -> Steps[None]:
    """Label each image; yields after each slice, with all images as the total.

    Parameters
    ----------
    batch
        What goes where.
    opened
        Opens an image.
    predictor
        Holds the checkpoint and the device.
    options
        Of `segment_volume`: ``classes`` and ``average_z``.

    Raises
    ------
    UserError
        Before anything is done, as `ImageBatch.left`, or when the network lacks a class.
    PartlyDoneError
        At the end, when some images failed. The others are done.
    """
    select_classes(predictor.classes, options.get("classes"))
    yield from _compare(batch, opened, predictor, options.get("average_z"))
    left = batch.left()
    batch.check_kept(left, options.get("classes"))
    batch.chosen.extend(left)
    yield Progress(0, len(left), "opening images")
    for done, image in enumerate(left):
        yield Progress(done, len(left), image.name)
        try:
            steps = segment_volume(
                opened(image),
                predictor,
                batch.labels_of(image),
                overwrite=batch.overwrite or image in batch.outdated,
                **options,
            )
            yield from as_part(_as_one(steps, image.name), done, len(left))
        except UserError as error:
            batch.failed[image] = str(error)
        except OSError as error:
            batch.failed[image] = describe_os_error(error)
    yield Progress(len(left), len(left), "done")
    _report(batch)


def _compare(
    batch: ImageBatch,
    opened: Callable[[Path], Volume],
    predictor: Predictor | RemotePredictor,
    average_z: bool | None,
) -> Steps[None]:
    """Find images that have changed since their labels were made."""
    kept = [image for image in batch.images if image not in set(batch.left())]
    for image in kept:
        yield Progress(0, len(batch.images), f"comparing {image.name} with its labels")
        target = batch.labels_of(image)
        try:
            if is_outdated(target, image, opened(image), predictor, average_z):
                batch.outdated.add(image)
        except UserError as error:
            batch.failed[image] = str(error)
        except OSError as error:
            batch.failed[image] = describe_os_error(error)


def _as_one(steps: Steps[None], name: str) -> Steps[None]:
    """Return the steps of an image as a single one, which a run can be stopped after."""
    for _ in steps:
        yield Progress(0, 1, name)


def _report(batch: ImageBatch) -> None:
    """Name the images that failed.

    Raises
    ------
    PartlyDoneError
        When there are any.
    """
    if not batch.failed:
        return
    named = "; ".join(f"{path.name}: {without_drafts(why)}" for path, why in batch.failed.items())
    others = ""
    if len(batch.images) > len(batch.failed):
        others = ", and the others are done"
    raise PartlyDoneError(
        f"{len(batch.failed)} of {len(batch.images)} images could not be segmented{others}: {named}"
    )
