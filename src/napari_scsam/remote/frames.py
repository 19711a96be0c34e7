"""Messages in frames of limited size, so that signs of life are never far behind a large one."""

from __future__ import annotations

from collections.abc import Iterator

FRAME_BYTES = 2**18
"""Of a frame, without its first byte: 40 ms of a line of 50 Mbit/s."""

MORE = b"\x00"
LAST = b"\x01"
"""The first byte of a frame says whether more frames of the message follow."""


class FrameError(ValueError):
    """A frame that does not fit the protocol."""


def split_frames(message: bytes) -> Iterator[bytes]:
    """Yield the frames of a message."""
    view = memoryview(message)
    last = max(0, len(message) - 1) // FRAME_BYTES
    for number in range(last + 1):
        part = view[number * FRAME_BYTES : (number + 1) * FRAME_BYTES]
        yield (LAST if number == last else MORE) + bytes(part)


class Joiner:
    """Joins frames to messages.

    Parameters
    ----------
    most
        Bytes of a message.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes of the message that is not whole yet."""
        return self._size

    def add(self, frame: bytes | str) -> bytes | None:
        """Take a frame; return the message when it is whole.

        Raises
        ------
        FrameError
            When it is text, empty, or too large, or the message grows too large.
        """
        if isinstance(frame, str) or frame[:1] not in (MORE, LAST):
            raise FrameError("this is not a frame of the protocol")
        if len(frame) > FRAME_BYTES + 1:
            raise FrameError(f"a frame has more than {FRAME_BYTES} bytes")
        if frame[:1] == MORE and len(frame) != FRAME_BYTES + 1:
            raise FrameError("only the last frame of a message may be shorter")
        self._size += len(frame) - 1
        if self._size > self.most:
            raise FrameError(f"a message has more than {self.most >> 20} MB")
        self._parts.append(frame[1:])
        if frame[:1] == MORE:
            return None
        message = b"".join(self._parts)
        self._parts = []
        self._size = 0
        return message
