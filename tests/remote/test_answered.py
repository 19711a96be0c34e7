"""Messages of a server: each comes back as it was sent, and nothing else is taken for one."""

from __future__ import annotations

import msgpack
import numpy as np
import pytest

from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.remote import answered
from napari_scsam.remote.arrays import pack, unpack
from napari_scsam.remote.parts import Message, Spec, TaughtSpec
from napari_scsam.remote.protocol import (
    ProtocolError,
    decode_from_client,
    decode_from_server,
    encode,
)

SPEC = Spec(id=3, name="granule")
ARRAY = pack(np.arange(6, dtype=np.float32).reshape(2, 3))
SENT = (
    answered.Welcome(
        version=1,
        server="napari-scsam 1",
        device="cpu",
        session="key",
        resumed=False,
        idle_minutes=10.0,
        most_pixels=2**20,
    ),
    answered.Progressed(id=1, done=0, total=3, what="embedding"),
    answered.Failed(id=1, kind="need_pixels", sentence="send them", pixels=("0" * 32,)),
    answered.Refused(sentence="too many clients"),
    answered.Noticed(sentence="memory ran out"),
    answered.Done(id=2**53),
    answered.Labels(id=1, labels=ARRAY),
    answered.ComputedMaps(id=1, maps=ARRAY),
    answered.FoundMasks(id=1, answer=4, inside=ARRAY, corner=(0, 7), quality=(0.5, 1.0)),
    answered.Following(id=1, following=2),
    answered.FoundNext(
        id=1, mask=ARRAY, corner=(-2, 5), overlap=0.5, similarity=1.0, certainty=0.25
    ),
    answered.Learned(
        id=1,
        spec=SPEC,
        taught=TaughtSpec.of(TaughtClass(ClassSpec(3, "granule"), (0.5,), "text")),
        classes=(SPEC,),
        lessons=("granule",),
    ),
    answered.Labelled(id=1, labels=ARRAY),
    answered.Labelled(id=1, labels=ARRAY, probabilities=ARRAY),
    answered.FilePart(id=1, offset=10, total=12, data=b"\x00\xff"),
    answered.Trained(id=1, message={"kind": "picture", "step": 3}, picture=ARRAY, name="mine"),
)


def kind_of(message: Message) -> str:
    """The type of a message, with which test it belongs to."""
    return message.model_dump()["type"]


@pytest.mark.parametrize("message", SENT, ids=kind_of)
def test_a_message_of_a_server_comes_back_and_is_none_of_a_client(message):
    data = encode(message)
    assert decode_from_server(data) == message
    with pytest.raises(ProtocolError):
        decode_from_client(data)


@pytest.mark.parametrize("message", SENT, ids=kind_of)
def test_a_message_without_one_of_its_fields_or_with_another_one_is_refused(message):
    values = message.model_dump()
    needed = [name for name, field in type(message).model_fields.items() if field.is_required()]
    for name in needed:
        without = {key: value for key, value in values.items() if key != name}
        with pytest.raises(ProtocolError, match=name):
            decode_from_server(msgpack.packb(without))
    with pytest.raises(ProtocolError, match="unknown_field"):
        decode_from_server(msgpack.packb({**values, "unknown_field": 1}))


def test_an_array_in_a_message_has_its_values_type_and_shape():
    labels = np.arange(70_000, dtype=np.uint32).reshape(200, 350)
    message = decode_from_server(encode(answered.Labels(id=1, labels=pack(labels))))
    back = unpack(message.labels)
    assert back.dtype == labels.dtype
    np.testing.assert_array_equal(back, labels)


def test_what_failed_is_of_a_known_kind():
    values = answered.Failed(id=1, kind="user", sentence="x").model_dump()
    with pytest.raises(ProtocolError, match="kind"):
        decode_from_server(msgpack.packb({**values, "kind": "other"}))
