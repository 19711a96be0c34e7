"""What a card must hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from napari_scsam.checkpoints.card_fields import MOST_CORRECTIONS, ConfigFields, parse_card
from napari_scsam.config import UserError
from napari_scsam.model import ScSAMConfig


def card(**more: Any) -> str:
    return json.dumps({"config": {}, "classes": [], **more})


def test_a_card_without_corrections_has_none() -> None:
    assert parse_card(card())["corrections"] == []


def test_corrections_name_the_classes_of_each_output() -> None:
    corrections = [[["mitochondrion", "cristae"], ["vesicle"]], [["membrane"]]]
    assert parse_card(card(corrections=corrections))["corrections"] == corrections


@pytest.mark.parametrize(
    "corrections",
    [
        "mitochondrion",
        [["mitochondrion"]],
        [[]],
        [[[]]],
        [[[1]]],
        [[["a"]]] * (MOST_CORRECTIONS + 1),
        [[["a"]] * (MOST_CORRECTIONS + 1)],
    ],
)
def test_corrections_of_another_form_are_refused(corrections: Any) -> None:
    with pytest.raises(UserError, match="corrections"):
        parse_card(card(corrections=corrections))


@pytest.mark.parametrize("kind", ["cosine", "unscaled", "dot", "softmax", "several", "relations"])
def test_a_card_may_name_every_similarity_that_a_network_has(kind: str) -> None:
    config = ScSAMConfig(similarity=kind).to_dict()
    assert ConfigFields.model_validate(config).similarity == kind
