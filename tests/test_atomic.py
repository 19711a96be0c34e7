"""Replacing files and folders: a failure or a kill at any step loses neither the old nor the new."""

import errno
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from napari_scsam import atomic
from napari_scsam.atomic import finish_replacing, replacing, replacing_folder
from napari_scsam.drafts import DRAFT_MARK, draft_path

OPERATIONS = ("replace", "rename", "fsync", "mkdir", "unlink", "rmdir", "open")
"""Functions of `os` that a replacement calls."""

CHILD = """
import os, sys
from pathlib import Path
from napari_scsam import atomic
path, kind, exchange, step, when = Path(sys.argv[1]), *sys.argv[2:4], int(sys.argv[4]), sys.argv[5]
count = 0
def killing(call):
    def called(*args, **kwargs):
        global count
        count += 1
        own = count
        if own == step and when == "before":
            os._exit(9)
        result = call(*args, **kwargs)
        if own == step:
            os._exit(9)
        return result
    return called
for name in {operations}:
    setattr(os, name, killing(getattr(os, name)))
atomic._exchange = killing(atomic._exchange) if exchange == "exchange" else lambda *_: False
if kind == "file":
    with atomic.replacing(path) as draft:
        draft.write_text("new")
else:
    with atomic.replacing_folder(path, lambda folder: (folder / "ours").exists()) as draft:
        (draft / "ours").write_text("new")
        (draft / "in").mkdir()
        (draft / "in" / "data").write_text("new")
"""


def kill_at(step, when, path, kind, exchange="exchange"):
    """Replace `path` in a process that is killed at a step; return whether it was."""
    script = CHILD.replace("{operations}", repr(OPERATIONS))
    arguments = [str(path), kind, exchange, str(step), when]
    done = subprocess.run([sys.executable, "-c", script, *arguments], check=False)
    assert done.returncode in (0, 9)
    return done.returncode == 9


def make_ours(folder, text="old"):
    (folder / "in").mkdir(parents=True)
    (folder / "ours").write_text(text)
    (folder / "in" / "data").write_text(text)


def is_ours(folder):
    return (folder / "ours").exists()


def content(folder):
    """Return the text of a folder that is whole."""
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert names - {DRAFT_MARK} == {"ours", "in/data"}
    return {(folder / "ours").read_text(), (folder / "in" / "data").read_text()}


def number_of_a_process_that_ended():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def exchanges():
    """Whether this system exchanges folders in one step."""
    return sys.platform == "linux"


def fail_at(monkeypatch, step, error, exchange=True):
    """Let the step-th operation fail."""
    count = [0]

    def failing(call):
        def called(*args, **kwargs):
            count[0] += 1
            if count[0] == step:
                raise error
            return call(*args, **kwargs)

        return called

    for name in OPERATIONS:
        monkeypatch.setattr(os, name, failing(getattr(os, name)))
    if not exchange:
        monkeypatch.setattr(atomic, "_exchange", lambda *_: False)


# Files


def test_a_file_is_created_and_replaced(tmp_path):
    for text in ("one", "two"):
        with replacing(tmp_path / "a.json") as draft:
            assert draft.parent == tmp_path
            assert str(os.getpid()) in draft.name
            draft.write_text(text)
        assert (tmp_path / "a.json").read_text() == text
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_file_is_on_disk_before_it_is_moved_and_its_folder_after(tmp_path, monkeypatch):
    order = []
    fsync = os.fsync
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda n: (order.append("sync"), fsync(n))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("move"), replace(a, b))[1])
    with replacing(tmp_path / "a") as draft:
        draft.write_text("new")
    assert order == ["sync", "move", "sync"]


def test_an_error_in_the_block_leaves_the_old_file_and_no_draft(tmp_path):
    target = tmp_path / "a"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(target) as draft:  # noqa: PT012
        draft.write_text("half")
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert target.read_text() == "old"


def test_a_block_that_writes_nothing_is_an_error_of_the_target(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a"):
        pass
    assert str(tmp_path / "a") in str(caught.value)
    assert ".part" not in str(caught.value)


@pytest.mark.parametrize("step", range(1, 8))
def test_a_failure_at_any_step_leaves_a_whole_file(tmp_path, monkeypatch, step):
    target = tmp_path / "a"
    target.write_text("old")
    with monkeypatch.context() as patch:
        fail_at(patch, step, OSError(errno.EIO, "input/output error", "x"))
        with suppress(OSError), replacing(target) as draft:
            draft.write_text("new")
    assert target.read_text() in ("old", "new")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(1, 8))
def test_a_kill_at_any_step_leaves_a_whole_file(tmp_path, step, when):
    target = tmp_path / "a"
    target.write_text("old")
    killed = kill_at(step, when, target, "file")
    assert target.read_text() in (("old", "new") if killed else ("new",))


def test_a_full_disk_is_told_of_the_target_and_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "a"
    target.write_text("old")

    def full(number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(draft_path(target)))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught, replacing(target) as draft:
        draft.write_text("new")
    assert caught.value.filename == str(target)
    assert ".part" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert target.read_text() == "old"


def test_an_error_whose_words_name_the_draft_names_the_target(tmp_path):
    with pytest.raises(OSError, match="cannot write") as caught, replacing(tmp_path / "a") as draft:
        raise OSError(f"cannot write {draft}")
    assert str(caught.value) == f"cannot write {tmp_path / 'a'}"


def test_a_folder_that_cannot_be_written_is_told_of_the_target(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "no" / "a") as draft:
        draft.write_text("new")
    assert caught.value.filename == str(tmp_path / "no" / "a")


@pytest.mark.parametrize("replace", [replacing, lambda path: replacing_folder(path, is_ours)])
def test_a_read_only_folder_is_told_of_the_target(tmp_path, monkeypatch, replace):
    def read_only(path, *_args, **_kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    for name in ("open", "mkdir"):  # root writes into folders of every mode
        monkeypatch.setattr(os, name, read_only)
    with pytest.raises(PermissionError) as caught, replace(tmp_path / "a") as draft:
        os.open(draft, os.O_CREAT)
    assert caught.value.filename == str(tmp_path / "a")


def test_drafts_of_killed_processes_go_when_they_are_old(tmp_path):
    gone = number_of_a_process_that_ended()
    old = tmp_path / f".a.{gone}.part"
    young = tmp_path / f".a.{gone}1.part"
    other = tmp_path / f".b.{gone}.part"
    for file in (old, young, other):
        file.write_text("half")
    for file in (old, other):
        os.utime(file, (time.time() - 7200,) * 2)
    with replacing(tmp_path / "a") as draft:
        draft.write_text("new")
    assert {p.name for p in tmp_path.iterdir()} == {"a", young.name, other.name}


# Folders


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_is_created_and_replaced(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(atomic, "_exchange", lambda *_: False)
    for text in ("one", "two"):
        with replacing_folder(tmp_path / "set", is_ours) as draft:
            make_ours(draft, text)
        assert content(tmp_path / "set") == {text}
        assert not (tmp_path / "set" / DRAFT_MARK).exists()
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_linux_exchanges_folders_in_one_step(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert atomic._exchange(tmp_path / "a", tmp_path / "b") is exchanges()
    assert (tmp_path / "a" / "b").exists() is exchanges()


def test_a_folder_of_somebody_else_stays(tmp_path):
    theirs = tmp_path / "set"
    theirs.mkdir()
    (theirs / "thesis.doc").write_text("years")
    with pytest.raises(FileExistsError) as caught, replacing_folder(theirs, is_ours):
        pytest.fail("nothing may be written")
    assert str(theirs) in str(caught.value)
    assert (theirs / "thesis.doc").read_text() == "years"
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_a_folder_of_somebody_else_that_comes_meanwhile_stays(tmp_path):
    theirs = tmp_path / "set"
    with pytest.raises(FileExistsError), replacing_folder(theirs, is_ours) as draft:  # noqa: PT012
        make_ours(draft, "new")
        theirs.mkdir()
        (theirs / "thesis.doc").write_text("years")
    assert (theirs / "thesis.doc").read_text() == "years"
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_a_file_and_a_link_are_not_replaced_by_a_folder(tmp_path):
    make_ours(tmp_path / "real")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    for name in ("file", "link"):
        with pytest.raises(FileExistsError), replacing_folder(tmp_path / name, is_ours):
            pytest.fail("nothing may be written")
    assert content(tmp_path / "real") == {"old"}


def test_an_empty_folder_is_replaced(tmp_path):
    (tmp_path / "set").mkdir()
    with replacing_folder(tmp_path / "set", is_ours) as draft:
        make_ours(draft, "new")
    assert content(tmp_path / "set") == {"new"}


def test_an_error_in_the_block_leaves_the_old_folder_and_no_draft(tmp_path):
    make_ours(tmp_path / "set")
    with pytest.raises(KeyboardInterrupt), replacing_folder(tmp_path / "set", is_ours) as draft:  # noqa: PT012
        (draft / "half").write_text("new")
        raise KeyboardInterrupt
    assert content(tmp_path / "set") == {"old"}
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("step", range(1, 30))
def test_a_failure_at_any_step_leaves_a_whole_folder(tmp_path, monkeypatch, step, exchange):
    target = tmp_path / "set"
    make_ours(target)
    with monkeypatch.context() as patch:
        fail_at(patch, step, OSError(errno.ENOSPC, "full", "x"), exchange)
        with suppress(OSError), replacing_folder(target, is_ours) as draft:
            make_ours(draft, "new")
    assert len(content(target)) == 1
    with replacing_folder(target, is_ours) as draft:
        make_ours(draft, "third")
    assert content(target) == {"third"}
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("exchange", ["exchange", "fallback"])
@pytest.mark.parametrize("there", [True, False])
def test_a_kill_at_any_step_leaves_a_whole_folder_or_one_that_is_completed(
    tmp_path, when, exchange, there
):
    step = 0
    killed = True
    while killed:
        step += 1
        target = tmp_path / str(step) / "set"
        target.parent.mkdir()
        if there:
            make_ours(target)
        killed = kill_at(step, when, target, "folder", exchange)
        if exchange == "exchange" and exchanges() and there:
            assert len(content(target)) == 1  # not for a moment is it away
        finish_replacing(target)
        if there or target.exists():
            assert len(content(target)) == 1
            assert not (target / DRAFT_MARK).exists()
        left = {p.name for p in target.parent.iterdir()}
        assert left <= {"set"}, f"step {step}"
    assert content(target) == {"new"}
    assert step > 10


def test_a_replacement_that_runs_is_left_alone(tmp_path):
    make_ours(tmp_path / "set")
    with replacing_folder(tmp_path / "set", is_ours) as draft:
        make_ours(draft, "new")
        finish_replacing(tmp_path / "set")
        assert content(draft) == {"new"}
    assert content(tmp_path / "set") == {"new"}


def test_a_draft_that_is_opened_as_if_it_were_whole_stays_a_draft(tmp_path):
    with (  # noqa: PT012
        pytest.raises(KeyboardInterrupt),
        replacing_folder(tmp_path / "set", is_ours) as draft,
    ):
        make_ours(draft, "new")
        finish_replacing(draft)
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_the_draft_of_a_process_of_another_machine_is_left_alone(tmp_path):
    gone = number_of_a_process_that_ended()
    draft = tmp_path / f".set.{gone}.part"
    make_ours(draft)
    (draft / DRAFT_MARK).write_text("another machine")
    finish_replacing(tmp_path / "set")
    assert content(draft) == {"old"}


def test_a_folder_without_the_mark_is_never_removed(tmp_path):
    gone = number_of_a_process_that_ended()
    theirs = tmp_path / f".set.{gone}.part"
    theirs.mkdir()
    (theirs / "thesis.doc").write_text("years")
    make_ours(tmp_path / "set")
    finish_replacing(tmp_path / "set")
    assert (theirs / "thesis.doc").read_text() == "years"


def test_finishing_where_there_is_nothing_is_no_error(tmp_path):
    finish_replacing(tmp_path / "no" / "set")
    assert list(Path(tmp_path).iterdir()) == []
