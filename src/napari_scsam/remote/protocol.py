"""The messages between a client and a server, version 1; docs/protocol.md tells of them.

Each message is one map of msgpack with its ``type``. It is checked by the model of that type: a
message with a field that is unknown, missing or out of its range is refused.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgpack
from pydantic import Field, TypeAdapter, ValidationError

from napari_scsam.remote.answered import (
    CheckpointList,
    ComputedMaps,
    Done,
    Failed,
    FilePart,
    Following,
    FoundMasks,
    FoundNext,
    HashedSlice,
    Labelled,
    Labels,
    Learned,
    Loaded,
    Noticed,
    Opened,
    Progressed,
    Refused,
    Trained,
    Welcome,
)
from napari_scsam.remote.asked import (
    Beat,
    Cancel,
    Embed,
    FetchCheckpoint,
    FineTune,
    Follow,
    FollowNext,
    HashSlice,
    Hello,
    LabelSlice,
    ListCheckpoints,
    Load,
    MapOf,
    OpenVolume,
    Prompt,
    PutFile,
    PutPixels,
    PutTraining,
    RestoreTaught,
    SaveModel,
    Segment,
    Teach,
    TrainingCommand,
)
from napari_scsam.remote.parts import Message

VERSION = 1
"""Raised when a message changes its meaning. Client and server must have the same."""

PATH = "/v1"
"""Of the websocket."""

BEAT_SECONDS = 1.0
"""Between two signs of life of the server; it sends them whatever it computes."""

QUIET_SECONDS = 2.0
"""Without any sign of life, the user hears that the server is silent."""

DEAD_SECONDS = 4.0
"""Without any sign of life a line counts as cut."""

FromClient = Annotated[
    Hello
    | Beat
    | Cancel
    | ListCheckpoints
    | Load
    | PutFile
    | PutPixels
    | Embed
    | Segment
    | MapOf
    | Prompt
    | Follow
    | FollowNext
    | Teach
    | RestoreTaught
    | SaveModel
    | LabelSlice
    | OpenVolume
    | HashSlice
    | PutTraining
    | FineTune
    | TrainingCommand
    | FetchCheckpoint,
    Field(discriminator="type"),
]

FromServer = Annotated[
    Welcome
    | Beat
    | Progressed
    | Failed
    | Refused
    | Noticed
    | Done
    | CheckpointList
    | Loaded
    | Labels
    | ComputedMaps
    | FoundMasks
    | Following
    | FoundNext
    | Learned
    | Labelled
    | Opened
    | HashedSlice
    | FilePart
    | Trained,
    Field(discriminator="type"),
]


class ProtocolError(ValueError):
    """Bytes that are not a message of this protocol."""


def encode(message: Message) -> bytes:
    """Write a message."""
    return bytes(msgpack.packb(message.model_dump(), use_bin_type=True))


def decode_from_client(data: bytes) -> Any:
    """Read a message of a client.

    Raises
    ------
    ProtocolError
        When it is none.
    """
    return _decode(_FROM_CLIENT, data)


def decode_from_server(data: bytes) -> Any:
    """Read a message of a server.

    Raises
    ------
    ProtocolError
        When it is none.
    """
    return _decode(_FROM_SERVER, data)


_FROM_CLIENT: TypeAdapter[Any] = TypeAdapter(FromClient)
_FROM_SERVER: TypeAdapter[Any] = TypeAdapter(FromServer)


def _decode(adapter: TypeAdapter[Any], data: bytes) -> Any:
    try:
        values = msgpack.unpackb(data, raw=False, use_list=False, strict_map_key=False)
        return adapter.validate_python(values)
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ProtocolError(f"{place}: {first['msg']}"[:300]) from None
        raise ProtocolError("these bytes are not a message") from error
