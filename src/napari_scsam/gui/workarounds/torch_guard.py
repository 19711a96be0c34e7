"""Import the torch stack safely in a process with a napari window.

torchvision, timm and segment_anything import `triton`, which contains its own LLVM. If the window
is drawn by Mesa, whose software driver contains another LLVM, the two clash and the process dies
(SIGSEGV). Running a network eagerly needs no triton, so its import is blocked, but only if Mesa is
loaded: with another driver, or when triton was imported first, nothing changes.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAPS = Path("/proc/self/maps")
"""The files that Linux has mapped into this process; missing on other systems."""

MESA = ("_mesa.so", "libgallium", "libLLVM", "_dri.so")
"""Parts of the file names of Mesa drivers."""

PACKAGES = ("torch", "torchvision", "timm", "segment_anything")


def import_torch_stack() -> None:
    """Import what the network needs without crashing or freezing a window.

    Call it on the worker thread, before anything that imports torch. Repeated calls are free.
    """
    if all(name in sys.modules for name in PACKAGES):
        return
    if "triton" not in sys.modules and mesa_is_loaded():
        # None makes an import fail, as documented for `sys.modules`.
        sys.modules["triton"] = None  # type: ignore[assignment]
    preload_libraries()
    for name in PACKAGES:
        importlib.import_module(name)


@contextmanager
def collection_paused() -> Iterator[None]:
    """Pause the garbage collector while big packages are imported.

    They create half a million objects. Every pass over them holds Python's global lock, and so
    blocks the window, for a few tenths of a second. Here they go straight to the oldest
    generation; `Garbage` excludes them soon after.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        if collecting:
            gc.enable()


def mesa_is_loaded(maps: Path = MAPS) -> bool:
    """Whether a Mesa driver is mapped into this process."""
    return maps.exists() and any(part in maps.read_text() for part in MESA)


def preload_libraries() -> None:
    """Load torch's shared libraries without blocking the window.

    Python holds its global lock while it loads an extension module: seconds from a cold disk. A C
    function called through ctypes holds no lock, and Python then finds the libraries loaded.
    """
    spec = importlib.util.find_spec("torch")
    if os.name != "posix" or spec is None or not spec.submodule_search_locations:
        return
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.restype = ctypes.c_void_p
    dlopen.argtypes = (ctypes.c_char_p, ctypes.c_int)
    folder = Path(spec.submodule_search_locations[0], "lib")
    for pattern, scope in (
        ("libtorch_global_deps.*", os.RTLD_GLOBAL),
        ("libtorch_python.*", os.RTLD_LOCAL),
    ):
        for library in folder.glob(pattern):
            dlopen(bytes(library), os.RTLD_NOW | scope)
