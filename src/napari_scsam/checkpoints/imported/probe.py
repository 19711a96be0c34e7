"""Try a network on a picture of noise, and say in a sentence where it does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_scsam.checkpoints.imported.card import LEAST_TILE, MOST_TILE
from napari_scsam.config import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from napari_scsam.model.imported_network import ImportedForm, ImportedNetwork

SUM_TOLERANCE = 0.02
"""How far the probabilities of classes and background may be from 1 together."""


@dataclass(frozen=True)
class ProbeResult:
    """What a trial found out."""

    channels: int
    """Of the input."""
    probabilities: bool
    """Whether the output is probabilities."""


def input_form(shape: Sequence[Any] | None) -> dict[str, Any]:
    """Return the channels and the fixed size of an input, as far as its file states them.

    Parameters
    ----------
    shape
        Numbers, or names where any size is taken; None when nothing is stated.

    Raises
    ------
    UserError
        When it is not an image of one or three channels, or of a size that tiles cannot have.
    """
    if shape is None:
        return {"channels": 1, "fixed": None}
    if len(shape) == 5:
        raise UserError("the network takes volumes; only networks of 2-D images are imported")
    if len(shape) != 4:
        raise UserError(
            f"the network takes arrays of {len(shape)} axes; export one that takes 1×1×H×W"
        )
    batch, channels, *sides = shape
    if isinstance(batch, int) and batch != 1:
        raise UserError(f"the network takes {batch} images at once; export it with a batch of 1")
    if isinstance(channels, int) and channels not in (1, 3):
        raise UserError(
            f"the network takes {channels} channels; only grey images are given to it, as 1 or 3"
        )
    return {
        "channels": channels if isinstance(channels, int) else 1,
        "fixed": _fixed(sides),
    }


def _fixed(sides: Sequence[Any]) -> tuple[int, int] | None:
    numbers = [side for side in sides if isinstance(side, int)]
    if not numbers:
        return None
    if len(numbers) == 1:
        raise UserError("the network fixes one side of its input; export it with both, or none")
    if not all(LEAST_TILE <= side <= MOST_TILE for side in numbers):
        size = "×".join(map(str, numbers))
        raise UserError(
            f"the network takes images of {size} pixels; "
            f"its sides must be {LEAST_TILE} to {MOST_TILE}"
        )
    return numbers[0], numbers[1]


def try_network(
    network: ImportedNetwork, named: int, probabilities: bool | None, *, states_shape: bool
) -> ProbeResult:
    """Run a network on noise, and check what it returns.

    Parameters
    ----------
    network
        As its card describes it.
    named
        How many output channels have a name.
    probabilities
        What the user says of the output; None when nothing.
    states_shape
        Whether the file states its input; else one and three channels are tried.

    Raises
    ------
    UserError
        When it cannot be run, or its output is not what the card says.
    """
    form = network.config.form
    trials = [form] if states_shape else [replace(form, channels=n) for n in (1, 3)]
    maps, channels = _first_answer(network, trials)
    _check_maps(maps, named)
    return ProbeResult(channels, _is_probability(maps, form, probabilities))


def _first_answer(network: ImportedNetwork, trials: Sequence[ImportedForm]) -> tuple[Tensor, int]:
    """Return the maps of a picture that is not square, and the channels of the input it took."""
    import torch

    from napari_scsam.model.imported_network import padded_sides, prepared

    generator = torch.Generator().manual_seed(0)
    failure: Exception | None = None
    for form in trials:
        sides = padded_sides(form, (LEAST_TILE, LEAST_TILE + 16))
        grey = torch.rand((1, 1, *sides), generator=generator)
        try:
            maps = network.run(prepared(form, grey).contiguous())
        except UserError:
            raise
        except Exception as error:  # noqa: BLE001  # what a foreign network raises is its own
            failure = failure or error
            continue
        _check_size(maps, sides)
        return maps.float(), form.channels
    lines = str(failure).strip().splitlines() or [type(failure).__name__]
    raise UserError(
        f"the network cannot be run on {sides[0]}×{sides[1]} pixels ({lines[-1][:200]}); "
        "set --multiple if its sides must be multiples of a number"
    ) from failure


def _check_size(maps: Tensor, sides: tuple[int, int]) -> None:
    if maps.ndim != 4 or tuple(maps.shape[2:]) != sides:
        shape = "×".join(map(str, maps.shape))
        raise UserError(
            f"the network returns {shape} for an image of {sides[0]}×{sides[1]} pixels; "
            "it must return 1×C×H×W maps of the size of the image"
        )


def _check_maps(maps: Tensor, named: int) -> None:
    if maps.shape[1] != named:
        raise UserError(
            f"the network has {maps.shape[1]} output channels, but {named} are named; "
            "name each with --channels, the background as background"
        )
    if not bool(maps.isfinite().all()):
        raise UserError("the network returns values that are not numbers; check --range")


def _is_probability(maps: Tensor, form: ImportedForm, stated: bool | None) -> bool:
    """Return whether maps are probabilities, as the user says and the values allow."""
    inside = bool(maps.min() >= 0) and bool(maps.max() <= 1)
    if stated is None and inside:
        raise UserError(
            "all values of the network lie between 0 and 1; "
            "add --values probabilities, or --values logits if they are none"
        )
    if not stated:
        return False
    if not inside:
        raise UserError("the network returns values beyond 0 and 1; use --values logits")
    off = float((maps.sum(1) - 1).abs().max())
    if form.background is not None and off > SUM_TOLERANCE:
        raise UserError(
            "the probabilities of the classes and the background do not add up to 1; "
            "name no channel background if each class is by itself"
        )
    return True
