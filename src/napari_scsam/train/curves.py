"""The curves of a run as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from napari_scsam.config import distinct_colour

SIZE = (720, 400)
LEFT = 56
RIGHT = 16
TOP = 28
BOTTOM = 30
"""Room in pixels for the axes and the legend."""

POINTS = 160
"""Points of a curve at most; longer ones are averaged, which also smooths single steps."""


def draw_curves(steps: Sequence[float], losses: Mapping[str, Sequence[float]]) -> Image.Image:
    """Draw losses over steps, both axes linear, the lower end of the losses at 0.

    Parameters
    ----------
    steps
        Rising.
    losses
        By name, as long as `steps` each.
    """
    canvas = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(canvas)
    at = averaged_curve(steps)
    curves = {name: averaged_curve(values) for name, values in losses.items()}
    top = max((float(curve.max()) for curve in curves.values()), default=0.0) or 1.0
    draw_grid(draw, top, (at[0], at[-1]))
    x = LEFT
    for number, (name, curve) in enumerate(curves.items(), 1):
        ink = distinct_colour(number)
        draw.line(places(at, curve, top), fill=ink, width=2)
        draw.rectangle((x, 10, x + 10, 19), fill=ink)
        draw.text((x + 14, 9), name, fill="black")
        x += 28 + int(draw.textlength(name))
    return canvas


def averaged_curve(values: Sequence[float]) -> NDArray[np.float64]:
    """Average neighbours until there are `POINTS` at most."""
    return np.array(
        [
            part.mean()
            for part in np.array_split(np.asarray(values, np.float64), min(len(values), POINTS))
        ]
    )


def places(
    steps: NDArray[np.float64], curve: NDArray[np.float64], top: float
) -> list[tuple[float, float]]:
    """Return the pixels (x, y) of steps and losses."""
    width = SIZE[0] - LEFT - RIGHT
    height = SIZE[1] - TOP - BOTTOM
    share = (steps - steps[0]) / max(1.0, steps[-1] - steps[0])
    return [
        (LEFT + width * s, TOP + height * (1 - v / top))
        for s, v in zip(share.tolist(), curve.tolist(), strict=True)
    ]


def draw_grid(draw: ImageDraw.ImageDraw, top: float, span: tuple[float, float]) -> None:
    """Draw the lines behind the curves, and the numbers of the axes."""
    bottom = SIZE[1] - BOTTOM
    right = SIZE[0] - RIGHT
    for share in np.linspace(0, 1, 5).tolist():
        y = TOP + (bottom - TOP) * (1 - share)
        draw.line((LEFT, y, right, y), fill="#dddddd")
        draw.text((8, y - 6), f"{share * top:.3g}", fill="black")
    first, last = (f"{step:.0f}" for step in span)
    draw.text((LEFT, bottom + 8), f"step {first}", fill="black")
    draw.text((right - draw.textlength(last), bottom + 8), last, fill="black")
