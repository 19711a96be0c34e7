"""Published weights, fetched in a real window from a server on this machine that serves well, breaks off, dawdles or lies."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image, Labels
from napari.utils.notifications import notification_manager
from official_sam import serving

from napari_scsam.checkpoints import registry
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools import download as module
from napari_scsam.gui.tools.download import Downloading, download_progress
from napari_scsam.gui.tools.one_object import Prompting
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.gui.tools.teach import Teaching
from napari_scsam.gui.widget import ScSAMWidget
from napari_scsam.steps import Progress

pytestmark = pytest.mark.gui


@pytest.fixture
def server(mobile_sam_file, tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path / "mine"))
    monkeypatch.setattr(module, "PROGRESS_EVERY", 0.0)
    with serving(mobile_sam_file.read_bytes()) as server:
        offer(monkeypatch, server.entry())
        yield server


def offer(monkeypatch, entry) -> None:
    for place in (registry, module):
        monkeypatch.setattr(place, "list_downloads", lambda: (entry,))


@pytest.fixture
def one(make_napari_viewer, monkeypatch, wait, server, stack, tmp_path):
    """A window with a volume and no checkpoint; the engine is the real one."""
    monkeypatch.setattr("napari_scsam.gui.widget.list_checkpoints", tuple)
    viewer = make_napari_viewer(show=True)
    viewer.add_layer(Image(stack, name="cell"))
    panel = ScSAMWidget(viewer)
    viewer.window.add_dock_widget(panel, name="ScSAM")
    session = Session.of(viewer)
    notification_manager.records.clear()
    said: list[str] = []
    session.status.connect(said.append)
    worker, getting = session.jobs.worker, session.part(Downloading)

    def finish() -> None:
        wait(lambda: not (getting.worker.busy() or worker.busy() or worker._small), 60_000)

    def get() -> None:
        panel.model.download.list.aboutToShow.emit()
        panel.model.download.list.actions()[0].trigger()

    return SimpleNamespace(
        viewer=viewer,
        widget=panel,
        session=session,
        getting=getting,
        finish=finish,
        get=get,
        said=said,
        mine=tmp_path / "mine",
    )


def offered(one) -> str:
    one.widget.model.download.list.aboutToShow.emit()
    return one.widget.model.download.list.actions()[0].text()


def test_what_is_fetched_is_chosen_and_answers_clicks(one, server, wait):
    server.pause = 0.02
    assert offered(one) == f"tiny_sam\t{len(server.content) / 1e6:.0f} MB, CC0-1.0"
    seen: list[Progress] = []
    one.getting.progressed.connect(seen.append)
    one.get()
    wait(one.widget.work.bar.isVisible)
    wait(lambda: "tiny_sam" in one.widget.work.bar.text() and "%" in one.widget.work.bar.text())
    one.finish()
    assert {step.total for step in seen} == {len(server.content) // 1024}
    info, panel = one.session.choices.checkpoint, one.widget
    assert (info.name, info.prompts_only) == ("tiny_sam", True)
    assert panel.model.checkpoints.currentText() == "tiny_sam"
    assert panel.model.note.text() == "Runs on cpu; clicks and boxes only."
    assert "clicks and boxes only" in panel.model.checkpoints.toolTip()
    assert one.said[-1] == "Ready on cpu for clicks and boxes: point at an object."
    assert offered(one) == "tiny_sam\ton this machine, CC0-1.0"
    assert notification_manager.records == []
    _points_carries_and_accepts(one)
    _finds_no_classes(one)
    asked = len(server.ranges)
    one.get()
    one.finish()
    assert len(server.ranges) == asked, "it is only chosen again"


def _points_carries_and_accepts(one) -> None:
    prompting = one.session.part(Prompting)
    one.viewer.dims.set_current_step(0, 1)
    prompting.start()
    one.finish()
    prompting.layers.points.add((1, 40, 60))
    one.finish()
    found = prompting.found
    assert found is not None
    assert np.isfinite(found.answer.window).all()
    prompting.propagate()
    one.finish()
    labels = [
        layer
        for layer in one.viewer.layers
        if isinstance(layer, Labels) and layer.name.endswith("organelles")
    ]
    assert labels
    assert np.asarray(labels[0].data).any(), one.said
    prompting.use("box")
    prompting.layers.strokes.add_rectangles(
        np.array([[1, 15, 25], [1, 15, 55], [1, 45, 55], [1, 45, 25]])
    )
    one.finish()
    assert prompting.found.request.marks.box is not None


def _finds_no_classes(one) -> None:
    segment, teach = one.widget.segment, one.widget.teach
    for part in (
        segment.segment,
        segment.all_classes,
        segment.threshold,
        segment.scope,
        teach.start,
        teach.name,
    ):
        assert not part.isEnabled()
    assert segment.note.isVisibleTo(segment)
    assert "answers clicks and boxes only" in teach.start.toolTip()
    before = len(one.session.jobs.worker._open)
    one.session.part(Segmenting).segment()
    assert "answers clicks and boxes only" in one.said[-1]
    one.session.part(Teaching).toggle("granule")
    assert "answers clicks and boxes only" in one.said[-1]
    assert len(one.session.jobs.worker._open) == before, "nothing was begun"
    assert len(notification_manager.records) == 2


def test_a_download_that_is_cancelled_goes_on_later(one, server, wait):
    server.pause = 0.05
    one.get()
    wait(lambda: one.widget.work.bar.value() > 2000)
    one.widget.work.cancel.click()
    assert "The next download resumes" in one.said[-1]
    one.finish()
    part = one.mine / "tiny_sam.pt.part"
    wait(lambda: not one.getting.worker._open)
    assert [p.name for p in one.mine.iterdir()] == ["tiny_sam.pt.part"]
    assert offered(one) == f"tiny_sam\t{part.stat().st_size / 1e6:.0f} MB downloaded, CC0-1.0"
    came, server.pause = part.stat().st_size, 0.0
    one.get()
    one.finish()
    assert server.ranges == [None, f"bytes={came}-"]
    assert one.session.choices.checkpoint.name == "tiny_sam"


def test_a_connection_that_breaks_for_good_is_told_and_goes_on_when_asked_again(
    one, server, monkeypatch
):
    whole, entry = server.content, server.entry()
    server.cut_after = 3 << 20
    real = server.answer
    monkeypatch.setattr(
        server,
        "answer",
        lambda request: real(request) if len(server.ranges) < 2 else request.send_error(503),
    )
    one.get()
    one.finish()
    assert one.session.choices.checkpoint is None
    assert len(notification_manager.records) == 1
    assert one.said[-1].startswith(
        "could not download tiny_sam.pt: the server answered 503; try again"
    )
    part = (one.mine / "tiny_sam.pt.part").stat().st_size
    assert 0 < part < len(whole)
    monkeypatch.setattr(server, "answer", real)
    server.cut_after = None
    offer(monkeypatch, entry)
    one.get()
    one.finish()
    assert server.ranges[-1] == f"bytes={part}-"
    assert one.session.choices.checkpoint.name == "tiny_sam"


def test_a_wrong_hash_is_told_and_leaves_nothing(one, server, monkeypatch):
    offer(monkeypatch, server.entry(sha256="0" * 64))
    one.get()
    one.finish()
    assert "is damaged (wrong sha256) and was deleted" in one.said[-1]
    assert list(one.mine.iterdir()) == []
    assert one.session.choices.checkpoint is None
    assert not one.widget.work.bar.isVisible()


def test_weights_of_another_size_are_told(one, server, monkeypatch):
    from dataclasses import replace

    offer(monkeypatch, replace(server.entry(), encoder="vit_b"))
    one.get()
    one.finish()
    assert "choose the encoder size that the file was made for" in one.said[-1]
    assert [p.name for p in one.mine.iterdir()] == ["tiny_sam.pt"]
    offer(monkeypatch, server.entry())
    assert offered(one) == "tiny_sam\tdownloaded, CC0-1.0"
    one.get()
    one.finish()
    assert one.session.choices.checkpoint.name == "tiny_sam"
    assert len(server.ranges) == 1


def test_a_folder_that_cannot_be_written_is_told(one, server, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("NAPARI_SCSAM_CHECKPOINTS", str(tmp_path / "file" / "mine"))
    one.get()
    one.finish()
    assert "tiny_sam cannot be written to" in one.said[-1]


def test_a_window_closed_in_the_middle_leaves_what_came(one, server, wait):
    server.pause = 0.05
    one.get()
    wait(lambda: one.widget.work.bar.value() > 2000)
    worker = one.getting.worker
    one.viewer.window.remove_dock_widget(one.widget)
    assert worker._stopped
    wait(lambda: not any(thread.is_alive() for thread in worker._pool._threads))
    assert [p.name for p in one.mine.iterdir()] == ["tiny_sam.pt.part"]


def test_time_left_and_sizes_beyond_two_gigabytes():
    step = Progress(1_500_000_000, 2_500_000_000, "downloading")
    assert download_progress("vit_h", step, 1_000_000_000, 50.0) == Progress(
        1_500_000_000 // 1024, 2_500_000_000 // 1024, "vit_h, 2 min left"
    )
    assert download_progress("vit_h", step, 1_000_000_000, 0.5).what == "vit_h", "nobody knows yet"
    assert download_progress("vit_t", Progress(30_000_000, 0), 0, 5.0) == Progress(
        0, 0, "vit_t, 30 MB so far"
    )
