"""What the plugin costs when napari starts: its manifest is read, and nothing of it is imported."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, sys
from npe2 import PluginManager
manager = PluginManager.instance()
before = set(sys.modules)
manager.discover()
found = manager.get_manifest("napari-scsam").name == "napari-scsam"
import napari_scsam
loaded = sorted(set(sys.modules) - before)
print(json.dumps({"found": found, "loaded": loaded}))
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
