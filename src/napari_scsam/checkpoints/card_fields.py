"""What a checkpoint's card must hold, checked before a network is built from it."""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from napari_scsam.config import TIMM_NAME, UserError
from napari_scsam.plausible import PLAUSIBLE_NM
from napari_scsam.validation import first_problem


def check_encoder_name(name: str) -> str:
    """Return the name of an encoder, if it is a plain one.

    Raises
    ------
    UserError
        When it is an address or a path.
    """
    if not TIMM_NAME.fullmatch(name):
        raise UserError(
            f"{name[:80]!r} is not the name of an encoder; write 'hybrid' or the name of a timm ViT"
        )
    return name


def readable_lessons(text: str) -> str:
    """Return what strokes taught a class, if it can be read.

    Raises
    ------
    UserError
        When it is not base64 of safetensors, as `napari_scsam.infer.taught.codec` writes it.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        load(base64.b64decode(text, validate=True))
    except (ValueError, LookupError, SafetensorError) as error:
        raise UserError("what strokes taught is damaged") from error
    return text


class ConfigFields(BaseModel):
    """The settings that rebuild the network; `ScSAMConfig` says what they mean."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)

    sam: Literal["vit_t", "vit_b", "vit_l", "vit_h"] = "vit_t"
    mae: Annotated[str, AfterValidator(check_encoder_name)] = "hybrid"
    nm_per_pixel: Annotated[float, Field(ge=PLAUSIBLE_NM[0], le=PLAUSIBLE_NM[1])] | None = None
    tile: Annotated[int, Field(ge=64, le=4096, multiple_of=16)] = 512
    branches: Literal["sam+mae", "sam", "mae"] = "sam+mae"
    fusion: Literal["gated", "sum"] = "gated"
    similarity: Literal["cosine", "unscaled", "dot", "softmax", "several", "relations"] = "cosine"
    detail: bool = True
    prompts_only: bool = False


MOST_CORRECTIONS = 64
"""Corrections that a card may name, outputs of each, and tuned copies."""

CoveredNames = Annotated[list[str], Field(min_length=1, max_length=254)]
"""Classes whose logits one output of a correction changes, or a tuned copy answers."""

CorrectedNames = Annotated[list[CoveredNames], Field(min_length=1, max_length=MOST_CORRECTIONS)]
"""Of one correction."""


class CardFields(BaseModel):
    """A card. Keys that a newer version added are let through."""

    model_config = ConfigDict(strict=True, extra="allow")

    config: ConfigFields
    classes: list[dict[str, Any]]
    licence: str = "unknown"
    summary: str = ""
    training: dict[str, Any] = Field(default_factory=dict)
    lessons: dict[str, Annotated[str, AfterValidator(readable_lessons)]] = Field(
        default_factory=dict
    )
    corrections: Annotated[list[CorrectedNames], Field(max_length=MOST_CORRECTIONS)] = Field(
        default_factory=list
    )
    tuned: Annotated[list[CoveredNames], Field(max_length=MOST_CORRECTIONS)] = Field(
        default_factory=list
    )


def parse_card(text: str) -> dict[str, Any]:
    """Return the card as plain JSON values.

    Raises
    ------
    UserError
        When it is not JSON, or a value is missing or not usable; the message is a clause without
        the name of the file.
    """
    try:
        card = json.loads(text)
        fields = CardFields.model_validate(card)
    except ValidationError as error:
        raise UserError(first_problem(error).partition("; ")[0]) from error
    except (ValueError, RecursionError) as error:
        raise UserError("its card is not JSON") from error
    return {**fields.model_dump(), "config": card["config"]}
