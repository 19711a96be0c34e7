"""Many images, one after another: a file of labels for each; what fails costs itself alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scsam.config import UserError, select_classes
from napari_scsam.errors import PartlyDoneError, describe_os_error, without_drafts
from napari_scsam.io.volumes import Volume
from napari_scsam.remote.predictor import RemotePredictor
from napari_scsam.steps import Progress, Steps, as_part
from napari_scsam.volume.image_batch import ImageBatch
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
    left = batch.left()
    select_classes(predictor.classes, options.get("classes"))
    yield Progress(0, len(left), "opening images")
    for done, image in enumerate(left):
        yield Progress(done, len(left), image.name)
        try:
            steps = segment_volume(
                opened(image),
                predictor,
                batch.labels_of(image),
                overwrite=batch.overwrite,
                **options,
            )
            yield from as_part(_as_one(steps, image.name), done, len(left))
        except UserError as error:
            batch.failed[image] = str(error)
        except OSError as error:
            batch.failed[image] = describe_os_error(error)
    yield Progress(len(left), len(left), "done")
    _report(batch, left)


def _as_one(steps: Steps[None], name: str) -> Steps[None]:
    """Return the steps of an image as a single one, which a run can be stopped after."""
    for _ in steps:
        yield Progress(0, 1, name)


def _report(batch: ImageBatch, left: Sequence[Path]) -> None:
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
    if len(left) > len(batch.failed):
        others = ", and the others are done"
    raise PartlyDoneError(
        f"{len(batch.failed)} of {len(left)} images could not be segmented{others}: {named}"
    )
