"""The messages of the protocol."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgpack
import numpy as np
import pytest

from napari_scsam.config import ClassSpec, TaughtClass
from napari_scsam.remote import answered, asked
from napari_scsam.remote.arrays import pack
from napari_scsam.remote.parts import Message, SliceRef, Spec, TaughtSpec
from napari_scsam.remote.protocol import (
    ProtocolError,
    decode_from_client,
    decode_from_server,
    encode,
)

SLICE = SliceRef(
    pixels="0123456789abcdef" * 2, pixel_size=(5.0, 6.5), contrast=(10.0, 200.5), name="a"
)


def test_a_request_arrives_as_it_was_sent():
    mask = np.eye(7, dtype=bool)
    for message in (
        asked.Hello(version=1, client="x"),
        asked.Segment(id=3, slice=SLICE, classes=("a", "b"), offsets={"a": 0.5}),
        asked.Prompt(id=4, slice=SLICE, points=(((1.5, 2.0),),), labels=((1.0,),), earlier=2),
        asked.Teach(id=5, slice=SLICE, name="granule", foreground=pack(mask)),
        asked.LabelSlice(
            id=6, run="0" * 32, z=3, planes={3: "1" * 32}, contrast=(0.0, 1.0), classes=("a",)
        ),
    ):
        assert decode_from_client(encode(message)) == message


def test_classes_and_what_was_taught_come_back_whole():
    spec = ClassSpec(7, "granule", "#123456", "dense", "cell", 3.0, 4.0, ("other",), "grain", 0.5)
    back = Spec.of(spec).spec()
    assert back == spec
    assert (back.overrides, back.least_mean) == (("other",), 0.5)
    assert Spec.of(replace(spec, own_outline=True)).spec().own_outline
    taught = TaughtClass(spec, (0.25, -1.0), "text")
    assert TaughtSpec.of(taught).taught() == taught


@pytest.mark.parametrize(
    "values",
    [
        [],
        "text",
        {},
        {"type": "nothing"},
        {"type": "cancel"},
        {"type": "cancel", "target": -1},
        {"type": "cancel", "target": "1"},
        {"type": "cancel", "target": 1, "more": 2},
        {"type": "load", "id": 1, "checkpoint": "x" * 1000},
        {"type": "embed", "id": 1, "slice": {"pixels": "../../etc/passwd"}},
        {"type": "embed", "id": 1, "slice": {"pixels": "0" * 32, "pixel_size": (0.0, 1.0)}},
        {"type": "embed", "id": 1, "slice": {"pixels": "0" * 32, "contrast": (float("nan"), 1.0)}},
        {"type": "welcome", "version": 1},
    ],
)
def test_what_is_no_message_is_refused(values):
    with pytest.raises(ProtocolError):
        decode_from_client(msgpack.packb(values))


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x91" * 3000, b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"]
)
def test_bytes_that_are_no_map_are_refused(data):
    for decode in (decode_from_client, decode_from_server):
        with pytest.raises(ProtocolError):
            decode(data)


def test_the_page_of_the_protocol_names_every_message():
    page = Path(__file__).parents[2].joinpath("docs", "protocol.md").read_text(encoding="utf-8")
    for room in (asked, answered):
        for model in vars(room).values():
            if (
                isinstance(model, type)
                and issubclass(model, Message)
                and "type" in model.model_fields
            ):
                kind = model.model_fields["type"].default
                assert f"`{kind}`" in page, kind
