from __future__ import annotations

import gc
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from napari_scsam.gui.workarounds.torch_guard import collection_paused, mesa_is_loaded

WINDOW = """
import faulthandler, sys
import napari
from qtpy.QtWidgets import QApplication
viewer = napari.Viewer()
viewer.screenshot(flash=False)
from napari_scsam.gui.workarounds import torch_guard
if not torch_guard.mesa_is_loaded():
    sys.exit(77)
{action}
import torchvision, timm, segment_anything
print("alive", "triton" in sys.modules, flush=True)
viewer.close()
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=240, check=False
    )  # a script of ours


@pytest.mark.gui
def test_torch_stack_beside_a_window():
    done = run(WINDOW.format(action="torch_guard.import_torch_stack()"))
    if done.returncode == 77:
        pytest.skip("no Mesa driver draws the window here, so there is nothing to clash with")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "alive" in done.stdout


@pytest.mark.gui
def test_the_guard_is_still_needed():
    done = run(WINDOW.format(action=""))
    if done.returncode in (0, 77):
        pytest.skip("this driver and this triton do not clash")
    assert done.returncode == -signal.SIGSEGV, done.stderr[-2000:]


def test_without_a_window_triton_is_left_alone():
    guarded = "import sys; from napari_scsam.gui.workarounds.torch_guard import import_torch_stack as f; f(); f(); import torch; "
    done = run(guarded + "print('blocked' if sys.modules.get('triton', 0) is None else 'free')")
    assert done.stdout.strip() == "free", done.stderr[-2000:]


def fail_while_paused() -> list:
    made: list = []
    with suppress(ImportError), collection_paused():
        assert not gc.isenabled()
        made.append([])
        raise ImportError
    return made


@pytest.mark.parametrize("switch", [gc.enable, gc.disable])
def test_the_garbage_collector_pauses_and_stays_as_it_was(switch):
    was_on = gc.isenabled()
    try:
        switch()
        before = gc.isenabled()
        made = fail_while_paused()
        assert gc.isenabled() == before
        assert gc.get_freeze_count() == 0
        assert any(found is made[0] for found in gc.get_objects(generation=2))
    finally:
        (gc.enable if was_on else gc.disable)()


@pytest.mark.parametrize(
    ("library", "mesa"),
    [
        ("/usr/lib/x86_64-linux-gnu/libLLVM-15.so.1", True),
        ("/usr/lib/libgallium-24.2.so", True),
        ("/usr/lib/dri/iris_dri.so", True),
        ("/usr/lib/libGLX_mesa.so.0", True),
        ("/usr/lib/libGLX_nvidia.so.550", False),
    ],
)
def test_mesa_is_known_by_its_libraries(tmp_path, library, mesa):
    maps = tmp_path / "maps"
    maps.write_text(f"7f00-7f01 r-xp 00000000 00:00 0 {library}\n")
    assert mesa_is_loaded(maps) is mesa


def test_no_mesa_where_there_is_no_list_of_libraries(tmp_path):
    assert not mesa_is_loaded(tmp_path / "missing")


def test_the_widget_is_imported_without_torch():
    done = run(
        "import sys, napari_scsam.gui.widget, napari_scsam.gui.layers.files; print([p for p in ('torch', 'timm') if p in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr[-2000:]
