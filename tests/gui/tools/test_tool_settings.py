"""How the object tools work, and what counts as small."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_scsam.config import UserError
from napari_scsam.gui.layers.plane import Plane
from napari_scsam.gui.layers.pointing import LayerPlane
from napari_scsam.gui.tools.tool_settings import ToolSettings


def target(*, units: str = "nm", axis: int | None = 0) -> LayerPlane:
    """A layer with voxels of 50 × 10 × 20 of a unit."""
    layer = Labels(np.zeros((4, 8, 8), np.uint8), scale=(50, 10, 20), units=(units,) * 3)
    return LayerPlane(layer, Plane(axis, 1))


@pytest.fixture
def settings() -> ToolSettings:
    return ToolSettings()


def test_each_change_is_told(settings: ToolSettings) -> None:
    told = []
    settings.changed.connect(lambda: told.append((settings.radius, settings.smallest)))
    settings.set_radius(5.0)
    settings.set_smallest(80.0)
    settings.set_unit(in_micrometres=False, target=None)
    assert told == [(5.0, 50.0), (5.0, 80.0), (5.0, 80.0)]


def test_pixels_are_taken_as_they_are(settings: ToolSettings) -> None:
    assert settings.smallest_in_voxels(target()) == 50
    assert settings.smallest_in_voxels(target(units="pixel")) == 50


def test_an_area_in_one_slice_is_that_of_its_pixels(settings: ToolSettings) -> None:
    settings.in_micrometres = True
    settings.smallest = 0.02
    assert settings.smallest_in_voxels(target()) == pytest.approx(0.02 / (0.01 * 0.02))


def test_pixels_across_another_axis_have_another_area(settings: ToolSettings) -> None:
    settings.in_micrometres = True
    settings.smallest = 0.02
    assert settings.smallest_in_voxels(target(axis=1)) == pytest.approx(0.02 / (0.05 * 0.02))


def test_a_volume_through_all_slices_is_that_of_its_voxels(settings: ToolSettings) -> None:
    settings.in_micrometres = True
    settings.whole = True
    settings.smallest = 0.001
    assert settings.smallest_in_voxels(target()) == pytest.approx(0.001 / (0.05 * 0.01 * 0.02))


def test_a_layer_of_unknown_size_is_asked_for_in_pixels(settings: ToolSettings) -> None:
    settings.in_micrometres = True
    with pytest.raises(UserError, match="enter the smallest size in pixels"):
        settings.smallest_in_voxels(target(units="pixel"))


def test_the_size_stays_the_same_in_another_unit(settings: ToolSettings) -> None:
    settings.set_unit(in_micrometres=True, target=target())
    assert settings.smallest == pytest.approx(50 * 0.01 * 0.02)
    assert settings.smallest_in_voxels(target()) == pytest.approx(50)
    settings.set_unit(in_micrometres=False, target=target())
    assert settings.smallest == pytest.approx(50)


def test_the_unit_that_is_chosen_already_changes_nothing(settings: ToolSettings) -> None:
    settings.set_unit(in_micrometres=False, target=target())
    assert settings.smallest == 50


@pytest.mark.parametrize("layer", [None, target(units="pixel")])
def test_without_a_pixel_size_the_number_stays(
    settings: ToolSettings, layer: LayerPlane | None
) -> None:
    settings.set_unit(in_micrometres=True, target=layer)
    assert settings.in_micrometres
    assert settings.smallest == 50


def test_the_size_is_written_with_its_unit(settings: ToolSettings) -> None:
    assert "50" in settings.describe_smallest()
    assert "µm" not in settings.describe_smallest()
    settings.in_micrometres = True
    assert "µm²" in settings.describe_smallest()
    settings.whole = True
    assert "µm³" in settings.describe_smallest()
