"""A list of finished tasks survives a cut-off line."""

from __future__ import annotations

from napari_scsam.volume.instances.done_list import DoneList


def test_what_was_added_is_read_again(tmp_path):
    done = DoneList(tmp_path / "done.txt")
    assert done.done == set()
    done.add("0:1")
    done.add("0:2")
    assert DoneList(tmp_path / "done.txt").done == {"0:1", "0:2"}


def test_a_line_that_was_cut_off_does_not_count(tmp_path):
    (tmp_path / "done.txt").write_text("0:1\n0:1")
    done = DoneList(tmp_path / "done.txt")
    assert done.done == {"0:1"}
    done.add("0:12")
    assert "0:12" in DoneList(tmp_path / "done.txt").done
