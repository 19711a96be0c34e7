from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_scsam.io.volumes import as_volume
from napari_scsam.volume.blocks import BlockPlan
from napari_scsam.volume.instances.job import BLOCKS_A_FOLDER, InstanceJob
from napari_scsam.volume.instances.kinds import NO_CLASS_NAME, ObjectKind
from napari_scsam.volume.instances.source import LabelSource


@pytest.fixture
def job(tmp_path: Path) -> InstanceJob:
    source = LabelSource(as_volume(np.ones((4, 4), np.uint8)))
    return InstanceJob(
        source, BlockPlan((4, 4), (2, 2)), (ObjectKind(NO_CLASS_NAME, ()),), tmp_path
    )


@pytest.mark.parametrize(
    ("number", "folder"),
    [(0, "0"), (BLOCKS_A_FOLDER - 1, "0"), (BLOCKS_A_FOLDER, "1"), (12_345, "12")],
)
def test_a_folder_has_a_thousand_records(job: InstanceJob, number: int, folder: str) -> None:
    assert job.record(number) == job.folder / "blocks" / folder / f"{number}.npz"
    assert job.pairs(number) == job.folder / "pairs" / folder / f"{number}.npz"


def test_no_two_files_of_a_job_have_one_place(job: InstanceJob) -> None:
    places = [
        job.offsets(),
        job.counts(),
        *(job.table(kind) for kind in (0, 1)),
        *(job.provisional(kind) for kind in (0, 1)),
        *(job.record(number) for number in (0, 1)),
        *(job.pairs(number) for number in (0, 1)),
    ]
    assert len(set(places)) == len(places)
    assert all(job.folder in place.parents for place in places)
