"""Messages of a client: what each needs, what it may leave out, and how much it may hold."""

from __future__ import annotations

import msgpack
import numpy as np
import pytest

from napari_scsam.remote import asked
from napari_scsam.remote.arrays import pack
from napari_scsam.remote.parts import MOST_NAMES, MOST_POINTS, Message, SliceRef
from napari_scsam.remote.protocol import (
    ProtocolError,
    decode_from_client,
    decode_from_server,
    encode,
)

DIGEST = "0123456789abcdef" * 2
SLICE = SliceRef(pixels=DIGEST)
MASK = pack(np.eye(3, dtype=bool))
POINT = ((1.0, 2.0),)
SENT = (
    asked.Cancel(target=7),
    asked.ListCheckpoints(id=1),
    asked.Load(id=1, checkpoint="default"),
    asked.PutPixels(id=1, pixels=DIGEST, array=MASK),
    asked.Embed(id=1, slice=SLICE, careful=True),
    asked.Segment(id=1, slice=SLICE),
    asked.MapOf(id=1, slice=SLICE, kind="similarity", classes=("a",)),
    asked.Prompt(id=1, slice=SLICE, boxes=((0.0, 1.0, 2.0, 3.0),)),
    asked.Follow(
        id=1,
        slice=SLICE,
        mask=MASK,
        corner=(-1, 5),
        overlap=0.4,
        similarity=0.8,
        certainty=0.5,
        smallest=12,
        max_shift=6,
    ),
    asked.FollowNext(id=1, slice=SLICE, following=2, turn=0),
    asked.Teach(id=1, slice=SLICE, name="granule", foreground=MASK),
    asked.RestoreTaught(id=1, taught=()),
    asked.FetchCheckpoint(id=1, name="mine"),
)


def kind_of(message: Message) -> str:
    """The type of a message."""
    return message.model_dump()["type"]


def changed(message: Message, **fields) -> bytes:
    """The bytes of a message with other fields."""
    return msgpack.packb({**message.model_dump(), **fields})


@pytest.mark.parametrize("message", SENT, ids=kind_of)
def test_a_message_of_a_client_comes_back_and_is_none_of_a_server(message):
    data = encode(message)
    assert decode_from_client(data) == message
    with pytest.raises(ProtocolError):
        decode_from_server(data)


@pytest.mark.parametrize("message", SENT, ids=kind_of)
def test_a_message_without_a_field_that_it_needs_is_refused(message):
    values = message.model_dump()
    for name, field in type(message).model_fields.items():
        without = {key: value for key, value in values.items() if key != name}
        if field.is_required():
            with pytest.raises(ProtocolError, match=name):
                decode_from_client(msgpack.packb(without))
        elif name != "type":
            assert getattr(decode_from_client(msgpack.packb(without)), name) == field.default


def test_a_request_on_a_slice_averages_no_views_unless_it_is_asked_to():
    assert not asked.Segment(id=1, slice=SLICE).careful


@pytest.mark.parametrize("kind", ["logits", "probability", "similarity"])
def test_a_map_is_of_a_known_kind(kind):
    message = asked.MapOf(id=1, slice=SLICE, kind=kind)
    assert decode_from_client(encode(message)).kind == kind
    with pytest.raises(ProtocolError, match="kind"):
        decode_from_client(changed(message, kind=f"{kind}s"))


@pytest.mark.parametrize(
    ("message", "field", "most", "too_many"),
    [
        (asked.Segment(id=1, slice=SLICE), "classes", ("a",) * MOST_NAMES, ("a",) * 1001),
        (
            asked.Segment(id=1, slice=SLICE),
            "offsets",
            {str(n): 0.5 for n in range(MOST_NAMES)},
            {str(n): 0.5 for n in range(1001)},
        ),
        (asked.Prompt(id=1, slice=SLICE), "points", (POINT,) * MOST_POINTS, (POINT,) * 10_001),
        (asked.Prompt(id=1, slice=SLICE), "labels", ((1.0,),) * MOST_POINTS, ((1.0,),) * 10_001),
        (asked.FollowNext(id=1, slice=SLICE, following=2, turn=0), "turn", 2**53, 2**53 + 1),
    ],
)
def test_a_request_holds_only_so_much(message, field, most, too_many):
    assert getattr(decode_from_client(changed(message, **{field: most})), field) == most
    with pytest.raises(ProtocolError, match=field):
        decode_from_client(changed(message, **{field: too_many}))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e10])
def test_a_point_is_a_number_on_some_slice(value):
    with pytest.raises(ProtocolError, match="points"):
        decode_from_client(changed(asked.Prompt(id=1, slice=SLICE), points=(((value, 0.0),),)))
