"""What a server costs: latency of clicks, bytes of a slice, cut lines, and eight clients at once.

``python -m benchmarks.server IMAGE`` measures on a slice of an image, with the shipped checkpoint,
and writes ``benchmarks/server.json``. Clicks are asked here, over loopback, and over a line of
20 ms and 50 Mbit/s, which a proxy in this file makes. Figures are medians of pairs of clicks, one
here and one on the server, so that a busy computer slows both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_scsam import Predictor, load_checkpoint
from napari_scsam.infer.disk_cache import default_cache
from napari_scsam.io.volumes import open_volume
from napari_scsam.remote.address import TOKEN_VARIABLE
from napari_scsam.remote.arrays import pack
from napari_scsam.remote.connection import Connection
from napari_scsam.remote.line import Line
from napari_scsam.remote.predictor import RemotePredictor
from napari_scsam.steps import drive

OUT = Path(__file__).with_name("server.json")

TOKEN = "a token for the benchmark alone"  # noqa: S105  # of no other server

PARTS = ("megapixel", "clicks", "eight_clients", "cuts")

DELAY = 0.010
"""Seconds in each direction: 20 ms there and back."""

RATE = 50e6 / 8
"""Bytes a second."""


class SlowLine:
    """A proxy that delays and throttles, and can be cut; runs on a thread.

    Parameters
    ----------
    port
        Of the server on this computer.
    delay, rate
        Seconds in each direction, and bytes a second.
    """

    def __init__(self, port: int, delay: float = DELAY, rate: float = RATE) -> None:
        self.target = port
        self.delay = delay
        self.rate = rate
        self.sent = 0
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait(10)

    def cut(self) -> None:
        """End all connections, as a cable that is pulled."""
        self._loop.call_soon_threadsafe(self._abort)

    def close(self) -> None:
        """End the proxy."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**16)
        )
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        await asyncio.gather(
            self._pass_on(reader, back, counts=True), self._pass_on(there, writer, counts=False)
        )

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool
    ) -> None:
        """Pass bytes on, each part when the line has carried it."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        sender = asyncio.create_task(_deliver(waiting, writer))
        free = time.monotonic()
        try:
            while data := await reader.read(2**14):
                free = max(free, time.monotonic()) + len(data) / self.rate
                self.sent += len(data) if counts else 0
                await waiting.put((free + self.delay, data))
        except OSError:
            pass
        await waiting.put((free + self.delay, b""))
        await sender


async def _deliver(
    waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
) -> None:
    while True:
        when, data = await waiting.get()
        await asyncio.sleep(max(0.0, when - time.monotonic()))
        if not data or writer.transport.is_closing():
            writer.close()
            return
        writer.write(data)


@contextmanager
def serving(port: int = 0) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run ``scsam serve`` on loopback; yields its port and its process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_scsam.cli", "serve", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, TOKEN_VARIABLE: TOKEN},
        text=True,
    )
    try:
        assert process.stdout is not None  # noqa: S101  # a pipe was asked for
        yield int(process.stdout.readline().strip().rsplit(":", 1)[1]), process
    finally:
        process.kill()
        process.wait()


def client(port: int, image: NDArray[Any]) -> RemotePredictor:
    """Return a predictor on a server, ready for clicks on an image."""
    line = Connection(f"127.0.0.1:{port}", TOKEN)
    line.open(60)
    predictor = RemotePredictor(line, patience=300)
    drive(predictor.load_steps("default"))
    predictor.set_image(image, (5.0, 5.0))
    drive(predictor.embed_steps())
    return predictor


def click_pairs(here: Predictor, there: RemotePredictor, count: int) -> dict[str, float]:
    """Measure clicks here and there, one after the other: medians in milliseconds."""
    rng = random.Random(0)  # noqa: S311  # places of clicks
    height, width = here.slice.shape
    times: list[tuple[float, float]] = []
    for _ in range(count):
        point = [[rng.randrange(width), rng.randrange(height)]]
        began = time.perf_counter()
        mine = here.predict_prompts(point, [1])
        between = time.perf_counter()
        theirs = there.predict_prompts(point, [1])
        ended = time.perf_counter()
        if not np.array_equal(mine.masks, theirs.masks):
            raise RuntimeError("the answers differ")
        times.append((between - began, ended - between))
    return {
        "here_ms": 1000 * median(one for one, _ in times),
        "server_ms": 1000 * median(other for _, other in times),
        "more_ms": 1000 * median(other - one for one, other in times),
        "clicks": count,
    }


def bytes_of_a_megapixel(image: NDArray[Any]) -> dict[str, float]:
    """Return the bytes of a megapixel of an image, and of a smooth one of 8 bits."""
    rows, columns = np.mgrid[:1024, :1024]
    smooth = (120 + 60 * np.sin(rows / 60) * np.cos(columns / 45)).astype(np.uint8)
    per_pixel = len(pack(image).data) / image.size
    return {"image_mb": per_pixel * 1024**2 / 1e6, "smooth_mb": len(pack(smooth).data) / 1e6}


def cuts(image: NDArray[Any], rounds: int) -> dict[str, float]:
    """Cut the line, or kill the server, at random moments while classes and clicks are asked for.

    Every answer must be the one of before. The longest silence is the longest time without an
    answer, progress, or a sentence on the line.
    """
    rng = random.Random(1)  # noqa: S311  # moments of cuts
    counts = {"cut": 0, "server": 0}
    silence = 0.0
    wrong = 0
    with serving() as (port, first):
        proxy = SlowLine(port, 0.0, 1e9)
        processes = [first]
        there = client(proxy.port, image)
        expected = there.predict_prompts([[60, 60]], [1]).masks
        for number in range(rounds):
            kind = "server" if number % 5 == 4 else "cut"
            counts[kind] += 1
            moment = rng.random() * 0.5
            stop = partial(_kill, processes, port) if kind == "server" else proxy.cut
            timer = threading.Timer(moment, stop)
            timer.start()
            said = [time.monotonic()]
            until = said[0] + moment + 0.2
            answer = expected
            while time.monotonic() < until or there.line.state.line is not Line.CONNECTED:
                said.extend(time.monotonic() for _ in _asked(there, image))
                answer = _click(there, said)
                said.append(time.monotonic())
            wrong += int(not np.array_equal(answer, expected))
            silence = max(silence, *np.diff(said).tolist())
        there.line.close()
        proxy.close()
        for process in processes[1:]:
            process.kill()
    return {**counts, "wrong_answers": wrong, "longest_silence_s": silence}


def _kill(processes: list[Any], port: int) -> None:
    """Kill the server, and start another one in its place."""
    processes[-1].kill()
    processes.append(_restart(port))


def _click(there: RemotePredictor, said: list[float]) -> NDArray[np.bool_]:
    """Click, and note the moment of each word meanwhile."""
    steps = there.prompt_steps([[60, 60]], [1])
    while True:
        try:
            next(steps)
        except StopIteration as end:
            masks: NDArray[np.bool_] = end.value.masks
            return masks
        said.append(time.monotonic())


def _asked(there: RemotePredictor, image: NDArray[Any]) -> Iterator[Any]:
    there.set_image(image, (5.0, 5.0))
    yield from there.segment_steps(["mitochondrion"])


def _restart(port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "napari_scsam.cli", "serve", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, TOKEN_VARIABLE: TOKEN},
        text=True,
    )


def eight_clients(image: NDArray[Any], clicks: int) -> dict[str, float]:
    """Measure the waits of clicks of eight clients at once, in seconds."""
    waits: list[float] = []
    with serving() as (port, _):
        clients = [client(port, np.roll(image, 7 * n, axis=0)) for n in range(8)]

        def play(number: int) -> None:
            for step in range(clicks):
                began = time.perf_counter()
                clients[number].predict_prompts([[20 + 3 * step, 30 + 5 * number]], [1])
                waits.append(time.perf_counter() - began)

        threads = [threading.Thread(target=play, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for each in clients:
            each.line.close()
    p95 = float(np.percentile(waits, 95))
    return {"mean_s": mean(waits), "p95_s": p95, "p95_by_mean": p95 / mean(waits)}


def main() -> None:
    """Measure, print, and write ``server.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("image", type=Path)
    parser.add_argument("--side", type=int, default=448, help="pixels of the slice for clicks")
    parser.add_argument("--clicks", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=30, help="cuts and kills")
    parser.add_argument("--only", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    whole = open_volume(arguments.image).plane(0)
    image = np.ascontiguousarray(whole[: arguments.side, : arguments.side])
    small = np.ascontiguousarray(image[:128, :128])
    found: dict[str, Any] = {"machine": platform.machine(), "processors": os.cpu_count()}
    for name, part in (
        ("megapixel", lambda: bytes_of_a_megapixel(np.ascontiguousarray(whole[:1024, :1024]))),
        ("clicks", lambda: latencies(image, arguments.clicks)),
        ("eight_clients", lambda: eight_clients(small, max(4, arguments.clicks // 4))),
        ("cuts", lambda: cuts(small, arguments.rounds)),
    ):
        if name not in arguments.only:
            continue
        found[name] = part()
        print(name, json.dumps(found[name]), flush=True)
        arguments.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def latencies(image: NDArray[Any], clicks: int) -> dict[str, dict[str, float]]:
    """Measure clicks over loopback, and over a slow line."""
    # With the cache of windows, which rounds embeddings; a server rounds them alike.
    here = Predictor(load_checkpoint(), "auto", default_cache(), fill=False)
    here.set_image(image, (5.0, 5.0))
    drive(here.embed_steps())
    found = {}
    with serving() as (port, _):
        there = client(port, image)
        found["loopback"] = click_pairs(here, there, clicks)
        there.line.close()
        proxy = SlowLine(port)
        slow = client(proxy.port, image)
        before = proxy.sent
        found["line_20ms_50mbit"] = click_pairs(here, slow, clicks)
        found["line_20ms_50mbit"]["bytes_up_a_click"] = (proxy.sent - before) / clicks
        slow.line.close()
        proxy.close()
    return found


if __name__ == "__main__":
    main()
