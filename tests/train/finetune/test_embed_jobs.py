from functools import partial

from napari_scsam.train.finetune.embed_jobs import EmbedJobs, interleaved


def test_jobs_of_all_kinds_come_in_turn() -> None:
    done: list[str] = []
    many = EmbedJobs([partial(done.append, f"a{number}") for number in range(8)], 4)
    few = EmbedJobs([partial(done.append, f"b{number}") for number in range(5)], 4)
    for job in interleaved([many, few]):
        job()
    first = ["a0", "a1", "a2", "a3", "b0", "b1", "b2", "b3"]
    assert done == [*first, "a4", "a5", "a6", "b4", "a7"]


def test_as_many_as_there_are_is_enough() -> None:
    assert EmbedJobs([print] * 3, 12).least == 3
    assert EmbedJobs([print] * 13, 12).least == 12
