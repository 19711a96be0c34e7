"""The real image in this package: it opens, it is small, and its licence lies beside it."""

from __future__ import annotations

import pytest

from napari_scsam.samples.shipped import ABOUT_SAMPLE, FILE, open_shipped


def test_it_opens_with_its_voxel_size() -> None:
    volume = open_shipped()
    assert (volume.shape, volume.voxel_size) == ((24, 250, 250), pytest.approx((10, 10, 10)))
    assert volume.plane(12).std() > 30


def test_it_takes_at_most_4_megabytes() -> None:
    assert FILE.stat().st_size < 4_000_000


def test_licence_and_makers_are_beside_it() -> None:
    licence = (FILE.parent / "LICENSE.txt").read_text(encoding="utf-8")
    assert "TERMS OF THIS CREATIVE COMMONS PUBLIC LICENSE" in licence
    about = (FILE.parent / "README.md").read_text(encoding="utf-8")
    for text in (about, ABOUT_SAMPLE):
        assert "FlyEM at Janelia (Parag et al. 2015)" in text
    assert "github.com/janelia-flyem/neuroproof_examples" in about
    assert "slices 130 to 153 of 250 were cut out" in about


@pytest.mark.emdata
def test_it_is_the_crop_that_it_says(emdata) -> None:
    import tifffile

    whole = tifffile.imread(emdata / "medulla_unlabelled" / "training_sample1.tif")
    assert (open_shipped().data[...] == whole[130:154]).all()
