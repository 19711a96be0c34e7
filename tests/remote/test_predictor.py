"""The same questions to a network on this thread and on a server in another process."""

from __future__ import annotations

import numpy as np
import pytest
from served import TINY, line_to

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.infer.patch import Patch
from napari_scsam.infer.predictor import Predictor
from napari_scsam.infer.propagate import propagate_steps
from napari_scsam.io.contrast import Contrast
from napari_scsam.remote.predictor import RemotePredictor
from napari_scsam.steps import drive

SIZE = (8.0, 8.0)


def picture(seed: int = 0, shape: tuple[int, int] = (150, 140), dtype=np.uint8) -> np.ndarray:
    """Blobs with noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    grey = 120 + 60 * np.sin(rows / 13 + seed) * np.cos(columns / 17) + rng.normal(0, 12, shape)
    return np.clip(grey, 0, 255).astype(dtype)


@pytest.fixture
def both(server, own_model):
    """A network here, and the same one on a server."""
    with line_to(server) as line:
        remote = RemotePredictor(line)
        drive(remote.load_steps(TINY))
        yield Predictor(own_model, "cpu"), remote


def test_both_know_the_same_classes(both):
    here, there = both
    assert there.classes == here.classes
    assert there.own_classes == here.own_classes
    assert there.nm_per_pixel == here.model.config.nm_per_pixel
    assert there.device == "cpu on 127.0.0.1"


@pytest.mark.parametrize("dtype", [np.uint8, ">i2"])
def test_both_find_the_same_classes(both, dtype):
    answers = []
    for predictor in both:
        predictor.set_image(
            picture(dtype=dtype), SIZE, contrast=Contrast(20.0, 220.0), key=("layer", 3)
        )
        answers.append(
            [
                drive(predictor.segment_steps(None, {"vesicle": 0.1})),
                drive(predictor.segment_steps(["membrane"])),
                drive(predictor.logits_steps(["vesicle", "membrane"])),
                drive(predictor.probability_steps("vesicle")),
                drive(predictor.similarity_steps(predictor.classes[:2])),
            ]
        )
    for mine, theirs in zip(*answers, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


def test_both_average_the_same_views(both):
    answers = []
    for predictor in both:
        predictor.set_image(picture(shape=(48, 50)), SIZE)
        predictor.tta = True
        answers.append(drive(predictor.segment_steps()))
    np.testing.assert_array_equal(*answers)


def test_both_find_the_same_objects_and_refine_them(both):
    answers = []
    for predictor in both:
        predictor.set_image(picture(1), SIZE)
        first = predictor.predict_prompts([[40, 50]], [1])
        second = predictor.predict_prompts([[40, 50], [90, 20]], [1, 0], masks=first)
        third = predictor.predict_prompts(boxes=[[10, 10, 70, 60], [30, 40, 100, 110]])
        fourth = predictor.predict_prompts([[[40, 50]]], [[1]], [10, 10, 80, 90])
        answers.append([first, second, third, fourth])
    for mine, theirs in zip(*answers, strict=True):
        assert (mine.part, mine.shape) == (theirs.part, theirs.shape)
        np.testing.assert_array_equal(mine.inside, theirs.inside)
        np.testing.assert_array_equal(mine.masks, theirs.masks)
        np.testing.assert_array_equal(mine.quality, theirs.quality)


def test_both_learn_the_same_from_strokes(both):
    image = picture(2)
    on, beside = np.zeros(image.shape, bool), np.zeros(image.shape, bool)
    on[30:34, 20:60] = True
    beside[90:94, 20:90] = True
    answers = []
    for predictor in both:
        predictor.set_image(image, SIZE)
        spec = predictor.teach("granule", on, beside, replace_earlier=True)
        taught = predictor.taught(spec)
        labels = drive(predictor.segment_steps())
        predictor.restore_taught([])
        without = drive(predictor.segment_steps())
        predictor.restore_taught([taught])
        again = drive(predictor.segment_steps())
        answers.append([spec, taught, predictor.classes, labels, without, again])
    for mine, theirs in zip(*answers, strict=True):
        np.testing.assert_equal(mine, theirs)
    assert both[1].taught_names == {"granule"}


def test_both_propagate_the_same_object(both):
    images = [picture(3) + step for step in range(3)]
    mask = np.zeros((40, 40), bool)
    mask[5:35, 5:35] = True
    start = Patch(mask, 30, 40)
    found = []
    for predictor in both:
        slices = [predictor.prepare(image, SIZE) for image in images]
        predictor.set_slice(slices[0])
        beyond = list(enumerate(slices[1:], 1))
        if isinstance(predictor, RemotePredictor):
            steps = predictor.propagate_steps(slices[0], start, beyond, 2)
        else:
            steps = propagate_steps(predictor, slices[0], start, beyond, 2)
        found.append(drive(steps))
    mine, theirs = found
    assert (mine.stopped_at, mine.reason) == (theirs.stopped_at, theirs.reason)
    for one, other in zip(mine.sections, theirs.sections, strict=True):
        np.testing.assert_array_equal(one.patch.mask, other.patch.mask)
        assert (one.position, one.overlap, one.certainty) == (
            other.position,
            other.overlap,
            other.certainty,
        )


@pytest.mark.parametrize(
    "ask",
    [
        lambda p: p.segment(["nothing"]),
        lambda p: p.predict_prompts(),
        lambda p: p.predict_prompts([[1, 2], [3, 4]], [1]),
        lambda p: p.predict_prompts([[1, 2, 3]]),
        lambda p: p.predict_prompts(boxes=[1, 2, 3]),
        lambda p: p.teach("x", np.zeros((150, 140), bool)),
        lambda p: p.teach("x", np.ones((3, 4), bool)),
        lambda p: p.teach(ClassSpec(1, "x"), np.ones((150, 140), bool)),
        lambda p: p.set_image(np.zeros((3, 4, 5))),
        lambda p: drive(p.probability_steps("nothing")),
    ],
)
def test_both_say_the_same_of_a_mistake(both, ask):
    said = []
    for predictor in both:
        predictor.set_image(picture(), SIZE)
        with pytest.raises(UserError) as error:
            ask(predictor)
        said.append(str(error.value))
    assert said[0] == said[1]


def test_a_checkpoint_is_named_as_the_server_lists_it_and_never_by_a_path(server, tiny_folder):
    with line_to(server) as line:
        remote = RemotePredictor(line)
        for name in (
            f"../{tiny_folder.name}/{TINY}",
            "/etc/passwd",
            f"{TINY}%2e",
        ):
            with pytest.raises(UserError, match="no checkpoint"):
                drive(remote.load_steps(name))


def test_closing_the_steps_cancels_the_request_and_the_next_one_is_answered(both):
    _, there = both
    there.set_image(picture(5, (700, 700)), SIZE)
    steps = there.segment_steps()
    next(steps)
    steps.close()
    there.set_image(picture(5, (40, 40)), SIZE)
    assert there.segment().shape == (40, 40)
