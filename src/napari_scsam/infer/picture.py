"""Pictures of labels over grey values, for reports and for machines without a screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from napari_scsam.config import ClassSpec

PICTURE_MARGIN = 4


def overlay(
    grey: NDArray[np.float32],
    labels: NDArray[Any],
    classes: Sequence[ClassSpec],
    opacity: float = 0.45,
) -> NDArray[np.uint8]:
    """Blend class colours into a slice.

    Parameters
    ----------
    grey
        Y×X in 0..1.
    labels
        Y×X class ids.

    Returns
    -------
    picture
        Y×X×3.
    """
    base = np.repeat(grey[..., None] * 255, 3, axis=2)
    for spec in classes:
        where = labels == spec.id
        base[where] = (1 - opacity) * base[where] + opacity * np.array(rgb(spec.colour))
    return base.round().astype(np.uint8)


def rgb(colour: str) -> tuple[int, int, int]:
    """Read ``"#rrggbb"`` as three numbers."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def save_picture(
    path: Path, grey: NDArray[np.float32], labels: NDArray[Any], classes: Sequence[ClassSpec]
) -> None:
    """Write a PNG of the slice, the slice with its labels, and a legend."""
    plain = overlay(grey, labels, ())
    coloured = overlay(grey, labels, classes)
    height, width = grey.shape
    legend = 18
    canvas = Image.new("RGB", (2 * width + PICTURE_MARGIN, height + legend), "white")
    canvas.paste(Image.fromarray(plain), (0, 0))
    canvas.paste(Image.fromarray(coloured), (width + PICTURE_MARGIN, 0))
    draw = ImageDraw.Draw(canvas)
    x = PICTURE_MARGIN
    for spec in classes:
        draw.rectangle((x, height + 5, x + 10, height + 14), fill=spec.colour)
        draw.text((x + 14, height + 4), spec.name, fill="black")
        x += 24 + int(draw.textlength(spec.name))
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(path, format="PNG")
