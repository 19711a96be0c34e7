"""Tasks for workers, which import them by name."""

import os
import signal
import time
from pathlib import Path
from threading import Timer

from napari_scsam.config import UserError


def double(number: int) -> int:
    return 2 * number


def double_odd(number: int) -> int:
    if number % 2 == 0:
        raise UserError(f"{number} is even")
    return 2 * number


def process(number: int) -> int:
    time.sleep(0.05)
    return os.getpid()


def die_once(mark: str, number: int) -> int:
    """Kill the worker process of the first task that finds no mark."""
    file = Path(mark)
    if number == 3 and not file.exists():
        file.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def die_later(mark: str, number: int) -> int:
    """Return twice the number; the first worker process dies half a second after task 1."""
    file = Path(mark)
    if number == 1 and not file.exists():
        file.touch()
        Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()
    return 2 * number


def die_always(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def environment(name: str) -> str | None:
    return os.environ.get(name)


def threads(_: int) -> int:
    import torch

    return torch.get_num_threads()


def touch(path: str) -> None:
    time.sleep(0.1)
    Path(path).touch()


def is_profiled(_number: int) -> bool:
    """Whether dask looks at what this worker does."""
    import dask

    return bool(dask.config.get("distributed.worker.profile.enabled"))
