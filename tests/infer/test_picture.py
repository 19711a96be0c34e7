from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from napari_scsam.config import ClassSpec
from napari_scsam.infer.picture import overlay, rgb, save_picture

CLASSES = (ClassSpec(1, "mitochondrion", "#ff0000"), ClassSpec(3, "vesicle", "#0000ff"))
GREY = np.linspace(0, 1, 40 * 50, dtype=np.float32).reshape(40, 50)
LABELS = np.zeros((40, 50), np.uint8)
LABELS[:10], LABELS[30:], LABELS[20:22] = 1, 3, 2


def test_colours_lie_over_grey() -> None:
    picture = overlay(GREY, LABELS, CLASSES, opacity=0.5)
    assert (picture.dtype, picture.shape) == (np.uint8, (40, 50, 3))
    grey = np.rint(GREY * 255)
    for channel in range(3):
        np.testing.assert_array_equal(picture[10:30, :, channel], grey[10:30])
    assert np.abs(picture[:10, :, 0] - (grey[:10] / 2 + 127.5)).max() <= 1
    assert np.abs(picture[:10, :, 1:] - grey[:10, :, None] / 2).max() <= 1
    assert (picture[30:, :, 2] > picture[30:, :, 0]).all()


def test_full_opacity_is_the_classs_colour() -> None:
    assert overlay(GREY, LABELS, CLASSES, opacity=1)[0, 0].tolist() == [255, 0, 0]


def test_colours_are_read() -> None:
    assert rgb("#0a80ff") == (10, 128, 255)


def test_the_picture_shows_both_and_a_legend(tmp_path: Path) -> None:
    save_picture(tmp_path / "new" / "a.png", GREY, LABELS, CLASSES)
    picture = np.asarray(Image.open(tmp_path / "new" / "a.png"))
    assert picture.shape[1] == 2 * 50 + 4
    assert picture.shape[0] > 40
    np.testing.assert_array_equal(picture[:40, :50], overlay(GREY, LABELS, ()))
    np.testing.assert_array_equal(picture[:40, 54:], overlay(GREY, LABELS, CLASSES))
    assert (picture[40:] == (255, 0, 0)).all(-1).any()
