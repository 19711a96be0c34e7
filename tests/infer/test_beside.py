"""Networks beside a predictor's own: their classes, at their pixel size and contrast."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_networks import write_onnx

from napari_scsam.checkpoints.checkpoint import load_checkpoint
from napari_scsam.checkpoints.imported.importing import NetworkCard, import_network
from napari_scsam.config import UserError
from napari_scsam.infer.beside import networks_hash
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import Contrast
from napari_scsam.volume.probabilities import probability_bytes

FULL = Contrast(0.0, 255.0)
BRIGHT = (8.0, -4.0)
"""Weight and bias: above 0 where grey is above one half."""
VERY_BRIGHT = (40.0, -32.0)
"""Above 0 where grey is above 0.8, and then more certain than `BRIGHT`."""
DARK = (-8.0, 4.0)


def steps() -> np.ndarray:
    """Three bands: dark, bright, very bright; no tile of one value."""
    image = np.repeat(np.array([20, 160, 240], np.uint8), 64)[None].repeat(160, 0)
    image[::8, ::8] += 1
    return image


def imported(folder: Path, name: str, weights: list[tuple[float, float]], **card: object) -> str:
    file = write_onnx(folder / f"{name}.onnx", weights)
    out = folder / f"{name}.safetensors"
    settings = {"nm_per_pixel": 8.0, "probabilities": False, **card}
    import_network(file, out, NetworkCard(**settings))
    return str(out)


@pytest.fixture
def pair(tmp_path: Path) -> str:
    """One network of dark and bright things, and one of very bright ones beside it."""
    one = imported(tmp_path, "one", [BRIGHT, DARK], channels=("bright=1", "dark=2"))
    two = imported(
        tmp_path, "two", [VERY_BRIGHT], channels=("bright=1",), nm_per_pixel=16.0, full_range=True
    )
    return f"{one}+{two}"


def see(name: str, contrast: Contrast = FULL) -> Predictor:
    predictor = Predictor(load_checkpoint(name), "cpu")
    predictor.set_image(steps(), 8.0, contrast=contrast)
    return predictor


def test_classes_of_both_are_known(pair: str) -> None:
    names = [(spec.id, spec.name) for spec in see(pair).classes]
    assert names == [(1, "bright"), (2, "dark"), (3, "bright (two)")]


def test_each_network_has_its_own_pixel_size_and_contrast(pair: str) -> None:
    predictor = see(pair, Contrast(100, 130))
    (beside,) = predictor.slice.beside
    assert predictor.slice.model_shape == (160, 192)
    assert beside.model_shape == (80, 96)
    assert beside.grey.max() == pytest.approx(240 / 255, abs=0.01)  # not clipped at 130
    assert predictor.slice.grey.max() == 1.0


def test_the_more_certain_network_is_right(pair: str) -> None:
    labels = see(pair).segment()
    middle = labels[:, 20:172]  # resampling blurs the ends of the bands
    assert set(np.unique(labels[:, :60])) == {2}
    assert set(np.unique(labels[:, 68:120])) == {1}
    assert set(np.unique(labels[:, 136:])) == {3}
    assert middle.dtype == np.uint8


def test_a_network_alone_finds_what_it_finds_without_the_other(pair: str) -> None:
    one, two = pair.split("+")
    together = see(pair)
    np.testing.assert_array_equal(together.segment(["bright"]), see(one).segment(["bright"]))
    alone = see(two).segment()
    np.testing.assert_array_equal(together.segment(["bright (two)"]) > 0, alone > 0)


def test_what_is_not_requested_takes_no_pixels_from_another_network(pair: str) -> None:
    """The bright class of the first is more certain nowhere, but it would hide the second."""
    predictor = see(pair)
    found = predictor.segment(["dark", "bright (two)"])
    assert set(np.unique(found[:, 136:])) == {3}
    assert set(np.unique(found[:, 68:120])) == {0}


def test_answers_are_remembered_by_what_was_requested(pair: str) -> None:
    predictor = see(pair)
    some = predictor.segment(["dark", "bright (two)"])
    every = predictor.segment()
    again = predictor.segment(["dark", "bright (two)"])
    assert (every == 1).any()
    np.testing.assert_array_equal(some, again)


def test_thresholds_count_for_networks_beside(pair: str) -> None:
    predictor = see(pair)
    from napari_scsam.steps import drive

    found = drive(predictor.segment_steps(["bright (two)"], {"bright (two)": 1e3}))
    assert not found.any()


def test_views_are_averaged_in_each_network(pair: str) -> None:
    predictor = see(pair)
    predictor.tta = True
    plain = see(pair).class_logits(["bright (two)"])
    averaged = predictor.class_logits(["bright (two)"])
    assert not np.array_equal(plain, averaged)
    assert np.abs(plain - averaged)[:, 40:120, 150:180].max() < 1.0


def test_probabilities_are_shares_within_a_network(pair: str) -> None:
    predictor = see(pair)
    competing = predictor.competing(predictor.classes)
    logits = predictor.class_logits([spec.name for spec in competing])
    rows = predictor.rows_by_network(competing)
    assert rows == [[0, 1], [2]]
    found = probability_bytes(logits, [0, 1, 2], rows)
    alone = 1 / (1 + np.exp(-logits[2].astype(float)))
    assert np.abs(found[2] / 255 - alone).max() < 0.003
    from napari_scsam.steps import drive

    share = drive(predictor.probability_steps("bright (two)"))
    assert np.abs(share - alone).max() < 1e-5


def test_the_hash_of_a_run_knows_the_networks_beside(pair: str, tmp_path: Path) -> None:
    one = pair.split("+", maxsplit=1)[0]
    three = imported(tmp_path, "three", [DARK], channels=("dark",))
    hashes = {networks_hash(load_checkpoint(name)) for name in (one, pair, f"{one}+{three}")}
    assert len(hashes) == 3


def test_a_network_that_is_loaded_twice_has_the_same_hash(pair: str) -> None:
    """So that a run is resumed, and done on workers."""
    for name in (pair, pair.split("+", maxsplit=1)[0]):
        assert networks_hash(load_checkpoint(name)) == networks_hash(load_checkpoint(name))


def test_a_class_of_a_network_beside_cannot_be_taught(pair: str) -> None:
    with pytest.raises(UserError, match="learns nothing from strokes"):
        see(pair).teach("Bright (two)", np.ones((160, 192), bool))
