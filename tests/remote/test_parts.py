"""Values that messages are made of: what is in range, and what is not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from napari_scsam.remote.asked import FineTune, LabelSlice, PutTraining, Segment
from napari_scsam.remote.parts import MOST_NAMES, SliceRef, Spec, TaughtSpec

DIGEST = "0123456789abcdef" * 2
REF = {"pixels": DIGEST}
SPEC = {"id": 3, "name": "granule"}
TUNE = {"id": 1, "job": DIGEST, "classes": {"1": "a"}, "slices": 1}
PUT = {"id": 1, "job": DIGEST, "kind": "image", "z": 0}
RUN = {"id": 1, "run": DIGEST, "z": 0, "contrast": (0.0, 1.0), "classes": ()}
NAN = float("nan")


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (SliceRef, REF, {"pixels": DIGEST[:-1]}),
        (SliceRef, REF, {"pixels": DIGEST.upper()}),
        (SliceRef, REF, {"pixels": "../" + DIGEST[3:]}),
        (SliceRef, REF, {"pixels": DIGEST + "\n"}),
        (SliceRef, REF, {"pixel_size": (0.0, 1.0)}),
        (SliceRef, REF, {"pixel_size": (NAN, 1.0)}),
        (SliceRef, REF, {"contrast": (NAN, 1.0)}),
        (SliceRef, REF, {"contrast": (0.0,)}),
        (SliceRef, REF, {"name": "x" * 301}),
        (SliceRef, REF, {"path": "/etc/passwd"}),
        (Spec, SPEC, {"id": 0}),
        (Spec, SPEC, {"id": 2**31}),
        (Spec, SPEC, {"id": True}),
        (Spec, SPEC, {"id": 3.0}),
        (Spec, SPEC, {"reach": -1.0}),
        (Spec, SPEC, {"overrides": ("x",) * (MOST_NAMES + 1)}),
        (TaughtSpec, {"spec": Spec(**SPEC), "prototype": (0.5,)}, {"prototype": (NAN,)}),
        (TaughtSpec, {"spec": Spec(**SPEC), "prototype": (0.5,)}, {"prototype": (0.0,) * 4097}),
        (FineTune, TUNE, {"slices": 0}),
        (FineTune, TUNE, {"slices": 100_001}),
        (FineTune, TUNE, {"classes": {}}),
        (FineTune, TUNE, {"minutes": 0.0}),
        (FineTune, TUNE, {"minutes": 1441.0}),
        (FineTune, TUNE, {"minutes": NAN}),
        (FineTune, TUNE, {"job": "../" * 10 + "ab"}),
        (FineTune, TUNE, {"settings": {"seed": [1]}}),
        (FineTune, TUNE, {"checkpoint": "/etc/passwd"}),
        (
            LabelSlice,
            {**RUN, "planes": {0: DIGEST}},
            {"planes": dict.fromkeys(range(2001), DIGEST)},
        ),
        (LabelSlice, {**RUN, "planes": {0: DIGEST}}, {"planes": {-1: DIGEST}}),
        (LabelSlice, {**RUN, "planes": {0: DIGEST}}, {"z": -1}),
        (Segment, {"id": 1, "slice": SliceRef(**REF)}, {"id": -1}),
        (Segment, {"id": 1, "slice": SliceRef(**REF)}, {"id": 2**53 + 1}),
        (Segment, {"id": 1, "slice": SliceRef(**REF)}, {"offsets": {"a": float("inf")}}),
    ],
)
def test_a_value_that_is_out_of_its_range_or_unknown_is_refused(kind, good, bad):
    assert kind(**good)
    with pytest.raises(ValidationError):
        kind(**{**good, **bad})


@pytest.mark.parametrize("bad", [{"kind": "../job"}, {"kind": "IMAGE"}, {"z": -1}, {"z": "0"}])
def test_a_slice_of_a_training_names_no_other_file(bad):
    with pytest.raises(ValidationError) as error:
        PutTraining(**{**PUT, **bad}, array=None)
    assert next(iter(bad)) in {each["loc"][0] for each in error.value.errors()}


def test_values_cannot_be_changed_afterwards():
    ref = SliceRef(**REF)
    with pytest.raises(ValidationError):
        ref.name = "other"
