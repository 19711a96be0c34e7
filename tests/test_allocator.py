"""Settings of glibc's allocator."""

from __future__ import annotations

import subprocess
import sys

import pytest

ARENAS = """
import ctypes, threading
from napari_scsam.allocator import share_freed_memory

if {shared}:
    share_freed_memory()
ready = threading.Barrier(4)


def fill():
    kept = [bytes(2000 + n) for n in range(100)]
    ready.wait()


threads = [threading.Thread(target=fill) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.fclose.argtypes = [ctypes.c_void_p]
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
file = libc.fopen(b"/dev/stdout", b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
@pytest.mark.parametrize("shared", [False, True])
def test_threads_share_freed_memory_once_that_is_asked_for(shared: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ARENAS.format(shared=shared)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout.count("<heap nr=") == 1) == shared
