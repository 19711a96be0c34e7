"""What becomes of the slices of a run."""

import numpy as np
import pytest

from napari_scsam.volume.answer import Answer, Working, inside_mask


def answer_of(labels, probabilities):
    return Answer(7, "hash", labels.copy, probabilities.copy)


def test_labels_and_probabilities_stay_inside_the_mask_alone():
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 5, (6, 7)).astype(np.uint8)
    probabilities = rng.integers(1, 255, (3, 6, 7)).astype(np.uint8)
    mask = rng.random((6, 7)) < 0.5
    masked = inside_mask(answer_of(labels, probabilities), mask)
    assert (masked.z, masked.pixels) == (7, "hash")
    np.testing.assert_array_equal(masked.labels(), labels * mask)
    np.testing.assert_array_equal(masked.probabilities(), probabilities * mask)


def test_nothing_is_computed_before_it_is_asked_for():
    def never():
        raise AssertionError

    masked = inside_mask(Answer(0, "", never, never), np.ones((2, 2), bool))
    with pytest.raises(AssertionError):
        masked.labels()


@pytest.mark.parametrize(
    ("step", "words"),
    [(Working(3, 40), "3 of 40 pictures"), (Working(3, 40, "sending slice 9"), "sending slice 9")],
)
def test_shared_work_is_said_in_words(step, words):
    assert step.describe() == words
