"""The first error of a pydantic model as one sentence."""

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from napari_scsam.config import UserError
from napari_scsam.validation import first_problem


class Inner(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    image: str = "a.tif"


class Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    steps: int = Field(1, ge=1)
    rate: float = Field(0.1, gt=0, allow_inf_nan=False)
    half: bool = False
    tile: int = Field(16, multiple_of=16)
    kind: Literal["one", "two"] = "one"
    names: list[str] = Field(default_factory=list, max_length=2)
    inner: Inner = Inner()
    data: list[Inner] = Field(default_factory=list)
    colour: str = "red"
    needed: int

    @field_validator("colour")
    @classmethod
    def check_colour(cls, value):
        if value == "octarine":
            raise UserError("the colour octarine cannot be seen; choose another one")
        return value


def problem(**values):
    with pytest.raises(ValidationError) as caught:
        Table.model_validate({"needed": 1, **values})
    return first_problem(caught.value)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"steps": "many"}, "steps = 'many' is not usable; give a whole number"),
        ({"steps": 1.5}, "steps = 1.5 is not usable; give a whole number"),
        ({"steps": 0}, "steps = 0 is not usable; give 1 or more"),
        ({"rate": "fast"}, "rate = 'fast' is not usable; give a number"),
        ({"rate": 0}, "rate = 0 is not usable; give more than 0.0"),
        ({"rate": float("nan")}, "rate = nan is not usable; give a finite number"),
        ({"half": "yes"}, "half = 'yes' is not usable; write true or false"),
        ({"tile": 17}, "tile = 17 is not usable; give a multiple of 16"),
        ({"kind": "three"}, "kind = 'three' is not usable; give 'one' or 'two'"),
        ({"names": "a"}, "names = 'a' is not usable; give a list"),
        ({"names": ["a", "b", "c"]}, "names = ['a', 'b', 'c'] is not usable; give at most 2"),
        ({"names": [1]}, "names[0] = 1 is not usable; give a text in quotes"),
        ({"inner": 3}, "inner = 3 is not usable; give a table of settings"),
        ({"inner": {"image": 3}}, "inner.image = 3 is not usable; give a text in quotes"),
        ({"data": [{}, {"image": 3}]}, "data[1].image = 3 is not usable; give a text in quotes"),
        ({"setps": 3}, "setps is unknown; remove it or check its spelling"),
        ({"colour": "octarine"}, "the colour octarine cannot be seen; choose another one"),
    ],
)
def test_the_first_error_is_one_sentence(values, says):
    assert problem(**values) == says


def test_what_is_missing_is_named():
    with pytest.raises(ValidationError) as caught:
        Table.model_validate({})
    assert first_problem(caught.value) == "needed is missing; add it"


def test_the_first_of_several_errors_is_told():
    assert problem(steps="many", rate="fast").startswith("steps = ")


def test_a_record_that_is_no_table_is_told():
    with pytest.raises(ValidationError) as caught:
        Table.model_validate(3)
    assert first_problem(caught.value) == ("the record = 3 is not usable; give a table of settings")


def test_a_long_value_is_cut_off():
    says = problem(steps="x" * 1000)
    assert len(says) < 100
    assert "…" in says


def test_an_error_nobody_thought_of_keeps_the_words_of_pydantic():
    class Timed(BaseModel):
        at: __import__("datetime").date

    with pytest.raises(ValidationError) as caught:
        Timed.model_validate({"at": "noon"})
    says = first_problem(caught.value)
    assert says.startswith("at = 'noon' is not usable; input should be a valid date")
