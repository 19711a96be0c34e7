from __future__ import annotations

from types import SimpleNamespace

import pytest
from at_once import AtOnce
from napari.components import ViewerModel

from napari_scsam.gui.links import Links
from napari_scsam.gui.project_desk import ProjectDesk
from napari_scsam.gui.session import Session


@pytest.fixture
def one(qtbot, fake_engine, info, stack, tmp_path):
    """The four panels of a viewer without a window."""
    viewer = ViewerModel()
    session = Session(viewer, fake_engine, AtOnce)
    (tmp_path / "tiny.safetensors").write_text("tiny")
    session.choices.choose_checkpoint(info)
    links = Links(session)
    desk = ProjectDesk(session, links, "Shift-R", "Alt-N")
    for panel in (desk.project, desk.review, desk.train, desk.export, desk.strip):
        qtbot.addWidget(panel)
    image = viewer.add_image(stack, name="cell")
    yield SimpleNamespace(
        viewer=viewer, session=session, desk=desk, image=image, path=tmp_path / "mine.scsam.zarr"
    )
    desk.keeper.close()
    links.cut()


def test_a_new_project_is_named_after_the_image(one, monkeypatch):
    names = []
    monkeypatch.setattr(one.desk.project, "propose", names.append)
    one.session.choices.choose_image(one.image)
    one.session.choices.choose_image(None)
    assert names == ["cell", ""]


def test_the_panels_follow_the_project(one, monkeypatch):
    ready = []
    shown = []
    monkeypatch.setattr(one.desk.export, "show_ready", lambda **how: ready.append(how["ready"]))
    monkeypatch.setattr(one.desk.project, "show_project", lambda path, _state: shown.append(path))
    one.session.choices.choose_image(one.image)
    one.desk.show_project()
    assert (shown[-1], ready[-1]) == (None, False)
    one.desk.project.new_asked.emit(str(one.path))
    assert (shown[-1], ready[-1]) == (one.path, True)


def test_review_shows_no_position_without_a_project(one, monkeypatch):
    shown = []
    monkeypatch.setattr(
        one.desk.review,
        "show_progress",
        lambda _depth, position, _slices, classes, *, there, **_: shown.append(
            (position, there, [spec.name for spec in classes])
        ),
    )
    one.session.choices.choose_image(one.image)
    assert shown[-1] == (-1, False, [])
    one.viewer.dims.set_current_step(0, 2)
    one.desk.project.new_asked.emit(str(one.path))
    assert shown[-1] == (2, True, ["mitochondrion", "membrane", "vesicle"])


@pytest.mark.parametrize("agrees", [True, False])
def test_labels_in_the_image_are_replaced_only_when_the_user_agrees(one, monkeypatch, agrees):
    asked = []
    exports = []
    monkeypatch.setattr(one.desk.export, "may_replace", lambda what: asked.append(what) or agrees)
    monkeypatch.setattr(one.desk.exporting, "into_image", lambda **how: exports.append(how))
    one.desk.exporting.replace_asked.emit("cells")
    assert asked == ["'cells' in labels/ of the image"]
    assert exports == ([{"replace": True}] if agrees else [])
