"""The whole way on real electron microscopy, in a real window, with the real network."""

from __future__ import annotations

import gc
import time

import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels
from qtpy.QtCore import QTimer

from napari_scsam.checkpoints.checkpoint import save_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info, list_checkpoints

pytestmark = [pytest.mark.gui, pytest.mark.emdata, pytest.mark.slow]

SCALE = (5.0, 7.68, 10.24)


class Heartbeat:
    """Ticks with the event loop, and remembers the longest time it could not."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(1)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self._last = now

    def take(self) -> float:
        """Return the longest silence in milliseconds, and begin anew with the garbage of the test collected."""
        self._tick()
        gc.collect()
        self._last = time.perf_counter()
        longest, self.longest = self.longest, 0.0
        return 1000 * longest

    def stop(self) -> None:
        self._timer.stop()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory, classes):
    """The shipped network; an untrained one of the same make where none is shipped yet."""
    shipped = list_checkpoints()
    if shipped:
        return shipped[0]
    from napari_scsam.gui.workarounds.torch_guard import import_torch_stack

    import_torch_stack()
    from napari_scsam.model import ScSAM, ScSAMConfig

    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    save_checkpoint(
        path,
        ScSAM(ScSAMConfig(nm_per_pixel=5.0), classes),
        summary="untrained",
        licence="BSD-3",
        training={},
    )
    return checkpoint_info(path)


@pytest.fixture
def real_window(make_napari_viewer, monkeypatch, checkpoint, wait):
    from napari_scsam.gui import widget
    from napari_scsam.gui.session import Session

    monkeypatch.setattr(widget, "list_checkpoints", lambda: (checkpoint,))
    viewer = make_napari_viewer(show=True)
    panel = widget.ScSAMWidget(viewer)
    viewer.window.add_dock_widget(panel, name="ScSAM")
    worker = Session.of(viewer).jobs.worker
    return viewer, panel, lambda: wait(lambda: not (worker.busy() or worker._small), 200_000)


def pick(panel, number: int) -> None:
    if not number:
        panel.segment.all_classes.click()
        return
    panel.class_bar.classes.setCurrentIndex(number - 1)
    panel.class_bar.classes.activated.emit(number - 1)


def test_pick_segment_cancel_undo_redo_switch(emdata, real_window, wait, capsys):
    viewer, panel, finish = real_window
    heart = Heartbeat()
    finish()
    stalls = {"loading the network": heart.take()}
    assert "Runs on" in panel.model.note.text()
    stack = tifffile.imread(emdata / "hippocampus_stack" / "raw.tif")
    image = viewer.add_layer(
        Image(stack, name="hippocampus", scale=SCALE, translate=(100, 50, 20), units=("nm",) * 3)
    )
    viewer.dims.set_current_step(0, 40)
    wait(lambda: heart.take() < 50)

    panel.segment.segment.click()
    wait(lambda: panel.work.bar.value() > 0, 100_000)
    panel.work.cancel.click()
    finish()
    assert len(viewer.layers) == 1
    stalls["cancelling a run"] = heart.take()

    pick(panel, 1)
    panel.segment.segment.click()
    finish()
    stalls["the first segmentation, when napari adds the labels layer,"] = heart.take()
    labels = viewer.layers[-1]
    assert isinstance(labels, Labels)
    first = np.array(labels.data[40])
    assert set(np.unique(first)) <= {0, 1}
    assert not np.delete(labels.data, 40, axis=0).any()
    for point in ((40, 0, 0), (40, 499, 250)):
        assert labels.data_to_world(point) == pytest.approx(image.data_to_world(point))
    assert labels.data_to_world((40, 10, 10)) == pytest.approx((300, 126.8, 122.4))

    pick(panel, 2)
    finish()
    stalls["another class"] = heart.take()
    np.testing.assert_array_equal(labels.data[40], first, "choosing shows")
    panel.segment.segment.click()
    finish()
    stalls["writing it"] = heart.take()
    second = np.array(labels.data[40])
    assert set(np.unique(second)) <= {0, 1, 2}
    labels.undo()
    np.testing.assert_array_equal(labels.data[40], first)
    labels.redo()
    np.testing.assert_array_equal(labels.data[40], second)
    viewer.dims.set_current_step(0, 41)
    wait(lambda: heart.take() < 50)
    panel.segment.segment.click()
    finish()
    stalls["another slice"] = heart.take()
    assert labels.data[41].any() or "nothing found" in panel.work.status.text()
    heart.stop()
    with capsys.disabled():
        print(  # noqa: T201  # asked for
            "\nlongest silence of the event loop:",
            ", ".join(f"{what} {ms:.0f} ms" for what, ms in stalls.items()),
        )  # asked for
    assert max(stalls.values()) < 2000


def test_a_megapixel_is_written_without_freezing_the_window(
    make_napari_viewer, wait, capsys, classes
):
    from napari_scsam.gui.jobs.worker import Worker
    from napari_scsam.gui.layers.class_table import new_labels
    from napari_scsam.gui.layers.plane import Plane
    from napari_scsam.gui.layers.write_prediction import OrganelleLabels

    viewer = make_napari_viewer(show=True)
    image = viewer.add_image(np.zeros((4, 1024, 1024), np.uint8))
    output = OrganelleLabels(viewer.add_layer(new_labels(image, classes)))
    viewer.dims.set_current_step(0, 2)
    worker, heart = Worker(lambda _: None), Heartbeat()
    wait(lambda: heart.take() < 30)
    worker.run_in_event_loop(
        output.write_steps(Plane(0, 2), np.full((1024, 1024), 2, np.uint8), [2])
    )
    wait(lambda: not worker._small)
    wait(lambda: True)
    silence = heart.take()
    heart.stop()
    worker.stop()
    assert output.layer.data[2].all()
    with capsys.disabled():
        print(f"\nlongest silence while a megapixel is written: {silence:.0f} ms")  # noqa: T201  # asked for
    assert silence < 2000
