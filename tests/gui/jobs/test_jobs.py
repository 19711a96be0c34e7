from __future__ import annotations

from at_once import AtOnce
from napari.utils.notifications import notification_manager

from napari_scsam.config import UserError
from napari_scsam.gui.jobs.jobs import JOB_WORDS, Job
from napari_scsam.gui.session import Session
from napari_scsam.gui.tools.segment import Segmenting
from napari_scsam.steps import Progress


def test_work_is_over_before_a_question_about_its_result_is_asked(session):
    seen = []
    session.jobs.working.connect(seen.append)

    def steps():
        yield Progress(0, 1)

    session.jobs.submit(Job.IMPORT, steps, lambda _: seen.append("asked"))
    assert seen[seen.index("asked") - 1] is False


def test_what_runs_and_waits_is_listed_and_cancelled_one_by_one(session):
    def steps():
        yield Progress(0, 1)

    jobs = session.jobs
    jobs.worker.held |= {Job.SEGMENT_SLICES, Job.EXPORT, (Job.MAKE_MODEL, "tiny")}
    jobs.submit(Job.SEGMENT_SLICES, steps)
    jobs.submit(Job.EXPORT, steps)
    jobs.submit(Job.MAKE_MODEL, steps, name="tiny")
    words = [each.words for each in jobs.queue]
    assert words == ["the run over slices", "the export", "creating a network (tiny)"]
    jobs.cancel_one(jobs.queue[1].job)
    assert [each.job for each in jobs.queue] == [Job.SEGMENT_SLICES, (Job.MAKE_MODEL, "tiny")]


def test_every_kind_of_work_has_words():
    assert set(JOB_WORDS) == set(Job) - {Job.PREFETCH}


def test_what_goes_wrong_with_a_neighbour_is_no_news(viewer, session, stack, said, monkeypatch):
    notification_manager.records.clear()

    def fails(slice_):
        yield from ()
        raise UserError("slice 2 cannot be read")

    monkeypatch.setattr(session.engine.predictor, "embed_steps", fails)
    session.choices.choose_image(viewer.add_image(stack))
    session.part(Segmenting).segment()
    assert session.jobs.worker.kinds[-1] == "prefetch"
    assert "cannot be read" not in " ".join(said)
    assert not notification_manager.records


def test_work_of_one_kind_with_two_names_is_all_done(viewer, fake_engine):
    session = Session(viewer, fake_engine, AtOnce)
    worker = session.jobs.worker
    returned = []
    worker.held = {(Job.MAKE_MODEL, "vit_b"), (Job.MAKE_MODEL, "vit_h")}

    def making(name):
        yield Progress(0, 1)
        return name

    for name in ("vit_b", "vit_h"):
        session.jobs.submit(Job.MAKE_MODEL, lambda n=name: making(n), returned.append, name=name)
    worker.release()
    assert returned == ["vit_b", "vit_h"]


def test_an_error_is_shown_and_the_job_counts_as_dropped(session, said):
    dropped = []
    session.jobs.dropped.connect(dropped.append)

    def fails():
        yield Progress(0, 1)
        raise UserError("the file is damaged; download it again")

    session.jobs.submit(Job.IMPORT, fails)
    assert dropped == [Job.IMPORT]
    assert said[-1] == "the file is damaged; download it again"
