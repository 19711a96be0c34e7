"""Axes and coordinates as OME-Zarr states them, from version 0.4 to 0.6."""

from __future__ import annotations

from typing import Any

import pytest

from napari_scsam.io.ngff_transforms import combined_transform, stated_axes

AXES = [{"name": name, "type": "space"} for name in "zyx"]
SCALE = {"type": "scale", "scale": [4, 2, 2]}
SHIFT = {"type": "translation", "translation": [1, 1, 1]}


def level(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"path": "0", "coordinateTransformations": list(steps)}


def test_axes_are_those_of_the_system_that_a_level_leads_to() -> None:
    systems = [{"name": "array", "axes": AXES[::-1]}, {"name": "space", "axes": AXES}]
    image = {"coordinateSystems": systems}
    assert stated_axes(image, level({**SCALE, "output": "space"})) == AXES
    assert stated_axes(image, level({**SCALE, "output": {"name": "space"}})) == AXES
    assert stated_axes(image, level(SCALE)) == AXES[::-1]
    assert stated_axes({"axes": AXES}, level(SCALE)) == AXES
    assert stated_axes({}, level(SCALE)) == ()


def test_a_sequence_is_done_one_by_one() -> None:
    steps = {"type": "sequence", "transformations": [SCALE, SHIFT, {"type": "identity"}]}
    assert combined_transform(level(steps), {}, 3) == ([4, 2, 2], [1, 1, 1])


def test_the_whole_image_follows_until_version_0_6() -> None:
    image: dict[str, Any] = {"coordinateTransformations": [SCALE]}
    assert combined_transform(level(SCALE, SHIFT), image, 3)[0] == [16, 4, 4]
    image["coordinateSystems"] = [{"name": "space", "axes": AXES}]
    assert combined_transform(level(SCALE, SHIFT), image, 3)[0] == [4, 2, 2]


@pytest.mark.parametrize("kind", ["affine", "rotation", "mapAxis"])
def test_axes_that_are_turned_have_no_known_size(kind: str) -> None:
    assert combined_transform(level(SCALE, {"type": kind}), {}, 3)[0] == [None] * 3
