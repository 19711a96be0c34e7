"""The settings in the card of an imported network."""

import pytest

from napari_scsam.checkpoints.imported.card import LEAST_TILE, MOST_TILE, parse_settings
from napari_scsam.config import UserError

FORM = {"kind": "onnx", "channel_of": [0, 2]}


def settings(form=None, **others):
    """Settings of two classes, with changes."""
    return {"form": {**FORM, **(form or {})}, **others}


def test_what_a_card_leaves_out_has_a_default():
    found = parse_settings(settings(), 2)
    assert found.form.channel_of == (0, 2)
    assert (found.form.background, found.form.fixed) == (None, None)
    assert (found.form.channels, found.form.multiple) == (1, 16)
    assert (found.form.black, found.form.white) == (0.0, 1.0)
    assert (found.nm_per_pixel, found.tile) == (None, 512)


def test_all_that_a_card_says_is_kept():
    form = {"kind": "torchscript", "background": 1, "output": "maps", "fixed": [256, 512]}
    found = parse_settings(settings(form, nm_per_pixel=5.0, tile=256), 2)
    assert (found.form.kind, found.form.background, found.form.output) == ("torchscript", 1, "maps")
    assert (found.form.fixed, found.nm_per_pixel, found.tile) == ((256, 512), 5.0, 256)


@pytest.mark.parametrize("tile", [LEAST_TILE, MOST_TILE])
def test_a_tile_may_be_as_large_as_its_limits(tile):
    assert parse_settings(settings(tile=tile), 2).tile == tile


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({}, "form"),
        (settings({"kind": "pickle"}), "kind"),
        (settings({"channel_of": []}), "channel_of"),
        (settings({"channel_of": [0, -1]}), "channel_of"),
        (settings({"channel_of": [0, 65_536]}), "channel_of"),
        (settings({"channels": 2}), "channels"),
        (settings({"multiple": 0}), "multiple"),
        (settings({"multiple": 513}), "multiple"),
        (settings({"fixed": [LEAST_TILE - 1, 256]}), "fixed"),
        (settings({"black": float("nan")}), "black"),
        (settings({"unknown": 1}), "unknown"),
        (settings(tile=LEAST_TILE - 16), "tile"),
        (settings(tile=MOST_TILE + 16), "tile"),
        (settings(tile=LEAST_TILE + 8), "tile"),
        (settings(nm_per_pixel=0.0), "nm_per_pixel"),
        (settings(nm_per_pixel=float("inf")), "nm_per_pixel"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(config, named):
    with pytest.raises(UserError, match=named):
        parse_settings(config, 2)


@pytest.mark.parametrize("form", [{"channel_of": [1, 1]}, {"background": 2}])
def test_each_channel_is_of_one_class_alone(form):
    with pytest.raises(UserError, match="two classes have one channel"):
        parse_settings(settings(form), 2)


@pytest.mark.parametrize("classes", [1, 3])
def test_there_is_one_channel_for_each_class(classes):
    with pytest.raises(UserError, match=f"2 channels for {classes} classes"):
        parse_settings(settings(), classes)
