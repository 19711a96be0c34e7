"""The messages of a client."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from napari_scsam.remote.arrays import WireArray
from napari_scsam.remote.parts import (
    MOST_NAMES,
    MOST_POINTS,
    Coordinate,
    Digest,
    FileRef,
    Finite,
    Message,
    Nanometres,
    Number,
    PixelIndex,
    Sentence,
    SliceRef,
    Spec,
    TaughtSpec,
    Text,
)

MOST_SETTINGS = 30

MOST_BESIDE = 8
"""Networks beside a checkpoint."""

FILE_PART_BYTES = 2**22
"""Of a file that a client sends, in one message."""

MOST_PLANES = 2000
"""Slices that are averaged along three axes at a time."""

PixelWindow = tuple[Number, Number, Number, Number]
"""First and last row, first and last column; the last ones are not part of it."""

Setting = bool | int | Finite | Annotated[str, Field(max_length=100)]


class Request(Message):
    """A message that is answered by one result or failure of the same id."""

    id: Number
    """Counted upwards by the client; an id that was used is refused."""


class Hello(Message):
    """The first message of a client."""

    type: Literal["hello"] = "hello"
    version: int
    client: Text = ""
    """Name and version of the program."""
    session: Text = ""
    """The key of an earlier welcome, to go on with its session; it works once."""


class Beat(Message):
    """A sign of life, from either side."""

    type: Literal["beat"] = "beat"


class Cancel(Message):
    """The answer to a request is not needed any more."""

    type: Literal["cancel"] = "cancel"
    target: Number


class ListCheckpoints(Request):
    """Answered by `CheckpointList`."""

    type: Literal["list_checkpoints"] = "list_checkpoints"


class Load(Request):
    """Load a checkpoint, with classes taught before; answered by `Loaded`.

    `Failed` of the kind ``need_files`` asks for files of the client first.
    """

    type: Literal["load"] = "load"
    checkpoint: Text
    """From the list, or a key of `files`."""
    beside: tuple[Text, ...] = Field(default=(), max_length=MOST_BESIDE)
    """Imported networks of the list that work beside it."""
    files: dict[Text, FileRef] = Field(default={}, max_length=1 + MOST_BESIDE)
    """Checkpoints of the client, by name."""
    taught: tuple[TaughtSpec, ...] = Field(default=(), max_length=MOST_NAMES)


class PutFile(Request):
    """A part of a checkpoint of the client, in order; answered by `Done`.

    Only the session that sent it can load it.
    """

    type: Literal["put_file"] = "put_file"
    file: FileRef
    offset: Number
    data: bytes = Field(max_length=FILE_PART_BYTES)


class PutPixels(Request):
    """Pixels of a slice, once a session; answered by `Done`."""

    type: Literal["put_pixels"] = "put_pixels"
    pixels: Digest
    array: WireArray


class OnSlice(Request):
    """A request on a slice; `Failed` of the kind ``need_pixels`` asks for its pixels first."""

    slice: SliceRef
    careful: bool = False
    """Whether several views of the slice are averaged."""


class Embed(OnSlice):
    """Embed a slice ahead of the next request; answered by `Done`."""

    type: Literal["embed"] = "embed"


class Segment(OnSlice):
    """Find classes; answered by `Labels`."""

    type: Literal["segment"] = "segment"
    classes: tuple[Text, ...] | None = Field(default=None, max_length=MOST_NAMES)
    offsets: dict[Text, Finite] = Field(default={}, max_length=MOST_NAMES)
    """What is added to thresholds, by class name."""


class MapOf(OnSlice):
    """Compute maps of classes; answered by `ComputedMaps`."""

    type: Literal["map"] = "map"
    kind: Literal["logits", "probability", "similarity"]
    classes: tuple[Text, ...] | None = Field(default=None, max_length=MOST_NAMES)


class Prompt(OnSlice):
    """Find objects by clicks and boxes; answered by `FoundMasks`."""

    type: Literal["prompt"] = "prompt"
    points: tuple[tuple[tuple[Coordinate, Coordinate], ...], ...] | None = Field(
        default=None, max_length=MOST_POINTS
    )
    """Of each object, (x, y) in pixels of the slice."""
    labels: tuple[tuple[Finite, ...], ...] | None = Field(default=None, max_length=MOST_POINTS)
    boxes: tuple[tuple[Coordinate, Coordinate, Coordinate, Coordinate], ...] | None = Field(
        default=None, max_length=MOST_POINTS
    )
    earlier: Number | None = None
    """The answer that is refined: `FoundMasks.answer`."""


class Follow(OnSlice):
    """Begin to follow an object from slice to slice; answered by `Following`."""

    type: Literal["follow"] = "follow"
    mask: WireArray
    corner: tuple[PixelIndex, PixelIndex]
    """(y, x) of the mask on the slice."""
    overlap: Finite
    similarity: Finite
    certainty: Finite
    smallest: Number
    max_shift: Number


class FollowNext(OnSlice):
    """Find the object on the next slice; answered by `FoundNext`."""

    type: Literal["follow_next"] = "follow_next"
    following: Number
    turn: Number
    """How many slices came before; the last one may be asked for again."""


class Teach(OnSlice):
    """Learn a class from strokes; answered by `Learned`."""

    type: Literal["teach"] = "teach"
    name: Text = ""
    spec: Spec | None = None
    """The class with an id of its own; else `name` gets the next free one."""
    foreground: WireArray
    background: WireArray | None = None
    replace_earlier: bool = False


class RestoreTaught(Request):
    """Know the checkpoint's own classes and these, and no others; answered by `Loaded`."""

    type: Literal["restore_taught"] = "restore_taught"
    taught: tuple[TaughtSpec, ...] = Field(max_length=MOST_NAMES)


class SaveModel(Request):
    """Write the network with what it was taught; `FilePart`s, then `Done`."""

    type: Literal["save_model"] = "save_model"
    summary: Sentence = ""


class LabelSlice(Request):
    """Label one slice of a run over a volume; answered by `Labelled`.

    `Failed` of the kind ``need_pixels`` asks for pixels first.
    """

    type: Literal["label_slice"] = "label_slice"
    run: Digest
    """Of the run's settings: logits of neighbours are remembered within one run."""
    z: Number
    planes: dict[Number, Digest] = Field(default={}, max_length=MOST_PLANES)
    """Pixels of this slice, and of those that it is averaged with, by their z."""
    volume: Number | None = None
    """The volume of the server that the slices are of, when they are not sent."""
    window: PixelWindow | None = None
    """The part of a slice of that volume that is labelled."""
    axes: Literal[1, 3] = 1
    """Along how many axes logits are averaged."""
    depth: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Slices of the whole volume; matters with three axes."""
    voxel_size: tuple[Nanometres, Nanometres, Nanometres] | None = None
    pixel_size: tuple[Nanometres, Nanometres] | None = None
    contrast: tuple[Finite, Finite]
    classes: tuple[Text, ...] = Field(max_length=MOST_NAMES)
    careful: bool = False
    coarse: bool = False
    average_z: bool = False
    probabilities: bool = False
    wanted: dict[Number, WireArray] = Field(default={}, max_length=3)
    """Where labels are needed, (Y, X) of each slice; everywhere when not given."""


class OpenVolume(Request):
    """Open a volume among the data of the server; answered by `Opened`."""

    type: Literal["open_volume"] = "open_volume"
    location: Sentence
    """A path or an address; only what the server was started for is opened."""
    voxel_size: tuple[Nanometres, Nanometres, Nanometres] | None = None
    """nm along z, y, x, instead of what the file says."""


class HashSlice(Request):
    """Hash the part of a slice that a run labels; answered by `HashedSlice`."""

    type: Literal["hash_slice"] = "hash_slice"
    volume: Number
    z: Number
    window: PixelWindow


class PutTraining(Request):
    """A reviewed slice for a training; answered by `Done`."""

    type: Literal["put_training"] = "put_training"
    job: Digest
    kind: Literal["image", "labels", "reviewed"]
    z: Number
    """Its place among the slices of the training."""
    array: WireArray


class FineTune(Request):
    """Fine-tune the loaded network on slices that were put; `Trained` messages come until `Done`.

    Asked again after a cut, it goes on with the training of the same job.
    """

    type: Literal["fine_tune"] = "fine_tune"
    job: Digest
    classes: dict[Text, Text] = Field(min_length=1, max_length=MOST_NAMES)
    """Names of the labelled classes, by their label values."""
    colours: dict[Text, Text] = Field(default={}, max_length=MOST_NAMES)
    slices: Annotated[int, Field(ge=1, le=100_000)]
    """How many were put."""
    voxel_size: tuple[Nanometres, Nanometres, Nanometres] | None = None
    minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 3.0
    settings: dict[Text, Setting] = Field(default={}, max_length=MOST_SETTINGS)
    """Settings of the training that are not the defaults."""


class TrainingCommand(Message):
    """What a training is to do next."""

    type: Literal["training_command"] = "training_command"
    target: Number
    command: Literal["pause", "resume", "stop"]


class FetchCheckpoint(Request):
    """Download a checkpoint that was tuned in this session; `FilePart`s, then `Done`."""

    type: Literal["fetch_checkpoint"] = "fetch_checkpoint"
    name: Text
