"""Messages of the protocol of a server, as files; damaged ones are decoded as server and client do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from napari_scsam.errors import UserError
from napari_scsam.remote import answered, asked
from napari_scsam.remote.arrays import WireArray, pack, pack_labels, unpack
from napari_scsam.remote.frames import FrameError, Joiner, split_frames
from napari_scsam.remote.parts import FileRef, SliceRef, Spec, TaughtSpec
from napari_scsam.remote.protocol import (
    ProtocolError,
    decode_from_client,
    decode_from_server,
    encode,
)

MOST = 1 << 22
"""Bytes of an array that are decoded."""


def write_messages(folder: Path) -> None:
    """Write one message of each shape, in its frames."""
    pixels = np.random.default_rng(0).integers(0, 255, (24, 31), dtype=np.uint8)
    ref = SliceRef(
        pixels="0123456789abcdef" * 2, pixel_size=(5.0, 5.0), contrast=(3.0, 200.0), name="slice 1"
    )
    spec = Spec(id=3, name="granule", overrides=("vesicle",))
    bright = pack(pixels > 9)
    smooth = pack(np.add.outer(np.arange(31), np.arange(20)).astype(np.uint8))
    messages = [
        asked.Hello(version=1, client="fuzz", session="key"),
        asked.Load(
            id=1,
            checkpoint="default",
            taught=(TaughtSpec(spec=spec, prototype=(0.5,) * 8, lessons="text"),),
        ),
        asked.PutPixels(id=2, pixels=ref.pixels, array=pack(pixels)),
        asked.PutPixels(id=2, pixels=ref.pixels, array=pack(pixels.astype(np.float32))),
        asked.PutPixels(id=2, pixels=ref.pixels, array=smooth),
        asked.Segment(id=3, slice=ref, classes=("granule",), offsets={"granule": 0.5}),
        asked.Prompt(
            id=4,
            slice=ref,
            points=(((1.0, 2.0), (3.0, 4.0)),),
            labels=((1.0, 0.0),),
            boxes=((0.0, 0.0, 9.0, 9.0),),
        ),
        asked.Teach(
            id=5, slice=ref, spec=spec, foreground=pack(pixels > 200), background=pack(pixels < 9)
        ),
        asked.LabelSlice(
            id=6,
            run=ref.pixels,
            z=1,
            planes={0: ref.pixels, 1: ref.pixels},
            contrast=(0.0, 1.0),
            classes=("granule",),
            wanted={1: bright},
        ),
        asked.Load(
            id=7,
            checkpoint="mine",
            beside=("er",),
            files={"mine": FileRef(sha256="ab" * 32, bytes=100)},
        ),
        asked.PutFile(id=8, file=FileRef(sha256="ab" * 32, bytes=100), offset=0, data=b"a" * 50),
        asked.OpenVolume(id=9, location="cell.zarr", voxel_size=(8.0, 8.0, 8.0)),
        asked.LabelSlice(
            id=10,
            run=ref.pixels,
            z=1,
            volume=1,
            window=(0, 20, 0, 30),
            axes=3,
            depth=9,
            voxel_size=(8.0, 8.0, 8.0),
            contrast=(0.0, 1.0),
            classes=("granule",),
        ),
        asked.FineTune(
            id=11, job=ref.pixels, classes={"1": "granule"}, slices=2, settings={"crops": 4}
        ),
        answered.Opened(
            id=9,
            volume=1,
            name="cell",
            shape=(9, 20, 30),
            dtype="|u1",
            voxel_size=None,
            origin=(0.0, 0.0, 0.0),
            sides=(None, 8.0, 8.0),
            contrast=(0.0, 1.0),
            fingerprint="ab",
            notes=(),
        ),
        answered.Labels(id=3, labels=pack_labels(pixels // 90)),
        answered.Failed(id=3, kind="need_pixels", sentence="send it", pixels=(ref.pixels,)),
    ]
    for number, message in enumerate(messages):
        (folder / f"{number}.frames").write_bytes(b"".join(split_frames(encode(message))))


def read_messages(path: Path) -> None:
    """Decode a message as a server and as a client do, and the arrays in it."""
    try:
        data = Joiner(MOST).add(path.read_bytes())
    except FrameError as error:
        raise UserError(str(error)) from error
    if data is None:
        return
    for decode in (decode_from_client, decode_from_server):
        try:
            message = decode(data)
        except ProtocolError as error:
            refused = UserError(str(error))
            continue
        for array in arrays_in(message):
            unpack(array, MOST)
        return
    raise refused


def arrays_in(value: Any) -> Iterator[WireArray]:
    """All arrays of a message."""
    if isinstance(value, WireArray):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from arrays_in(getattr(value, name))
    elif isinstance(value, dict):
        for each in value.values():
            yield from arrays_in(each)
