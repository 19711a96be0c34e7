"""What waits for one client."""

from __future__ import annotations

import asyncio

import pytest

from napari_scsam.remote.answered import Done, FilePart, Noticed, Progressed
from napari_scsam.remote.protocol import decode_from_server
from napari_scsam.server.outbox import ROOM, Outbox, SlowReaderError


def taken(outbox: Outbox) -> list:
    """All messages that wait, in order."""

    async def take():
        found = []
        while not outbox.empty:
            found.append(decode_from_server(await outbox.get()))
        return found

    return asyncio.run(take())


def test_messages_come_in_order_and_of_progress_the_newest_alone():
    outbox = Outbox(2**20)
    outbox.put(Progressed(id=1, done=1, total=9))
    outbox.put(Progressed(id=2, done=1, total=9))
    outbox.put(Noticed(sentence="memory ran out"))
    for done in range(2, 9):
        outbox.put(Progressed(id=1, done=done, total=9))
    outbox.put(Done(id=1))
    found = taken(outbox)
    assert [each.type for each in found] == ["progress", "progress", "notice", "done"]
    assert [each.done for each in found[:2]] == [8, 1]


def test_progress_after_progress_that_was_sent_comes_too():
    outbox = Outbox(2**20)
    outbox.put(Progressed(id=1, done=1, total=2))
    assert len(taken(outbox)) == 1
    outbox.put(Progressed(id=1, done=2, total=2))
    assert [each.done for each in taken(outbox)] == [2]


def test_what_is_asked_for_and_never_read_is_bounded():
    outbox = Outbox(1000)
    message = Noticed(sentence="x" * 300)
    for _ in range(3):
        outbox.put(message)
    with pytest.raises(SlowReaderError):
        outbox.put(message)


def test_a_file_waits_until_its_earlier_parts_were_read():
    async def play():
        outbox = Outbox(2**30)
        part = FilePart(id=1, offset=0, total=1, data=bytes(ROOM + 1))
        await outbox.room()
        outbox.put(part)
        waiting = asyncio.create_task(outbox.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        await outbox.get()
        await asyncio.wait_for(waiting, 5)

    asyncio.run(play())


def test_who_waits_for_a_message_gets_the_next_one():
    async def play():
        outbox = Outbox(2**20)
        waiting = asyncio.create_task(outbox.get())
        await asyncio.sleep(0)
        outbox.put(Done(id=7))
        return decode_from_server(await asyncio.wait_for(waiting, 5))

    assert asyncio.run(play()).id == 7
