"""What a command prints reaches its reader, or it says so; signals end it as Ctrl-C does."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path

import pytest

from napari_scsam.cli import run_command
from napari_scsam.cli.shared.streams import (
    BROKEN_PIPE,
    EndedError,
    ending_signals,
    flush_output,
    prepare_streams,
    printable,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX")


def run(work: Callable[[], object]) -> int:
    """Run a command that does some work."""
    return run_command(argparse.Namespace(run=lambda _: work(), resume_hint="; go on"))


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_of_a_batch_system_ends_a_command_as_ctrl_c_does(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)  # nohup and some runners ignore SIGHUP
    try:
        with ending_signals():
            code = run(lambda: os.kill(os.getpid(), number))
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert code == 128 + number
    assert capsys.readouterr().err == "scsam: stopped; go on\n"


@posix
def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_signals():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_has_its_own_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    def press() -> None:
        raise KeyboardInterrupt

    assert run(press) == 130
    assert issubclass(EndedError, KeyboardInterrupt)
    assert "stopped" in capsys.readouterr().err


def test_too_little_memory_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    def fill() -> None:
        raise MemoryError

    assert run(fill) == 2
    assert capsys.readouterr().err.startswith("scsam: there is not enough memory; ")


@posix
def test_a_reader_that_is_gone_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert run(lambda: print("labels.zarr")) == BROKEN_PIPE  # noqa: T201
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is full")
def test_an_output_on_a_full_disk_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", full)
        assert run(lambda: print("labels.zarr")) == 2  # noqa: T201
    assert "the standard output cannot be read or written" in capsys.readouterr().err


def test_streams_that_are_closed_take_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    prepare_streams()
    print("labels", file=sys.stderr)  # noqa: T201
    print("labels")  # noqa: T201
    flush_output()
    sys.stdout.close()
    sys.stderr.close()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_every_name_can_be_printed(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = os.fsdecode("labels_µ_図_\udcff.zarr".encode("utf-8", "surrogateescape"))
    file = (tmp_path / "out").open("wb")
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(file, encoding))
    prepare_streams()
    print(name)  # noqa: T201
    flush_output()
    printed = (tmp_path / "out").read_bytes()
    assert printed.startswith(b"labels_")
    if encoding == "utf-8":
        assert printed.rstrip() == os.fsencode(name)
    sys.stdout.close()


def test_a_message_is_one_line_without_control_characters() -> None:
    assert printable("a\nb\x1b[31m.zarr") == "a b\N{REPLACEMENT CHARACTER}[31m.zarr"


def test_other_errors_of_the_output_keep_their_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken:
        def flush(self) -> None:
            raise OSError(errno.EIO, "Input/output error")

        def fileno(self) -> int:
            return os.open(os.devnull, os.O_WRONLY)

    monkeypatch.setattr(sys, "stdout", Broken())
    with pytest.raises(OSError, match="Input/output error") as caught:
        flush_output()
    assert caught.value.filename == "the standard output"
