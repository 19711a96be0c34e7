"""What the card of an imported network says beside its classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_scsam.config import UserError
from napari_scsam.plausible import PLAUSIBLE_NM
from napari_scsam.validation import first_problem

IMPORTED_FORMAT = "napari-scsam imported 1"
"""Value of ``format`` in the header of a checkpoint that holds an imported network."""

LEAST_TILE = 128
"""Smallest side of a tile, as the network's input, in pixels; neighbours share 64 of them."""

MOST_TILE = 4096

Channel = Annotated[int, Field(ge=0, le=65_535)]
TileSide = Annotated[int, Field(ge=LEAST_TILE, le=MOST_TILE)]


class FormFields(BaseModel):
    """What the network takes and returns; `ImportedForm` says what they mean."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    kind: Literal["onnx", "torchscript"]
    channel_of: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=254)]
    background: Channel | None = None
    probabilities: bool = False
    output: str = ""
    channels: Literal[1, 3] = 1
    fixed: tuple[TileSide, TileSide] | None = None
    multiple: Annotated[int, Field(ge=1, le=512)] = 16
    black: float = 0.0
    white: float = 1.0
    standardise: bool = False
    full_range: bool = False

    @model_validator(mode="after")
    def _each_once(self) -> FormFields:
        used = [*self.channel_of]
        if self.background is not None:
            used.append(self.background)
        if len(set(used)) < len(used):
            raise UserError("two classes have one channel; give each its own")
        return self


class ImportedFields(BaseModel):
    """The settings of an imported network."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    form: FormFields
    nm_per_pixel: Annotated[float, Field(ge=PLAUSIBLE_NM[0], le=PLAUSIBLE_NM[1])] | None = None
    tile: Annotated[int, Field(ge=LEAST_TILE, le=MOST_TILE, multiple_of=16)] = 512


def parse_settings(config: Mapping[str, Any], classes: int) -> ImportedFields:
    """Check the settings of an imported network.

    Parameters
    ----------
    config
        From its card.
    classes
        How many its class table has.

    Raises
    ------
    UserError
        When a value is missing or not usable.
    """
    try:
        fields = ImportedFields.model_validate(config)
    except ValidationError as error:
        raise UserError(first_problem(error)) from error
    if len(fields.form.channel_of) != classes:
        raise UserError(
            f"the card names {len(fields.form.channel_of)} channels for {classes} classes; "
            "import the network again"
        )
    return fields
