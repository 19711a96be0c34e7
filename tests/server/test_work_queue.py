"""Who is served next."""

from __future__ import annotations

import random
import threading

import numpy as np
import pytest

from napari_scsam.server.work_queue import DeviceQueue, QueuedWork, Turns
from napari_scsam.steps import Progress


def work(
    client: str, steps: int = 1, log: list | None = None, *, urgent: bool = True, name: str = ""
) -> QueuedWork:
    """Work of so many steps, which notes each of them."""

    def make():
        for number in range(steps):
            if log is not None:
                log.append((client, name, number))
            yield Progress(number, steps)
        return name

    return QueuedWork(client, make, urgent)


def play(turns: Turns, limit: int = 100_000) -> list[QueuedWork]:
    """Do all work; returns which work each step was of."""
    order = []
    for _ in range(limit):
        chosen = turns.next()
        if chosen is None:
            return order
        order.append(chosen)
        chosen.steps = chosen.steps or chosen.make()
        try:
            next(chosen.steps)
        except StopIteration:
            turns.finish(chosen)
    raise AssertionError("it never ends")


def test_the_newest_click_of_a_client_is_begun_first_and_finished():
    turns = Turns()
    log: list = []
    for name in ("old", "middle", "new"):
        turns.add(work("anna", 2, log, name=name))
    play(turns)
    assert [name for _, name, number in log] == ["new", "new", "middle", "middle", "old", "old"]
    assert len(turns) == 0


def test_clients_take_turns_step_by_step():
    turns = Turns()
    log: list = []
    turns.add(work("anna", 3, log))
    turns.add(work("ben", 3, log))
    play(turns)
    assert [client for client, _, _ in log] == ["anna", "ben"] * 3


def test_a_client_with_much_work_does_not_keep_another_waiting():
    turns = Turns()
    for _ in range(50):
        turns.add(work("greedy", 100))
    turns.add(work("modest", 1, name="click"))
    order = play(turns)
    assert [w.client for w in order].index("modest") <= 1


def test_work_that_nobody_looks_at_waits_for_clicks_and_does_not_starve():
    turns = Turns()
    log: list = []
    turns.add(work("anna", 5, log, urgent=False, name="run"))
    turns.add(work("ben", 100, log, name="click"))
    play(turns)
    first = [name for _, name, _ in log].index("run")
    assert 4 <= first <= 12
    assert [name for _, name, _ in log[:60]].count("run") >= 4


def test_cancelled_work_is_closed_and_its_client_goes_on():
    turns = Turns()
    first, second = work("anna", 100, name="first"), work("anna", 1, name="second")
    turns.add(first)
    assert turns.next() is first
    turns.add(second)
    first.cancelled = True
    assert turns.next() is first  # to be closed
    turns.finish(first)
    assert turns.next() is second


def waits_of(seed: int, clients: int = 8, rounds: int = 40) -> list[int]:
    """Steps that clicks of clients wait for an answer, where each clicks again after one."""
    rng = random.Random(seed)
    turns, begun, waits, clock = Turns(), {}, [], 0
    idle = {f"client {i}": rng.randrange(3) for i in range(clients)}
    left = dict.fromkeys(idle, rounds)
    while any(left.values()) or begun:
        for client in [c for c, when in idle.items() if when <= clock and left[c]]:
            del idle[client]
            left[client] -= 1
            click = work(client, rng.choice((1, 1, 2, 4)))
            begun[click] = clock
            turns.add(click)
        clock += 1
        chosen = turns.next()
        if chosen is None:
            continue
        chosen.steps = chosen.steps or chosen.make()
        if next(chosen.steps, None) is None:
            turns.finish(chosen)
            waits.append(clock - begun.pop(chosen))
            idle[chosen.client] = clock + rng.randrange(3)
    return waits


@pytest.mark.parametrize("seed", range(5))
def test_none_of_eight_clients_starves(seed):
    waits = waits_of(seed)
    assert len(waits) == 8 * 40
    assert np.percentile(waits, 95) <= 3 * np.mean(waits)


def test_a_queue_hands_over_results_and_errors_and_forgets_what_was_cancelled():
    queue = DeviceQueue(lambda _work, _error: False)
    ended = threading.Event()
    results: list = []

    def failing():
        yield Progress(0, 1)
        raise ValueError("broken")

    def note(result, error):
        results.append((result, type(error)))
        if len(results) == 2:
            ended.set()

    stopped = work("anna", 10**9)
    queue.submit(stopped)
    queue.cancel(stopped)
    queue.submit(QueuedWork("ben", failing, on_end=note))
    good = work("carla", 3, name="done")
    good.on_end = note
    queue.submit(good)
    assert ended.wait(10)
    queue.stop()
    assert sorted(map(str, results)) == [
        "('done', <class 'NoneType'>)",
        "(None, <class 'ValueError'>)",
    ]


def test_work_is_tried_once_more_when_memory_was_freed():
    freed: list = []
    queue = DeviceQueue(lambda _work, error: freed.append(str(error)) is None)
    ended = threading.Event()
    attempts: list = []

    def make():
        attempts.append(None)
        yield Progress(0, 1)
        raise MemoryError("full")

    queue.submit(
        QueuedWork("anna", make, on_end=lambda _r, error: (freed.append(type(error)), ended.set()))
    )
    assert ended.wait(10)
    queue.stop()
    assert len(attempts) == 2
    assert freed == ["full", MemoryError]
