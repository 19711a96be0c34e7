"""Doing tasks here, on worker processes, and on a scheduler's."""

import sys
import time
from functools import partial

import pytest
import task_functions as tasks

from napari_scsam.config import UserError
from napari_scsam.volume.cluster import WorkersError, find_gpus, keep_workers
from napari_scsam.volume.workers import TaskError, run_tasks


@pytest.fixture(scope="module")
def two():
    """Two workers for all tests that leave them alive."""
    with keep_workers(2) as workers:
        yield workers


def test_without_workers_tasks_are_done_in_order_as_they_are_asked_for():
    running = run_tasks(tasks.double, iter(range(10**9)))
    assert [next(running) for _ in range(3)] == [(0, 0), (1, 2), (2, 4)]


def test_a_task_that_fails_costs_no_other():
    done = dict(run_tasks(tasks.double_odd, range(4)))
    assert done == {
        0: TaskError(0, "0 is even"),
        1: 2,
        2: TaskError(2, "2 is even"),
        3: 6,
    }


def test_workers_do_every_task_once_and_name_what_fails(two):
    done = list(run_tasks(tasks.double_odd, iter(range(20)), two))
    assert len(done) == 20
    results = dict(done)
    assert results[4] == TaskError(4, "4 is even")
    assert [results[n] for n in range(1, 20, 2)] == [2 * n for n in range(1, 20, 2)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_worker_that_dies_costs_its_tasks_time_only(tmp_path):
    once = partial(tasks.die_once, str(tmp_path / "died"))
    assert dict(run_tasks(once, range(8), 2)) == {n: 2 * n for n in range(8)}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_results_that_die_with_their_worker_are_computed_again(tmp_path):
    """The worker dies when its results wait there, before anybody has asked for them."""
    soon = partial(tasks.die_later, str(tmp_path / "died"))
    running = run_tasks(soon, range(3), 1)
    done = [next(running)]
    time.sleep(1.0)
    assert sorted(done + list(running)) == [(0, 0), (1, 2), (2, 4)]


@pytest.mark.parametrize(("deaths", "starts"), [(1, True), (2, True), (3, False)])
def test_a_worker_that_dies_while_it_starts_costs_another_attempt(monkeypatch, deaths, starts):
    attempts = []

    class Cluster:
        def __init__(self, **_):
            attempts.append(1)
            if len(attempts) <= deaths:
                raise RuntimeError("Nanny failed to start.")
            self.scheduler_address = "tcp://127.0.0.1:1"

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr("distributed.deploy.spec.SpecCluster", Cluster)
    if starts:
        with keep_workers(2) as workers:
            assert workers == "tcp://127.0.0.1:1"
        return
    with pytest.raises(WorkersError, match="2 workers did not start on this computer; give fewer"):
        keep_workers(2).__enter__()


def test_workers_are_not_profiled(two):
    assert dict(run_tasks(tasks.is_profiled, range(1), two)) == {0: False}


def test_closing_stops_the_workers_and_what_is_not_done(tmp_path):
    files = [str(tmp_path / str(n)) for n in range(100)]
    running = run_tasks(tasks.touch, files, 1)
    next(running)
    running.close()
    assert 1 <= len(list(tmp_path.iterdir())) < 20


@pytest.mark.parametrize(
    ("workers", "why"),
    [
        (0, "0 workers"),
        (-1, "-1 workers"),
        ("tcp://127.0.0.1:1", "no dask scheduler answers"),
        ("127.0.0.1", "not the address"),
        ("tcp://127.0.0.1", "not the address"),
        ("tcp://127.0.0.1:many", "not the address"),
        ("", "not the address"),
    ],
)
def test_workers_that_cannot_be_are_refused(workers, why):
    with pytest.raises(UserError, match=why):
        next(run_tasks(tasks.double, range(3), workers))


def test_a_worker_of_another_version_is_refused(monkeypatch, two):
    monkeypatch.setattr("napari_scsam.volume.workers.__version__", "99.0")
    with pytest.raises(WorkersError, match=r"napari-scsam .* not 99\.0"):
        list(run_tasks(tasks.double, range(3), two))


def test_gpus_are_those_that_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 5")
    assert find_gpus() == ("2", "5")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert find_gpus() == ()
