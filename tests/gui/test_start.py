"""What the plugin costs when napari starts: its manifest is read, and nothing of it is imported."""

from __future__ import annotations

import json
import subprocess
import sys

LIMIT = 0.15
"""Seconds of CPU."""

SCRIPT = """
import json, sys, time
from npe2 import PluginManager
manager = PluginManager.instance()
before = set(sys.modules)
start = time.process_time()
manager.discover()
found = manager.get_manifest("napari-scsam").name == "napari-scsam"
import napari_scsam
seconds = time.process_time() - start
loaded = sorted(set(sys.modules) - before)
print(json.dumps({"found": found, "seconds": seconds, "loaded": loaded}))
"""


def test_napari_finds_the_plugin_and_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["found"]
    ours = [name for name in told["loaded"] if name.startswith("napari_scsam")]
    assert ours == ["napari_scsam", "napari_scsam.version"]
    assert not {"torch", "numpy", "zarr", "qtpy"} & set(told["loaded"])
    assert told["seconds"] < LIMIT
