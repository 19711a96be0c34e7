"""What messages are made of: checked values, classes and slices."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from napari_scsam.config import ClassSpec, TaughtClass

MOST_NAMES = 1000
MOST_POINTS = 10_000

Number = Annotated[int, Field(ge=0, le=2**53)]
PixelIndex = Annotated[int, Field(ge=-(2**31), le=2**31)]
Text = Annotated[str, Field(max_length=300)]
Sentence = Annotated[str, Field(max_length=4000)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Coordinate = Annotated[float, Field(ge=-1e9, le=1e9)]
Nanometres = Annotated[float, Field(gt=0, lt=1e9)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Message(BaseModel):
    """What all messages share: nothing is converted, and no field is unknown."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Spec(Message):
    """A class; fields are those of `ClassSpec`."""

    id: Annotated[int, Field(ge=1, le=2**31 - 1)]
    name: Text
    colour: Text = ""
    description: Sentence = ""
    part_of: Text = ""
    reach: Annotated[float, Field(ge=0, lt=1e12)] = 0.0
    smallest: Annotated[float, Field(ge=0, lt=1e18)] = 0.0
    overrides: tuple[Text, ...] = Field(default=(), max_length=MOST_NAMES)
    renamed_from: Text = ""
    least_mean: Annotated[float, Field(ge=0, lt=1e12)] = 0.0
    own_outline: bool = False

    @classmethod
    def of(cls, spec: ClassSpec) -> Spec:
        """Return a class as it is sent."""
        return cls(**{name: getattr(spec, name) for name in cls.model_fields})

    def spec(self) -> ClassSpec:
        """Return the class."""
        return ClassSpec(**self.model_dump())


class TaughtSpec(Message):
    """A class that strokes taught; fields are those of `TaughtClass`."""

    spec: Spec
    prototype: tuple[Finite, ...] = Field(max_length=4096)
    lessons: Annotated[str, Field(max_length=2**26)] = ""

    @classmethod
    def of(cls, taught: TaughtClass) -> TaughtSpec:
        """Return a class as it is sent."""
        return cls(spec=Spec.of(taught.spec), prototype=taught.prototype, lessons=taught.lessons)

    def taught(self) -> TaughtClass:
        """Return the class."""
        return TaughtClass(self.spec.spec(), self.prototype, self.lessons)


class FileRef(Message):
    """A file of the client by the hash of its bytes."""

    sha256: Sha256
    bytes: Annotated[int, Field(ge=1, le=2**40)]


class SliceRef(Message):
    """A slice by the hash of its pixels, and how the network is to see it."""

    pixels: Digest
    pixel_size: tuple[Nanometres, Nanometres] | None = None
    """nm along y and x."""
    contrast: tuple[Finite, Finite] | None = None
    """Grey values that become black and white; measured on the slice when not given."""
    coarse: bool = False
    """Whether it is never enlarged to the network's pixel size."""
    name: Text = ""
    """Two slices of one name are two states of one place; empty when it has none."""
