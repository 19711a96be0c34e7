"""A verb while another runs, in a project: done in order, or refused in a sentence.

Some pairs are played here. All of them: ``SCSAM_ALL_PAIRS=1 pytest --timeout 0`` on this file.
"""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image
from napari.utils.notifications import notification_manager
from psygnal import Signal

from napari_scsam.config import UserError
from napari_scsam.gui.layers.class_table import classes_of
from napari_scsam.gui.layers.files import read_layers
from napari_scsam.gui.project.keeper import ProjectKeeper
from napari_scsam.gui.tools import train
from napari_scsam.gui.tools.classes.edit_classes import EditingClasses
from napari_scsam.gui.tools.files.export import Exporting
from napari_scsam.gui.tools.files.save_labels import SavingLabels
from napari_scsam.gui.tools.objects.find import FindingObjects
from napari_scsam.gui.tools.objects.store import ObjectStore
from napari_scsam.gui.tools.review import Reviewing
from napari_scsam.gui.tools.segment import VOLUME, Segmenting
from napari_scsam.gui.tools.undo_run import UndoingRun

pytestmark = pytest.mark.gui

EVERY = 1 if os.environ.get("SCSAM_ALL_PAIRS") else 29
"""Of 144 pairs, how many are left out between two."""
PAINTED = (np.zeros(20, int), np.arange(20), np.full(20, 3))


class StillProcess:
    """A stand-in for the process that trains: it runs until it is told to stop."""

    heard = Signal(dict)
    ended = Signal(int)

    def __init__(self, folder: Path, server: object = None) -> None:
        self.folder = folder
        self.server = server

    def start(self) -> None: ...
    def leave(self) -> None: ...
    def deleteLater(self) -> None: ...  # noqa: N802  # Qt's name


@pytest.fixture
def one(window, stack, tmp_path, wait, monkeypatch, checkpoint, info):
    """A window with a project, of which a slice is reviewed."""
    monkeypatch.setattr(train, "TrainingProcess", StillProcess)
    one = window(Image(stack, name="cell", scale=(40.0, 8.0, 8.0), units="nm"))
    one.finish()
    one.engine.predictor.seconds_per_tile = 0.001
    one.wait, one.folder, one.count = wait, tmp_path, 0
    one.keeper, one.editing = one.session.part(ProjectKeeper), one.session.part(EditingClasses)
    one.keeper.new(str(tmp_path / "mine"))
    one.finish()
    wait(lambda: one.keeper.project is not None)
    one.viewer.dims.set_current_step(0, 3)
    one.session.part(Segmenting).segment()
    one.finish()
    one.session.part(Reviewing).mark_slice()
    one.finish()
    one.failed: list[Exception] = []
    one.session.jobs.failed.connect(one.failed.append)
    notification_manager.records.clear()
    return one


def run(one) -> None:
    segmenting = one.session.part(Segmenting)
    segmenting.choose_scope(VOLUME)
    segmenting.go()


def save(one) -> None:
    one.files.append(one.folder / f"labels{one.count}{len(one.files)}.zarr")
    one.session.part(SavingLabels).save(str(one.files[-1]))


def export(one) -> None:
    out = one.folder / f"set{one.count}"
    one.session.part(Exporting).export(str(out), "nnunet", True)


VERBS = {
    "find": lambda one: one.session.part(FindingObjects).find(),
    "measure": lambda one: one.session.part(ObjectStore).measure(),
    "train": lambda one: one.widget.desk.train.start.click(),
    "export": export,
    "save labels": save,
    "add": lambda one: one.editing.add(f"added {one.count}"),
    "rename": lambda one: one.editing.rename(one.spec, f"renamed {one.count}"),
    "reorder": lambda one: one.editing.move(one.spec, -2),
    "delete": lambda one: one.editing.delete(one.spec),
    "run": run,
    "undo run": lambda one: one.session.part(UndoingRun).undo(),
    "save as": lambda one: one.keeper.save_as(str(one.folder / f"copy{one.count}")),
}


def begin(one) -> np.ndarray:
    """Add a class with painted pixels, and return the labels."""
    one.count += 1
    one.files = []
    one.editing.add(f"extra {one.count}")
    one.spec = one.session.choices.active
    one.keeper.labels.data_setitem(PAINTED, one.spec.id)
    one.session.part(Segmenting).choose_classes(one.session.choices.classes[:2])
    return np.array(one.keeper.labels.data)


def check(one, pair: tuple[str, str], before: np.ndarray) -> None:
    """Check that a pair left nothing half-made, and changed nothing that it did not name."""
    strange = [error for error in one.failed if not isinstance(error, UserError)]
    assert not strange, pair
    after = np.asarray(one.keeper.labels.data)
    if "delete" in pair:  # a run may write into the pixels that are free then
        assert (after != one.spec.id).all(), pair
    else:
        assert (after[PAINTED] == one.spec.id).all(), pair
    changed = after != before
    changed[PAINTED] = False
    assert not changed[3].any(), (pair, "a reviewed slice")
    if not {"run", "undo run"} & set(pair):
        assert not changed.any(), pair
    table = classes_of(one.keeper.labels)
    assert {spec.id for spec in table} == {spec.id for spec in one.session.choices.own}, pair
    assert (one.spec.id in {spec.id for spec in table}) == ("delete" not in pair), pair
    assert set(np.unique(after)) <= {0, *(spec.id for spec in table)}, pair
    one.keeper.saver.save()  # at once; the disk may be a second behind the window
    on_disk = {spec.id for spec in one.keeper.project.class_table()}
    assert on_disk <= {spec.id for spec in one.session.choices.own} or "delete" in pair, pair
    assert one.files == [] or one.files[-1].exists(), pair
    for path in one.files:
        assert not path.exists() or read_layers(str(path))[0][0].shape == before.shape, pair
    odd = [p.name for p in one.folder.iterdir() if p.name.startswith(".") or "tmp" in p.name]
    assert odd == [], pair


def put_back(one) -> None:
    """Delete the class of a pair, and end a training."""
    one.widget.desk.training._let_go()
    one.widget.desk.training.drop()
    if one.session.choices.current(one.spec) is not None:
        one.editing.delete(one.session.choices.current(one.spec))
    for spec in [s for s in one.session.choices.own if s.name.startswith(("added", "renamed"))]:
        one.editing.delete(spec)
    one.finish()
    one.failed.clear()


def test_a_verb_while_another_runs(one):
    pairs = list(product(VERBS, VERBS))
    for pair in pairs[::EVERY]:
        before = begin(one)
        for verb in pair:
            VERBS[verb](one)
        one.finish()
        check(one, pair, before)
        put_back(one)
