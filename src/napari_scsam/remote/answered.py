"""The messages of a server."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from napari_scsam.remote.arrays import WireArray
from napari_scsam.remote.parts import (
    Digest,
    Message,
    Number,
    Sentence,
    Sha256,
    Spec,
    TaughtSpec,
    Text,
)


class Welcome(Message):
    """The answer to `Hello`."""

    type: Literal["welcome"] = "welcome"
    version: int
    server: Text
    """Name and version of the program."""
    device: Text
    session: Text
    """A key that goes on with this session after a cut, once."""
    resumed: bool
    """Whether the session that was asked for is still there."""
    idle_minutes: float
    """After so long without a connection, the session is dropped."""
    most_pixels: int
    """Of a slice."""


class Progressed(Message):
    """A step of a request; fields are those of `Progress`."""

    type: Literal["progress"] = "progress"
    id: Number
    done: int
    total: int
    what: Sentence = ""


class Failed(Message):
    """A request that has no result."""

    type: Literal["failed"] = "failed"
    id: Number
    kind: Literal[
        "user", "fault", "need_pixels", "need_files", "lost", "damaged", "cancelled", "busy"
    ]
    """``user``: what the user can correct; ``fault``: of the server, whose log has more;
    ``lost``: it refers to something that the session does not have any more; ``damaged``: a part
    of a volume of the server cannot be read."""
    sentence: Sentence
    pixels: tuple[Digest, ...] = ()
    """What ``need_pixels`` asks for."""
    files: tuple[Sha256, ...] = ()
    """What ``need_files`` asks for."""


class Refused(Message):
    """Why the server closes the connection."""

    type: Literal["refused"] = "refused"
    sentence: Sentence


class Noticed(Message):
    """A sentence for the user, such as that memory ran out and something was dropped."""

    type: Literal["notice"] = "notice"
    sentence: Sentence


class Result(Message):
    """The result of a request."""

    id: Number


class Done(Result):
    """It is done."""

    type: Literal["done"] = "done"


class CheckpointCard(Message):
    """A checkpoint of the server."""

    name: Text
    classes: tuple[Spec, ...]
    nm_per_pixel: float | None
    bytes: int
    licence: Sentence
    summary: Sentence
    config: dict[str, Any]
    training: dict[str, Any]


class CheckpointList(Result):
    """The checkpoints that can be loaded by name."""

    type: Literal["checkpoints"] = "checkpoints"
    checkpoints: tuple[CheckpointCard, ...]


class Loaded(Result):
    """What a network knows."""

    type: Literal["loaded"] = "loaded"
    checkpoint: Text
    device: Text
    classes: tuple[Spec, ...]
    own_classes: tuple[Spec, ...]
    """Those of the checkpoint, without those taught since."""
    lessons: tuple[Text, ...]
    """Lower-case names of the classes that strokes taught."""
    nm_per_pixel: float | None
    sha256: Sha256
    """Of the checkpoint's file; the same on every computer."""
    network: dict[str, Any]
    """What tells it from other networks: its ``config``, and a hash of its ``weights``."""
    views: tuple[dict[str, Any], ...]
    """Views of a slice that careful requests average."""


class Labels(Result):
    """Class ids, (Y, X)."""

    type: Literal["labels"] = "labels"
    labels: WireArray


class ComputedMaps(Result):
    """Values, (K, Y, X), or the pixels of a slice, (Y, X)."""

    type: Literal["maps"] = "maps"
    maps: WireArray


class FoundMasks(Result):
    """Masks of objects, on the part of the slice that the network looked at."""

    type: Literal["found"] = "found"
    answer: Number
    """Its number in the session, for a request that refines it."""
    inside: WireArray
    """(N, y, x)."""
    corner: tuple[Number, Number]
    quality: tuple[float, ...]
    """The IoU that the network expects, of each object."""


class Following(Result):
    """An object that is followed."""

    type: Literal["following"] = "following"
    following: Number


class FoundNext(Result):
    """The object on one more slice; fields are those of `Section`."""

    type: Literal["found_next"] = "found_next"
    mask: WireArray
    corner: tuple[int, int]
    overlap: float
    similarity: float
    certainty: float


class Learned(Result):
    """A class that was learned, and what the network knows now."""

    type: Literal["learned"] = "learned"
    spec: Spec
    taught: TaughtSpec
    classes: tuple[Spec, ...]
    lessons: tuple[Text, ...]


class Labelled(Result):
    """A slice of a run."""

    type: Literal["labelled"] = "labelled"
    labels: WireArray
    probabilities: WireArray | None = None
    pixels: Text = ""
    """A hash of the slice, where the server read it."""


class Opened(Result):
    """A volume of the server; contrast and fingerprint are those that a run measures."""

    type: Literal["opened"] = "opened"
    volume: Number
    name: Text
    shape: tuple[Number, ...] = Field(min_length=2, max_length=3)
    dtype: Text
    voxel_size: tuple[float, float, float] | None
    origin: tuple[float, float, float]
    sides: tuple[float | None, float | None, float | None]
    contrast: tuple[float, float]
    fingerprint: Text
    notes: tuple[Sentence, ...]


class HashedSlice(Result):
    """`pixels_hash` of the part of a slice that is labelled."""

    type: Literal["hashed_slice"] = "hashed_slice"
    pixels: Text


class FilePart(Message):
    """A part of a file that is downloaded, in order."""

    type: Literal["file_part"] = "file_part"
    id: Number
    offset: int
    total: int
    data: bytes


class Trained(Message):
    """What a training says: a dictionary with a ``kind``, as `finetune_process` writes it."""

    type: Literal["trained"] = "trained"
    id: Number
    message: dict[str, Any]
    picture: WireArray | None = None
    """The validation tile, with messages of the kind ``picture``."""
    name: Text = ""
    """Of the checkpoint that can be fetched, when it is done."""
