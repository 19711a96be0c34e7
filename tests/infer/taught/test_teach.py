"""Classes that a predictor is taught by strokes."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch

from napari_scsam.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from napari_scsam.checkpoints.find import checkpoint_info
from napari_scsam.config import ClassSpec, TaughtClass, UserError
from napari_scsam.infer.postprocess import overlay_taught
from napari_scsam.infer.predictor import Predictor
from napari_scsam.infer.taught.teach import Taught
from napari_scsam.model import ScSAM, ScSAMConfig


@pytest.fixture
def predictor(model: ScSAM) -> Predictor:
    return Predictor(model, device="cpu")


def strokes(shape: tuple[int, int], *parts: tuple[slice, slice]) -> np.ndarray:
    marks = np.zeros(shape, bool)
    for part in parts:
        marks[part] = True
    return marks


def teach(predictor: Predictor, image: np.ndarray) -> tuple[ClassSpec, np.ndarray, np.ndarray]:
    """Teach the bright square of an image by a stroke on it and two beside it."""
    foreground = strokes(image.shape, np.s_[30:36, 24:44])
    background = strokes(image.shape, np.s_[4:60, 2:5], np.s_[4:60, 70:73])
    return predictor.teach("granule", foreground, background), foreground, background


def reread(known: TaughtClass) -> TaughtClass:
    return TaughtClass.from_dict(json.loads(json.dumps(known.to_dict())))


@pytest.fixture
def square() -> np.ndarray:
    image = np.random.default_rng(0).integers(0, 60, (64, 150)).astype(np.uint8)
    image[16:48, 16:52] += 180
    return image


@pytest.fixture
def truth() -> np.ndarray:
    return strokes((64, 150), np.s_[16:48, 16:52])


def test_a_taught_class_is_found_and_others_stay_as_they_were(
    predictor: Predictor,
    embedded: list[tuple[int, ...]],
    square: np.ndarray,
    truth: np.ndarray,
) -> None:
    predictor.set_image(square)
    before = predictor.class_logits()
    spec, foreground, background = teach(predictor, square)
    assert (spec.id, spec.name, spec.overrides) == (6, "granule", ())
    assert predictor.classes[-1] == spec
    granule = predictor.class_logits(["granule"])[0]
    assert (granule[foreground] > 0).all()
    assert (granule[background] < 0).all()
    found = granule > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.6
    np.testing.assert_array_equal(predictor.class_logits()[:3], before)
    assert set(np.unique(predictor.segment(["granule"]))) <= {0, 6}
    assert len(embedded) == len(predictor.tiles())


def test_a_taught_class_takes_pixels_only_where_it_is_asked_for(
    predictor: Predictor, square: np.ndarray
) -> None:
    predictor.set_image(square)
    predictor.model.thresholds[:] = 1000  # the network finds nothing
    own = [c.name for c in predictor.classes]
    teach(predictor, square)
    found = predictor.class_logits(["granule"])[0] > 0
    assert (predictor.segment(own) == 0).all()
    np.testing.assert_array_equal(predictor.segment(["granule"]) == 6, found)
    assert found.any()


def test_a_class_that_the_network_is_surer_of_keeps_its_pixels() -> None:
    labels = np.array([[1, 1, 2, 0]], np.uint8)
    own = np.array([[[3.0, 0.5, -9, -9]], [[-9, -9, 3.0, -9]]], np.float32)
    taught = np.array([[[2.0, 2.0, -1.0, 2.0]]], np.float32)
    classes = [ClassSpec(1, "a"), ClassSpec(2, "b")]
    found = overlay_taught(labels, (own, classes), (taught, [ClassSpec(7, "new")]))
    np.testing.assert_array_equal(found, [[1, 7, 2, 7]])
    doubtful = overlay_taught(
        labels, (own, classes), (taught, [ClassSpec(7, "new")]), lambda *_: 0.5
    )
    np.testing.assert_array_equal(doubtful, [[7, 7, 2, 7]])


def test_a_class_that_the_network_found_under_the_strokes_is_believed_less(
    predictor: Predictor, square: np.ndarray
) -> None:
    predictor.set_image(square)
    # The network is certain of its second class, everywhere.
    predictor.model.thresholds[:] = torch.tensor([1000.0, -1000.0, 1000.0])
    spec, *_ = teach(predictor, square)
    found = predictor.class_logits(["granule"])[0] > 0
    np.testing.assert_array_equal(predictor.segment() == spec.id, found)
    again = Predictor(copy.deepcopy(predictor.model), device="cpu")
    again.set_image(square)
    np.testing.assert_array_equal(again.segment(["granule"]) == spec.id, found)


def test_a_threshold_offset_finds_less_of_a_taught_class(
    predictor: Predictor, square: np.ndarray
) -> None:
    from napari_scsam.steps import drive

    predictor.set_image(square)
    teach(predictor, square)
    sizes = [
        np.count_nonzero(drive(predictor.segment_steps(["granule"], {"granule": offset})))
        for offset in (-2.0, 0.0, 2.0, 1000.0)
    ]
    assert sizes[0] >= sizes[1] >= sizes[2] > sizes[3] == 0


def test_strokes_add_up_over_slices_until_a_class_is_forgotten(
    predictor: Predictor, square: np.ndarray
) -> None:
    predictor.set_image(square)
    spec, *_ = teach(predictor, square)
    first, known = predictor.class_logits(["granule"]), predictor.taught(spec)
    predictor.set_image(square[::-1])
    nothing, beside = np.zeros(square.shape, bool), strokes(square.shape, np.s_[20:40, 20:48])
    assert predictor.teach("Granule", nothing, beside) == spec
    predictor.set_image(square)
    assert not np.allclose(first, predictor.class_logits(["granule"]))
    predictor.restore_taught([known])
    np.testing.assert_allclose(predictor.class_logits(["granule"]), first, atol=0.05)
    predictor.restore_taught([])
    with pytest.raises(UserError, match="no stroke marks the new class"):
        predictor.teach("granule", nothing, beside)
    assert len(predictor.classes) == 3


def test_the_same_strokes_again_change_nothing(predictor: Predictor, square: np.ndarray) -> None:
    predictor.set_image(square)
    _, foreground, background = teach(predictor, square)
    first = predictor.class_logits(["granule"])
    predictor.teach("granule", foreground, background)
    np.testing.assert_allclose(predictor.class_logits(["granule"]), first, atol=1e-4)


def test_a_stroke_that_was_erased_counts_no_more(predictor: Predictor, square: np.ndarray) -> None:
    predictor.set_image(square)
    _, foreground, background = teach(predictor, square)
    first = predictor.class_logits(["granule"])
    slip = strokes(square.shape, np.s_[50:56, 100:140])
    predictor.teach("granule", foreground | slip, background, replace_earlier=True)
    with_slip = predictor.class_logits(["granule"])
    assert with_slip[0][slip].mean() > first[0][slip].mean()
    predictor.restore_taught([])
    predictor.teach("granule", foreground | slip, background)
    predictor.teach("granule", foreground, background, replace_earlier=True)
    np.testing.assert_allclose(predictor.class_logits(["granule"]), first, atol=1e-4)


def test_undoing_a_stroke_gives_back_the_answer_before(
    predictor: Predictor, square: np.ndarray
) -> None:
    """Strokes come one by one, as in a window, and one beside the class is undone."""
    predictor.set_image(square)
    _, on, beside = teach(predictor, square)
    answers = []
    slip = strokes(square.shape, np.s_[20:44, 130:134])
    for marks in (beside, beside | slip, beside):
        predictor.teach("granule", on, marks, replace_earlier=True)
        answers.append(predictor.class_logits(["granule"]))
    assert not np.array_equal(answers[1], answers[0])
    np.testing.assert_array_equal(answers[2], answers[0])


def test_strokes_beside_a_class_may_come_first(predictor: Predictor, square: np.ndarray) -> None:
    predictor.set_image(square)
    _, on, beside = teach(predictor, square)
    expected = predictor.class_logits(["granule"])
    predictor.restore_taught([])
    nothing = np.zeros_like(on)
    with pytest.raises(UserError, match="no stroke marks"):
        predictor.teach("granule", nothing, beside, replace_earlier=True)
    predictor.teach("granule", on, beside, replace_earlier=True)
    np.testing.assert_allclose(predictor.class_logits(["granule"]), expected, atol=1e-4)


def test_a_known_class_is_sharpened_by_strokes(
    predictor: Predictor, square: np.ndarray, truth: np.ndarray
) -> None:
    predictor.set_image(square)
    network = predictor.class_logits(["membrane"])
    spec = predictor.teach(
        "Membrane",
        strokes(square.shape, np.s_[30:36, 24:44], np.s_[20:24, 24:44], np.s_[40:44, 24:44]),
        strokes(square.shape, np.s_[4:60, 70:73], np.s_[4:60, 90:93], np.s_[4:60, 110:113]),
    )
    assert spec.id == 2
    assert len(predictor.classes) == 3
    found = predictor.class_logits(["membrane"])[0] > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.6
    predictor.restore_taught([])
    np.testing.assert_array_equal(predictor.class_logits(["membrane"]), network)


def test_strokes_on_a_known_class_keep_what_the_network_finds(
    predictor: Predictor, square: np.ndarray, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = np.full(square.shape, -4, np.float32)
    network[8:56, 60:140] = 4  # where the image shows nothing
    monkeypatch.setattr(Taught, "_network_answer", lambda *_: network)
    predictor.set_image(square)
    row = [c.name for c in predictor.classes].index("membrane")
    own = predictor.model.class_prompt.prototypes[row].detach().clone()
    on = strokes(square.shape, np.s_[20:24, 70:130], np.s_[40:44, 70:130])
    beside = strokes(square.shape, np.s_[4:60, 2:5], np.s_[30:34, 20:48])
    for _ in range(3):
        predictor.teach("membrane", on, beside)
    level = float(predictor.model.thresholds[row])
    found = predictor.class_logits(["membrane"])[0] > level
    assert 2 * (found & (network > 0)).sum() / (found.sum() + (network > 0).sum()) > 0.85
    torch.testing.assert_close(predictor.model.class_prompt.prototypes[row], own)
    path = tmp_path / "mine.safetensors"
    save_checkpoint(path, predictor.model, summary="", licence="", training={})
    again = Predictor(load_checkpoint(path), device="cpu")
    again.set_image(square)
    np.testing.assert_array_equal(again.segment(["membrane"]), predictor.segment(["membrane"]))
    assert again.teach("membrane", on, beside).name == "membrane"


def test_corrections_do_not_make_another_class_less_believed(
    predictor: Predictor, square: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.zeros(square.shape, np.uint8)
    rows[:, 80:] = 2  # the network finds its second class in the right half
    monkeypatch.setattr(Taught, "_network_rows", lambda *_: rows)
    predictor.set_image(square)
    spec, _, background = teach(predictor, square)
    predictor.teach("granule", strokes(square.shape, np.s_[50:54, 100:120]))
    believed = [predictor._taught.belief(spec, other) for other in predictor.own_classes]
    assert believed == [1, 1, 1]
    predictor.restore_taught([])
    predictor.teach("granule", strokes(square.shape, np.s_[50:56, 100:120]), background)
    believed = [predictor._taught.belief(spec, other) for other in predictor.own_classes]
    assert believed == [1, 0, 1]


def test_the_only_class_of_a_network_is_taught_again(square: np.ndarray) -> None:
    predictor = Predictor(
        ScSAM(ScSAMConfig(nm_per_pixel=8.0, tile=128), [ClassSpec(1, "granule")]), device="cpu"
    )
    predictor.set_image(square)
    assert predictor.teach("granule", strokes(square.shape, np.s_[30:36, 24:44])).id == 1
    assert predictor.segment().any()


def test_a_class_may_be_taught_with_an_id_of_its_own(
    predictor: Predictor, square: np.ndarray
) -> None:
    predictor.set_image(square)
    spec = predictor.teach(ClassSpec(9, "granule"), strokes(square.shape, np.s_[30:36, 24:44]))
    assert (spec.id, predictor.classes[-1]) == (9, spec)
    assert predictor.taught(spec).spec == spec


def test_taught_classes_are_known_again_elsewhere(model: ScSAM, square: np.ndarray) -> None:
    fresh = copy.deepcopy(model)
    predictor = Predictor(model, device="cpu")
    predictor.set_image(square)
    spec, *_ = teach(predictor, square)
    again = Predictor(fresh, device="cpu")
    again.set_image(square)
    before = again.class_logits()
    again.restore_taught([reread(predictor.taught(spec))])
    assert again.classes == predictor.classes
    np.testing.assert_allclose(again.class_logits(), predictor.class_logits(), rtol=1e-5, atol=1e-5)
    again.restore_taught([])
    assert len(again.classes) == 3
    np.testing.assert_array_equal(again.class_logits(), before)


def test_a_checkpoint_keeps_what_strokes_taught(
    predictor: Predictor, square: np.ndarray, tmp_path
) -> None:
    predictor.set_image(square)
    teach(predictor, square)
    path = tmp_path / "mine.safetensors"
    save_checkpoint(path, predictor.model, summary="", licence="", training={})
    assert [c.name for c in checkpoint_info(path).classes][-1] == "granule"
    again = Predictor(load_checkpoint(path), device="cpu")
    again.set_image(square)
    np.testing.assert_array_equal(again.segment(["granule"]), predictor.segment(["granule"]))


def test_a_class_with_a_prototype_alone_is_restored(
    predictor: Predictor, square: np.ndarray
) -> None:
    """As version 0.1 stored it."""
    predictor.set_image(square)
    prototype = tuple(np.eye(256)[3].tolist())
    predictor.restore_taught([TaughtClass(ClassSpec(7, "old"), prototype)])
    assert predictor.taught(predictor.classes[-1]) == TaughtClass(ClassSpec(7, "old"), prototype)
    assert predictor.class_logits(["old"]).shape == (1, 64, 150)


def test_damaged_lessons_are_told(predictor: Predictor) -> None:
    known = TaughtClass(ClassSpec(7, "old"), (0.0,) * 256, "bm90aGluZw==")
    with pytest.raises(UserError, match="what strokes taught is damaged; teach the class again"):
        predictor.restore_taught([known])


def test_a_thin_stroke_survives_resampling(predictor: Predictor, square: np.ndarray) -> None:
    predictor.set_image(square, voxel_size=(2, 2))
    assert predictor.slice.grey.shape == (16, 38)
    predictor.teach("granule", strokes(square.shape, np.s_[30, 24:26]))
    assert predictor.class_logits(["granule"]).shape == (1, *square.shape)


@pytest.mark.parametrize("which", ["foreground", "background"])
def test_strokes_of_another_shape_are_told(
    predictor: Predictor, square: np.ndarray, which: str
) -> None:
    predictor.set_image(square)
    marks = {
        "foreground": strokes(square.shape, np.s_[30, 30]),
        "background": strokes(square.shape, np.s_[3, 3]),
    }
    marks[which] = marks[which][:, :-1]
    with pytest.raises(
        UserError,
        match=r"the strokes have shape \(64, 149\) but the slice has \(64, 150\); draw them",
    ):
        predictor.teach("granule", **marks)


def test_no_strokes_are_told(predictor: Predictor, square: np.ndarray) -> None:
    predictor.set_image(square)
    with pytest.raises(UserError, match="no stroke marks the new class"):
        predictor.teach("granule", np.zeros(square.shape))
    assert len(predictor.classes) == 3


def test_strokes_that_leave_nothing_free_are_told(predictor: Predictor, square: np.ndarray) -> None:
    predictor.set_image(square)
    with pytest.raises(UserError, match="the strokes cover the whole slice"):
        predictor.teach("granule", np.ones(square.shape))
    assert len(predictor.classes) == 3
