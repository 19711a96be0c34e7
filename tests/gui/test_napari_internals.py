"""What the plugin uses of napari beyond its public names: little, listed, and still there.

A release of napari that drops one of these fails here, and not in silence in a user's window.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels, Shapes
from napari.utils._proxies import PublicOnlyProxy

ROOT = Path(__file__).resolve().parents[2] / "src" / "napari_scsam"

OF_LAYERS = {
    "_undo_history",
    "_redo_history",
    "_overlays",
    "_commit_staged_history",
    "_get_properties",
}
"""Of a labels layer: edits as steps, the brush stroke that is being drawn, and words on the status
bar."""

OF_SHAPES = {"_is_creating"}

OF_MOUSE = {"_mouse_drag_gen", "_persisted_mouse_event"}
"""Of every layer and viewer: drags that have begun."""

OF_WINDOWS = {"_qt_viewer", "_qt_window", "_scene_canvas"}

OF_OVERLAYS = {"_brush_circle"}
"""Of a canvas, from 0.9 on; `test_brush_box.py` fails when it is gone."""

OF_PROXIES = {"__wrapped__"}
"""napari hands plugins a proxy of the viewer; sessions belong to the viewer itself."""

OF_OTHERS = {"_slider"}
"""Of superqt, not of napari."""

MODULES = {
    "napari.layers.labels._labels_constants",
    "napari.layers.labels._labels_mouse_bindings",
}

ALL = OF_LAYERS | OF_SHAPES | OF_MOUSE | OF_WINDOWS | OF_OVERLAYS | OF_PROXIES | OF_OTHERS


def trees(folder: Path) -> Iterator[ast.AST]:
    for file in sorted(folder.rglob("*.py")):
        yield from ast.walk(ast.parse(file.read_text(encoding="utf-8")))


def own_names() -> set[str]:
    """Names that the package itself defines or sets."""
    found = set()
    for node in trees(ROOT):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {each.id for each in targets if isinstance(each, ast.Name)}
    return found


def private_names() -> Iterator[str]:
    """Names with an underscore that `gui` reads from objects of others."""
    for node in trees(ROOT / "gui"):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr"):
            yield from (each.value for each in node.args[1:2] if isinstance(each, ast.Constant))


def test_no_other_private_name_is_used() -> None:
    used = {name for name in private_names() if name.startswith("_")}
    assert used - own_names() - {"__name__", "__class__", "__doc__"} - ALL == set()
    assert used >= ALL, "a name that is no longer used should leave the list"


def test_no_other_private_module_is_used() -> None:
    modules = {node.module or "" for node in trees(ROOT) if isinstance(node, ast.ImportFrom)}
    assert {each for each in modules if re.match(r"napari\b.*\._", each)} == MODULES


@pytest.mark.parametrize("name", sorted(OF_LAYERS | OF_MOUSE))
def test_labels_layers_still_have_it(name: str) -> None:
    assert hasattr(Labels(np.zeros((4, 4), np.uint8)), name)


def test_an_edit_is_a_step_of_the_history() -> None:
    layer = Labels(np.zeros((4, 4), np.uint8))
    layer.data_setitem((np.array([1]), np.array([2])), 3)
    assert len(layer._undo_history) == 1
    layer.undo()
    assert len(layer._redo_history) == 1


def test_shapes_layers_still_have_it() -> None:
    assert all(hasattr(Shapes(), name) for name in OF_SHAPES)


def test_viewers_still_have_it() -> None:
    assert all(hasattr(ViewerModel(), name) for name in OF_MOUSE)


def test_a_proxy_still_has_its_viewer() -> None:
    viewer = ViewerModel()
    assert PublicOnlyProxy(viewer).__wrapped__ is viewer


@pytest.mark.gui
def test_windows_still_have_it(make_napari_viewer) -> None:
    window = make_napari_viewer(show=True).window
    assert window._qt_viewer.canvas._scene_canvas is not None
    assert window._qt_window is not None
