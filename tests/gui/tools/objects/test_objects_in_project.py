from __future__ import annotations

import numpy as np
import pytest
from listed import click_row, shown_ids

pytestmark = pytest.mark.gui


def test_a_project_keeps_objects_their_classes_and_what_was_reviewed(listed, wait, tmp_path):
    keeper = listed.widget.desk.keeper
    keeper.new(str(tmp_path / "mine"))
    wait(lambda: keeper.project is not None)
    listed.finish()
    click_row(listed, shown_ids(listed).index(3))
    listed.page.reviewed.click()
    listed.desk.editing.relabel(listed.store.classes.classes[0])
    wait(lambda: "mitochondrion" in listed.store.table["class"][3:].tolist())
    before = np.asarray(listed.store.layer.data[...])
    table = listed.store.table
    assert listed.store.layer.data.dtype == np.uint32
    keeper.saver.save()
    path = str(keeper.project.path)
    keeper.close()
    listed.viewer.layers.clear()
    keeper.open(path)
    wait(lambda: keeper.project is not None)
    wait(lambda: len(listed.store.table) == 5, 20_000)
    np.testing.assert_array_equal(np.asarray(listed.store.layer.data[...]), before)
    assert listed.store.table["class"].tolist() == table["class"].tolist()
    assert listed.store.table["reviewed"].tolist() == table["reviewed"].tolist()
    assert listed.store.table["reviewed"].sum() == 1
    keeper.close()
