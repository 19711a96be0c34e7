"""Classes that a predictor is taught by strokes."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from napari_scsam.config import ClassSpec, TaughtClass, UserError
from napari_scsam.infer.predictor import Predictor
from napari_scsam.infer.prototype import Example, fit_prototype
from napari_scsam.infer.teach import MIN_SHARE_TO_OVERRIDE, stroke_marks
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


def disagreement(logits: np.ndarray, foreground: np.ndarray, background: np.ndarray) -> float:
    """Cross-entropy under the strokes, both sides weighing the same."""
    return float(
        np.logaddexp(0, -logits[foreground]).mean() + np.logaddexp(0, logits[background]).mean()
    )


@pytest.fixture
def square() -> np.ndarray:
    image = np.random.default_rng(0).integers(0, 60, (64, 150)).astype(np.uint8)
    image[16:48, 16:52] += 180
    return image


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teach in a hurry."""
    monkeypatch.setattr("napari_scsam.infer.prototype.STEPS", 8)


def test_a_taught_class_agrees_with_the_strokes(
    predictor: Predictor, embedded: list[tuple[int, ...]], square: np.ndarray
) -> None:
    predictor.set_image(square)
    before = predictor.class_logits()
    spec, foreground, background = teach(predictor, square)
    assert (spec.id, spec.name) == (6, "granule")
    assert predictor.classes[-1] == spec
    granule = predictor.class_logits(["granule"])[0]
    assert granule[foreground].mean() > granule[background].mean()
    assert disagreement(granule, foreground, background) < min(
        disagreement(m, foreground, background) for m in before
    )
    np.testing.assert_array_equal(predictor.class_logits()[:3], before)
    assert set(np.unique(predictor.segment(["granule"]))) <= {0, 6}
    assert len(embedded) == len(predictor.tiles())


def test_a_taught_class_takes_pixels_only_where_it_is_asked_for(
    predictor: Predictor, square: np.ndarray, few_steps: None
) -> None:
    predictor.set_image(square)
    own = [c.name for c in predictor.classes]
    before = predictor.segment()
    teach(predictor, square)
    predictor.model.thresholds[-1] = -100  # found everywhere, and likelier than anything
    np.testing.assert_array_equal(predictor.segment(own), before)
    assert (predictor.segment() == 6).all()
    assert (predictor.segment(["granule"]) == 6).all()
    np.testing.assert_array_equal(predictor.segment(own), before)


def test_what_the_network_finds_under_the_strokes_yields(
    predictor: Predictor, square: np.ndarray, few_steps: None
) -> None:
    predictor.set_image(square)
    predictor.model.thresholds[:] = torch.tensor(
        [100, -100, 100]
    )  # the second class is found everywhere, and nothing else is
    own = [c.name for c in predictor.classes]
    spec, *_ = teach(predictor, square)
    assert spec.overrides == (own[1],)
    found = predictor.class_logits(["granule"])[0] > 0
    assert found.any()
    assert not found.all()
    np.testing.assert_array_equal(predictor.segment(["granule"]) == spec.id, found)
    np.testing.assert_array_equal(predictor.segment() == spec.id, found)
    assert (predictor.segment(own) == predictor.classes[1].id).all()
    predictor.restore_taught(
        [TaughtClass.from_dict(json.loads(json.dumps(predictor.taught(spec).to_dict())))]
    )
    assert predictor.classes[-1].overrides == spec.overrides
    predictor.model.thresholds[1] = 100  # now nowhere, and taught again it need not yield
    assert predictor.teach("granule", strokes(square.shape, np.s_[30:36, 24:44])).overrides == ()


@pytest.mark.parametrize(
    ("found", "overrides"), [(19, ()), (20, ("membrane",)), (21, ("membrane",))]
)
def test_a_class_under_a_fifth_of_the_strokes_is_overridden(
    predictor: Predictor,
    square: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    found: int,
    overrides: tuple[str, ...],
) -> None:
    assert MIN_SHARE_TO_OVERRIDE == 0.2
    stroke = np.s_[20:30, 20:30]  # 100 pixels
    logits = np.full((1, 3, 64, 64), -1, np.float32)
    logits[0, 1][stroke] = np.where(np.arange(100).reshape(10, 10) < found, 1, -1)
    monkeypatch.setattr(predictor, "decode", lambda *_: logits)
    monkeypatch.setattr("napari_scsam.infer.teach.fit_prototype", lambda *_: torch.ones(256))
    predictor.set_image(square[:, :64])
    spec = predictor.teach("granule", strokes((64, 64), stroke))
    assert spec.overrides == overrides


def test_teaching_again_forgets_the_old_answer(
    predictor: Predictor, square: np.ndarray, few_steps: None
) -> None:
    predictor.set_image(square)
    teach(predictor, square)
    first = predictor.class_logits(["granule"])
    spec = predictor.teach(
        "Granule",
        strokes(square.shape, np.s_[2:6, 100:140]),
        strokes(square.shape, np.s_[30:36, 24:44]),
    )
    assert spec.id == 6
    assert len(predictor.classes) == 4
    assert not np.allclose(first, predictor.class_logits(["granule"]))


def test_strokes_add_up_until_a_class_is_forgotten(
    predictor: Predictor, square: np.ndarray, few_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[tuple[int, int]] = []

    def fit(model: ScSAM, examples: Sequence[Example]) -> torch.Tensor:
        learned.append(
            (sum(int(f.sum()) for _, f, _ in examples), sum(int(b.sum()) for *_, b in examples))
        )
        return fit_prototype(model, examples)

    monkeypatch.setattr("napari_scsam.infer.teach.fit_prototype", fit)
    nothing, beside = np.zeros(square.shape, bool), strokes(square.shape, np.s_[50:60, 4:8])
    predictor.set_image(square)
    spec, foreground, background = teach(predictor, square)
    before, known = predictor.class_logits(["granule"]), predictor.taught(spec)
    predictor.set_image(square[::-1])
    assert predictor.teach("Granule", nothing, beside) == spec
    predictor.set_image(square)
    assert not np.allclose(before, predictor.class_logits(["granule"]))
    (inside, outside), (inside_again, outside_again) = learned
    assert inside_again == inside >= foreground.sum(), "a stroke where tiles overlap is in both"
    assert outside >= background.sum()
    assert outside_again >= outside + beside.sum()
    predictor.restore_taught([predictor.taught(spec)])
    predictor.teach("granule", nothing, beside)
    assert learned[-1][0] == inside
    predictor.restore_taught([known])  # as it was first, so that what came since does not count
    with pytest.raises(UserError, match="no stroke marks the new class"):
        predictor.teach("granule", nothing, beside)


def test_only_the_latest_strokes_are_learned_from(
    predictor: Predictor, square: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[tuple[int, int]] = []

    def fit(_: ScSAM, examples: Sequence[Example]) -> torch.Tensor:
        shown = sum(bool(foreground.any()) for _, foreground, _ in examples)
        learned.append((shown, len(examples) - shown))
        return torch.ones(256)

    monkeypatch.setattr("napari_scsam.infer.teach.fit_prototype", fit)
    monkeypatch.setattr("napari_scsam.infer.teach.MAX_TILES", 3)
    predictor.set_image(square)
    nothing, across = np.zeros(square.shape, bool), strokes(square.shape, np.s_[30:36, 4:145])
    for marks in ((across, nothing), (nothing, across), (nothing, across), (across, nothing)):
        predictor.teach("granule", *marks)
    assert len(predictor.tiles()) == 2
    assert learned == [(2, 0), (2, 2), (2, 3), (3, 3)], (
        "however much shows what it is not, what shows the class is not forgotten"
    )


def test_the_only_class_of_a_network_is_taught_again(square: np.ndarray, few_steps: None) -> None:
    predictor = Predictor(
        ScSAM(ScSAMConfig(nm_per_pixel=8.0, tile=128), [ClassSpec(1, "granule")]), device="cpu"
    )
    predictor.set_image(square)
    assert predictor.teach("granule", strokes(square.shape, np.s_[30:36, 24:44])).overrides == ()


def test_a_class_may_be_taught_with_an_id_of_its_own(
    predictor: Predictor, square: np.ndarray, few_steps: None
) -> None:
    predictor.set_image(square)
    spec = predictor.teach(ClassSpec(9, "granule"), strokes(square.shape, np.s_[30:36, 24:44]))
    assert (spec.id, predictor.classes[-1]) == (9, spec)
    assert predictor.taught(spec).spec == spec


def test_a_taught_class_is_known_again(model: ScSAM, square: np.ndarray, few_steps: None) -> None:
    fresh = copy.deepcopy(model)
    predictor = Predictor(model, device="cpu")
    predictor.set_image(square)
    spec, *_ = teach(predictor, square)
    renewed = predictor.teach("Membrane", strokes(square.shape, np.s_[2:6, 100:140]))
    known = [
        TaughtClass.from_dict(json.loads(json.dumps(predictor.taught(c).to_dict())))
        for c in (spec, renewed)
    ]
    again = Predictor(fresh, device="cpu")
    again.set_image(square)
    before = again.class_logits()
    again.restore_taught(known)
    assert again.classes == predictor.classes
    np.testing.assert_allclose(again.class_logits(), predictor.class_logits(), rtol=1e-5)
    again.restore_taught([])
    assert len(again.classes) == 3
    np.testing.assert_array_equal(again.class_logits(), before)


def test_the_thinnest_stroke_survives_resampling(predictor: Predictor, square: np.ndarray) -> None:
    predictor.set_image(square, voxel_size=(2, 2))
    assert predictor.slice.grey.shape == (16, 38)
    marks = stroke_marks(predictor.slice, strokes(square.shape, np.s_[30, 24:44]), None)
    assert marks.shape == (2, 16, 38)
    assert set(np.unique(marks[0])) == {0, 1}
    assert marks[0].sum() == marks[0, 7, 6:12].sum() >= 5
    assert not marks[1].any()


def test_a_stroke_against_counts_wherever_it_is(
    predictor: Predictor, square: np.ndarray, few_steps: None
) -> None:
    predictor.set_image(square)
    foreground = strokes(square.shape, np.s_[30:36, 4:10])  # in the left tile alone
    far = strokes(square.shape, np.s_[10:50, 145:150])  # in the right tile alone
    predictor.teach("near", foreground)
    predictor.teach("not far", foreground, far)
    near, not_far = predictor.class_logits(["near", "not far"])
    assert not_far[far].mean() < near[far].mean()


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
        match=r"the strokes have shape \(64, 149\) but the slice has \(64, 150\); draw them on this slice",
    ):
        predictor.teach("granule", **marks)


def test_no_strokes_are_told(predictor: Predictor, square: np.ndarray) -> None:
    predictor.set_image(square)
    with pytest.raises(UserError, match="no stroke marks the new class"):
        predictor.teach("granule", np.zeros(square.shape))
    assert len(predictor.classes) == 3
