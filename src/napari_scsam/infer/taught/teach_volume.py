"""Teach a network a class by strokes on slices of a volume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_scsam.config import ClassSpec, UserError, select_classes
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import measure_contrast
from napari_scsam.project.strokes import BESIDE, ON
from napari_scsam.steps import Progress, Steps, as_part

if TYPE_CHECKING:
    from napari_scsam.io.volumes import Volume
    from napari_scsam.model import ScSAM


def teach_volume(
    volume: Volume,
    strokes: Volume,
    name: str,
    model: ScSAM,
    device: str = "auto",
    *,
    slices: Sequence[int] | None = None,
) -> Steps[ClassSpec]:
    """Teach a class by all strokes of a volume; yields after each tile, and closing it stops.

    Parameters
    ----------
    volume
        From `open_volume`.
    strokes
        Integers of the same shape: 1 on the class, 2 beside it, 0 where nothing was drawn.
    name
        Of the class; a new one, or one that the network knows and is to know better.
    model
        From `load_checkpoint`; changed in place.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    slices
        Only strokes on these count; all when not given.

    Returns
    -------
    ClassSpec
        The class.

    Raises
    ------
    UserError
        When the shapes differ, a value is not a stroke, or no stroke marks the class.
    """
    if strokes.shape != volume.shape:
        raise UserError(
            f"the strokes have shape {strokes.shape} but the image has {volume.shape}; "
            "draw them on this image"
        )
    numbers = slices_with_strokes(strokes, slices)
    predictor = Predictor(model, device)
    yield Progress(0, len(numbers), "measuring the contrast of the volume")
    contrast = measure_contrast(volume.data)
    known: str | ClassSpec = name
    for done, z in enumerate(numbers):
        slice_ = predictor.prepare(volume.plane(z), volume.pixel_size, contrast=contrast)
        predictor.set_slice(slice_)
        yield from as_part(predictor.embed_steps(), done, len(numbers))
        drawn = strokes.plane(z)
        known = predictor.teach(known, drawn == ON, drawn == BESIDE)
    yield Progress(len(numbers), len(numbers), "done")
    return select_classes(predictor.classes, [name])[0]


def slices_with_strokes(strokes: Volume, slices: Sequence[int] | None) -> list[int]:
    """Return the slices with strokes; those that mark the class come first.

    Raises
    ------
    UserError
        When a slice or a value does not exist, or no stroke marks the class.
    """
    marked = []
    beside = []
    for z in range(strokes.depth) if slices is None else slices:
        if not 0 <= z < strokes.depth:
            raise UserError(f"there is no slice {z}; choose slices from 0 to {strokes.depth - 1}")
        drawn = strokes.plane(z)
        other = drawn[(drawn > BESIDE) | (drawn < 0)]
        if other.size:
            raise UserError(
                f"slice {z} of the strokes has the value {other[0]}; "
                "use 1 on the class, 2 beside it and 0 elsewhere"
            )
        if (drawn == ON).any():
            marked.append(z)
        elif drawn.any():
            beside.append(z)
    if not marked:
        raise UserError("no stroke marks the class; draw some with the value 1")
    return [*marked, *beside]
