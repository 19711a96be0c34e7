from __future__ import annotations

import pytest

from napari_scsam.gui.preferences import (
    MAX_RECENT,
    RECENT,
    list_file,
    recent_projects,
    remember_project,
)


@pytest.fixture
def folders(tmp_path):
    made = [tmp_path / f"{number}.scsam.zarr" for number in range(MAX_RECENT + 2)]
    for folder in made:
        folder.mkdir()
    return made


def test_the_newest_stands_first_and_once(folders):
    for folder in (*folders, folders[3]):
        remember_project(folder)
    assert (
        recent_projects()
        == [folders[3], *[f for f in folders[::-1] if f != folders[3]]][:MAX_RECENT]
    )


def test_a_project_that_is_gone_is_not_listed(folders):
    remember_project(folders[0])
    remember_project(folders[1])
    folders[1].rmdir()
    assert recent_projects() == [folders[0]]


@pytest.mark.parametrize("text", ["not JSON", "7", "[7]"])
def test_a_damaged_list_is_begun_anew(folders, text):
    list_file(RECENT).parent.mkdir()
    list_file(RECENT).write_text(text)
    assert recent_projects() == []
    remember_project(folders[0])
    assert recent_projects() == [folders[0]]


def test_a_list_that_cannot_be_written_is_no_loss(folders, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NAPARI_SCSAM_USER", str(tmp_path / "file"))
    remember_project(folders[0])
    assert recent_projects() == []
