"""Where a network runs: what is asked of one here and of one on a server."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from napari_scsam.errors import NoTorchError
from napari_scsam.gui.jobs import where
from napari_scsam.gui.jobs.where import (
    describe_device,
    find_object_steps,
    is_remote,
    start_torch,
    taught_names,
    taught_summary,
)
from napari_scsam.gui.prompts.marks import Marks
from napari_scsam.steps import drive

MARKS = Marks(points=((3.0, 4.0),), inside=(True,), box=None)


def here() -> SimpleNamespace:
    return SimpleNamespace(device="cpu", model=SimpleNamespace(lessons={"granule": None}))


def there() -> SimpleNamespace:
    line = SimpleNamespace(
        address=SimpleNamespace(host="gpu.lab.org"), state=SimpleNamespace(device="cuda")
    )
    return SimpleNamespace(line=line, taught_names=frozenset({"droplet"}))


def test_the_user_reads_where_it_runs() -> None:
    assert not is_remote(here())
    assert is_remote(there())
    assert describe_device(here()) == "cpu"
    assert describe_device(there()) == "server gpu.lab.org (cuda)"
    assert taught_names(here()) == {"granule"}
    assert taught_names(there()) == {"droplet"}


def test_an_answer_from_elsewhere_is_not_refined() -> None:
    asked = []
    predictor = here()
    predictor.predict_prompts = lambda *given: asked.append(given)
    drive(find_object_steps(predictor, MARKS, SimpleNamespace(number=3)))
    assert asked == [([(3.0, 4.0)], [1], None, None)]


def test_without_torch_both_ways_out_are_named(monkeypatch) -> None:
    monkeypatch.setattr(where, "torch_is_installed", lambda: False)
    with pytest.raises(NoTorchError, match=r'pip install "napari-scsam\[local\]".* Server …'):
        start_torch()


def test_the_summary_names_what_was_taught() -> None:
    assert taught_summary("A tiny one", ()) == "A tiny one"
    assert taught_summary("A tiny one", ("granule",)) == "A tiny one; taught granule"
