"""Three or four planes in a page that tifffile wrote: slices or colours."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_scsam.errors import UserError
from napari_scsam.io.formats.tiff_planes import show_the_same
from napari_scsam.io.volumes import open_labels, open_volume

# A later tifffile will write slices as slices; the files of this one stay as they are.
pytestmark = pytest.mark.filterwarnings("ignore:.*stored as RGB with separate:DeprecationWarning")

NOISE = np.random.default_rng(0).integers(0, 200, (4, 40, 50)).astype(np.uint8)


@pytest.mark.parametrize("count", [2, 3, 4, 5])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
def test_a_bare_stack_of_tifffile_comes_back(
    tmp_path: Path, count: int, options: dict[str, Any]
) -> None:
    stack = NOISE[[0, 1, 2, 3, 0][:count]]
    tifffile.imwrite(tmp_path / "a.tif", stack, **options)
    volume = open_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.data[...], stack)
    assert all("taken as slices, not as colours" in note for note in volume.notes)


def test_the_planes_of_one_thing_in_two_colours_are_refused(tmp_path: Path) -> None:
    tinted = np.stack([NOISE[0], NOISE[0] // 2, 255 - NOISE[0]])
    tifffile.imwrite(tmp_path / "a.tif", tinted, photometric="rgb", planarconfig="separate")
    with pytest.raises(UserError, match=r"colour \(RGB\) image; choose one colour with --channel"):
        open_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(open_volume(tmp_path / "a.tif", channel=1).data[...], tinted[1])


def test_equal_planes_are_one_grey(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([NOISE[0]] * 3))
    np.testing.assert_array_equal(open_volume(tmp_path / "a.tif").data[...], NOISE[0])


@pytest.mark.parametrize("program", [{"software": "other"}, {"metadata": None}])
def test_colours_of_another_program_stay_colours(tmp_path: Path, program: dict[str, Any]) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        NOISE[:3],
        photometric="rgb",
        planarconfig="separate",
        **{"metadata": None, **program},
    )
    with pytest.raises(UserError, match="colour"):
        open_volume(tmp_path / "a.tif")


def test_labels_are_never_colours(tmp_path: Path) -> None:
    labels = np.zeros((3, 40, 50), np.uint8)
    labels[1, 5:9] = 2
    tifffile.imwrite(tmp_path / "a.tif", labels)
    np.testing.assert_array_equal(open_labels(tmp_path / "a.tif").data[...], labels)


def test_planes_show_the_same_when_one_follows_from_the_other() -> None:
    one = NOISE[0].astype(float)
    assert show_the_same(one.ravel(), (3 * one + 2).ravel())
    assert show_the_same(one.ravel(), (-one).ravel())
    assert not show_the_same(one.ravel(), NOISE[1].ravel())
    assert not show_the_same(one.ravel(), np.zeros(one.size))
