from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from embedded import is_embedded
from torch import Tensor, nn
from torch.nn import functional as F

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.infer.predictor import Predictor
from napari_scsam.io.contrast import Contrast
from napari_scsam.model import Embedding, EncoderFeatures, ScSAM, ScSAMConfig
from napari_scsam.steps import Progress, drive


@pytest.fixture
def predictor(model: ScSAM) -> Predictor:
    return Predictor(model, device="cpu")


class Eye(nn.Module):
    """Stands in for the network where places matter: a class is what is brighter than its threshold, an object a disc or a box."""

    def __init__(self, tile: int, nm_per_pixel: float | None = None) -> None:
        super().__init__()
        self.config = ScSAMConfig(tile=tile, nm_per_pixel=nm_per_pixel, detail=False)
        self.classes = (ClassSpec(1, "bright"), ClassSpec(2, "dark"))
        self.lessons: dict[str, str] = {}
        self.beside = ()
        self.class_prompt = nn.Module()
        self.class_prompt.prototypes = nn.Parameter(torch.tensor([[1.0], [-1.0]]))
        self.temperature, self.thresholds = torch.ones(()), torch.zeros(2)
        self.class_biases = torch.zeros(2)

    def calibrated(self, logits: Tensor, _rows: Sequence[int] | None = None) -> Tensor:
        return logits

    def encode(self, image: Tensor) -> EncoderFeatures:
        return EncoderFeatures(image, (image,))

    def fuse(self, features: EncoderFeatures) -> Embedding:
        return Embedding(features.sam, features.sam, features.sam[:, :0])

    def class_logits(self, embedding: Embedding, rows: Sequence[int]) -> Tensor:
        prototypes = self.class_prompt.prototypes[list(rows)]
        return F.avg_pool2d((embedding.fused - 0.5) * prototypes.view(1, -1, 1, 1), 2)

    def prompt_logits(
        self, embedding: Embedding, points=None, boxes=None, _masks=None
    ) -> tuple[Tensor, Tensor]:
        height, width = embedding.fused.shape[2:]
        y, x = torch.meshgrid(
            torch.arange(0.5, height, 2) + 0.5, torch.arange(0.5, width, 2) + 0.5, indexing="ij"
        )
        if boxes is not None:
            maps = [
                torch.stack([x - x0, x1 - x, y - y0, y1 - y]).amin(0) for x0, y0, x1, y1 in boxes
            ]
        else:
            maps = [
                8 - ((x - middle[0]) ** 2 + (y - middle[1]) ** 2).sqrt()
                for middle in points[0].mean(1) + 0.5
            ]
        logits = torch.stack(maps)[None]
        return logits, torch.linspace(0, 1, len(maps))[None]


def see(
    image: np.ndarray, tile: int, voxel_size=None, nm_per_pixel: float | None = None
) -> Predictor:
    predictor = Predictor(Eye(tile, nm_per_pixel), device="cpu")
    predictor.set_image(image, voxel_size, contrast=Contrast(0, 255))
    return predictor


DTYPES = ["u1", "u2", "i4", "i8", "f2", "f4", "f8", ">u2", ">i4", ">f4", ">f8"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_labels_are_class_ids_whatever_the_dtype(
    predictor: Predictor, blobs: np.ndarray, dtype: str
) -> None:
    image = blobs[:48, :70].astype(dtype)
    predictor.set_image(image)
    labels, logits = predictor.segment(), predictor.class_logits()
    assert (labels.shape, labels.dtype) == ((48, 70), np.uint8)
    assert (logits.shape, logits.dtype) == ((3, 48, 70), np.float32)
    assert set(np.unique(labels)) <= {0, 1, 2, 5}
    predictor.set_image(blobs[:48, :70])
    np.testing.assert_allclose(logits, predictor.class_logits(), atol=1e-5)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (np.zeros((0, 5), np.uint8), r"the image is empty \(shape \(0, 5\)\)"),
        (np.full((32, 32), 7), r"the image is constant \(every sampled pixel is 7\)"),
        (np.full((32, 32), np.nan), "the image holds only NaN or infinite values"),
        (
            np.zeros((32, 32, 3), np.uint8),
            r"the image is colour \(shape \(32, 32, 3\)\); convert it to grey",
        ),
        (np.zeros((32, 32, 4), np.uint8), "the image is colour"),
        (
            np.zeros((9, 32, 32)),
            r"the image has 3 axes \(shape \(9, 32, 32\)\); give one slice with two",
        ),
        (np.zeros((2, 9, 32, 32)), "the image has 4 axes"),
        (np.zeros(9), "the image has 1 axes"),
        (np.zeros((32, 32), complex), "the image has dtype complex128; give integers or floats"),
        (np.zeros((32, 32), bool), "the image has dtype bool; give integers or floats"),
        (np.full((2, 2), "a"), "the image has dtype <U1; give integers or floats"),
        (None, "the image has 0 axes"),
    ],
)
def test_what_is_no_grey_slice_is_told(
    predictor: Predictor, image: np.ndarray, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        predictor.set_image(image)
    with pytest.raises(UserError, match="no image is set; call set_image first"):
        predictor.segment()


def test_an_empty_slice_is_told_even_when_the_contrast_is_known(predictor: Predictor) -> None:
    with pytest.raises(UserError, match="the image is empty"):
        predictor.set_image(np.zeros((5, 0)), contrast=Contrast(0, 1))


def test_some_nan_and_infinite_pixels_do_no_harm(predictor: Predictor, blobs: np.ndarray) -> None:
    image = blobs[:48, :70].astype(float)
    image[3, 4], image[5, 6], image[7, 8] = np.nan, np.inf, -np.inf
    predictor.set_image(image)
    assert np.isfinite(predictor.class_logits()).all()


def test_a_flat_slice_of_a_volume_is_an_image_too(predictor: Predictor) -> None:
    predictor.set_image(np.full((20, 33), 7), contrast=Contrast(0, 255))
    assert predictor.segment().shape == (20, 33)


def test_unknown_classes_are_told(predictor: Predictor, blobs: np.ndarray) -> None:
    predictor.set_image(blobs[:32, :32])
    with pytest.raises(
        UserError, match="no class is called 'golgi'; choose from: mitochondrion, membrane, vesicle"
    ):
        predictor.class_logits(["golgi"])


def test_classes_come_in_the_order_asked(predictor: Predictor, blobs: np.ndarray) -> None:
    predictor.set_image(blobs[:32, :48])
    every = predictor.class_logits()
    np.testing.assert_array_equal(
        predictor.class_logits(["vesicle", "Mitochondrion"]), every[[2, 0]]
    )
    assert set(np.unique(predictor.segment(["vesicle"]))) <= {0, 5}


def test_a_class_with_an_outline_of_its_own_is_found_by_itself(
    blobs: np.ndarray, model: ScSAM
) -> None:
    """Whether or not the answer to all classes is remembered."""
    whole, part, other = model.classes
    model.classes = (replace(whole, own_outline=True), replace(part, part_of=whole.name), other)
    predictor = Predictor(model, device="cpu")
    predictor.set_image(blobs[:48, :48])
    logits = predictor.class_logits()
    levels = np.median(logits, axis=(1, 2)) - [0, 1, 0]
    model.thresholds = torch.from_numpy(levels.astype(np.float32))
    every = predictor.segment()
    inside = logits[0] > model.thresholds[0].item()
    rim = every == part.id
    assert (rim & inside).any()
    assert (rim & ~inside).any()
    expected = (every == whole.id) | (rim & inside)
    np.testing.assert_array_equal(predictor.segment([whole.name]) == whole.id, expected)


def test_a_second_class_costs_only_the_decoder(
    predictor: Predictor, embedded: list[tuple[int, ...]], blobs: np.ndarray
) -> None:
    predictor.set_image(blobs)
    assert not is_embedded(predictor)
    first = predictor.class_logits(["membrane"])
    tile = predictor.tiles()[0]
    assert embedded == [(1, 1, tile.height, tile.width)] * len(predictor.tiles())
    assert len(embedded) == 6
    assert is_embedded(predictor)
    predictor.class_logits(["vesicle"])
    predictor.predict_prompts(points=[(60, 60)])
    np.testing.assert_array_equal(predictor.class_logits(["membrane"]), first)
    predictor.set_image(blobs[:64])
    predictor.segment()
    predictor.set_image(blobs)
    predictor.segment()
    assert len(embedded) == 6 + 3


def test_the_same_bytes_in_another_shape_or_type_are_another_image(
    predictor: Predictor, blobs: np.ndarray
) -> None:
    image = np.ascontiguousarray(blobs[:32, :48])
    for other in (image, image.reshape(48, 32), image.view(np.uint16)):
        predictor.set_image(other, contrast=Contrast(0, 255))
        assert predictor.segment().shape == other.shape
    assert len(predictor.embeddings) == 3


def test_a_named_slice_is_found_again(
    predictor: Predictor, embedded: list[tuple[int, ...]], blobs: np.ndarray
) -> None:
    for index in (0, 1, 0, 1):
        predictor.set_image(blobs[:32, :32], contrast=Contrast(0, 255), key=("volume", index))
        predictor.segment()
    assert len(embedded) == 2


@pytest.mark.parametrize(
    ("voxel_size", "grid"),
    [
        (None, (48, 70)),
        (8, (48, 70)),
        ((4, 16), (24, 140)),
        ((30, 8, 4), (48, 35)),
        (1000, (192, 280)),
    ],
)
def test_the_slice_is_resampled_to_the_models_pixel_size(
    predictor: Predictor, blobs: np.ndarray, voxel_size, grid: tuple[int, int]
) -> None:
    predictor.set_image(blobs[:48, :70], voxel_size)
    assert predictor.slice.grey.shape == grid
    assert predictor.segment().shape == (48, 70)
    assert predictor.class_logits(["membrane"]).shape == (1, 48, 70)


def test_tiles_in_a_batch_give_what_single_ones_give(
    predictor: Predictor, embedded: list[tuple[int, ...]], blobs: np.ndarray
) -> None:
    predictor.set_image(blobs)
    single = predictor.class_logits()
    predictor.embeddings.clear()
    predictor.slice.logits.clear()
    embedded.clear()
    predictor.batch_limits.batch, predictor.batch_limits.parallel_tiles = 4, 1
    np.testing.assert_allclose(predictor.class_logits(), single, atol=0.02 * np.abs(single).max())
    assert [shape[0] for shape in embedded] == [4, 2]


def test_a_careful_answer_is_the_average_of_four_views(blobs: np.ndarray) -> None:
    image = blobs[:60, :90]
    tta = see(image, 96)
    plain = tta.class_logits()
    tta.tta = True
    found = tta.class_logits()
    views = [
        see(image, 96).class_logits(),
        see(image[::-1, ::-1], 96).class_logits()[:, ::-1, ::-1],
    ]
    for zoom, turned in ((0.85, 1), (1.18, -1)):
        zoomed = see(image[::turned, ::turned], 96, voxel_size=10 * zoom, nm_per_pixel=10)
        views.append(zoomed.class_logits()[:, ::turned, ::turned])
    np.testing.assert_allclose(found, np.mean(views, axis=0), atol=1e-5)
    assert np.abs(found - plain).max() > 0.001
    tta.tta = False
    np.testing.assert_array_equal(tta.class_logits(), plain)


def test_a_careful_answer_tells_of_all_its_tiles_and_comes_back_at_once(
    predictor: Predictor, embedded: list[tuple[int, ...]], blobs: np.ndarray
) -> None:
    predictor.tta, predictor.batch_limits.parallel_tiles = True, 1
    predictor.set_image(blobs[:64, :100])
    tiles = sum(len(predictor.tiles(view)) for view in predictor.augmented(predictor.slice))
    steps = list(predictor.logits_steps(["vesicle"]))
    assert sorted({step.done for step in steps}) == [*range(tiles + 1)]
    assert {step.total for step in steps} == {tiles}
    assert len(embedded) == tiles
    assert is_embedded(predictor)
    predictor.segment()
    predictor.predict_prompts(points=[(30, 30)])
    assert len(embedded) == tiles


def test_another_look_at_the_same_slice_is_another_answer(
    predictor: Predictor, blobs: np.ndarray
) -> None:
    predictor.set_image(blobs[:64, :100])
    plain = predictor.segment()
    predictor.tta = True
    tta = predictor.segment()
    assert not np.array_equal(plain, tta)
    predictor.tta = False
    np.testing.assert_array_equal(predictor.segment(), plain)


def test_a_class_taught_again_is_found_again_in_all_views(
    predictor: Predictor, blobs: np.ndarray
) -> None:
    predictor.tta = True
    predictor.set_image(blobs[:64, :100])
    marks = np.zeros((64, 100), bool)
    marks[20:30, 20:30] = True
    predictor.teach("granule", marks, ~marks)
    first = predictor.class_logits(["granule"])
    predictor.teach("granule", ~marks, marks)
    assert not np.allclose(predictor.class_logits(["granule"]), first)


def test_embedding_ahead_leaves_the_slice_at_hand(
    predictor: Predictor, embedded: list[tuple[int, ...]], blobs: np.ndarray
) -> None:
    predictor.set_image(blobs[:64, :100], contrast=Contrast(0, 255))
    here = predictor.slice
    ahead = predictor.prepare(blobs[64:128, :100], contrast=Contrast(0, 255), key="ahead")
    assert not is_embedded(predictor, ahead)
    assert [step.what for step in predictor.embed_steps(ahead)] == ["embedding"] * len(embedded)
    assert is_embedded(predictor, ahead)
    assert not is_embedded(predictor)
    assert predictor.slice is here
    embedded.clear()
    predictor.set_image(blobs[64:128, :100], contrast=Contrast(0, 255), key="ahead")
    predictor.segment()
    assert embedded == []


def test_another_class_on_a_slice_seen_before_needs_no_network(
    predictor: Predictor, blobs: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = blobs[:64, :100], 255 - blobs[:64, :100]
    labels = []
    for image in (one, two):
        predictor.set_image(image, contrast=Contrast(0, 255))
        labels.append(predictor.segment())
    monkeypatch.setattr(
        predictor.model, "class_logits", lambda *_: pytest.fail("the answer is known")
    )
    predictor.embeddings.clear()
    for image, every in zip((one, two), labels, strict=True):
        predictor.set_image(image, contrast=Contrast(0, 255))
        np.testing.assert_array_equal(predictor.segment(), every)
        np.testing.assert_array_equal(
            predictor.segment(["vesicle", "membrane"]), np.where(np.isin(every, (2, 5)), every, 0)
        )
        predictor.segment()[:] = 9  # the caller may change what it was given
        np.testing.assert_array_equal(predictor.segment(), every)


def test_few_answers_are_remembered(
    predictor: Predictor, blobs: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_scsam.infer.class_predictor.MAX_ANSWERS", 2)
    for z in range(4):
        predictor.set_image(blobs[z : z + 16, :16], contrast=Contrast(0, 255))
        predictor.segment()
    assert len(predictor._answers) == 2


def test_a_model_of_unknown_pixel_size_takes_the_image_as_it_is(blobs: np.ndarray) -> None:
    assert see(blobs, 64, voxel_size=(3, 3)).slice.grey.shape == blobs.shape


@pytest.mark.parametrize(
    ("voxel_size", "tile"), [(None, 96), ((8, 8), 96), ((4, 4), 96), ((16, 16), 112), ((16, 4), 96)]
)
def test_maps_lie_over_the_image(blobs: np.ndarray, voxel_size, tile: int) -> None:
    logits = see(blobs, tile, voxel_size, nm_per_pixel=8).class_logits(["bright"])[0]
    assert np.abs(logits - (blobs / 255 - 0.5)).max() < 0.12
    assert np.abs(logits - (blobs / 255 - 0.5)).mean() < 0.02


def test_tiles_meet_without_a_seam(blobs: np.ndarray) -> None:
    tiled, whole = (see(blobs, tile).class_logits() for tile in (96, 512))
    assert np.abs(tiled - whole)[:, 2:-2, 2:-2].max() < 0.02


def test_tiles_of_a_real_network_blend(predictor: Predictor, blobs: np.ndarray) -> None:
    predictor.set_image(blobs)
    logits = predictor.class_logits()
    steps = np.abs(np.diff(logits, axis=2)).max((0, 1))
    starts = {
        edge for tile in predictor.tiles() for edge in (tile.x, tile.x + 128) if 0 < edge < 200
    }
    assert starts
    assert max(steps[edge - 1] for edge in starts) <= 1.5 * np.quantile(steps, 0.9)


def test_work_can_be_closed_between_two_tiles(
    predictor: Predictor, embedded: list[tuple[int, ...]], blobs: np.ndarray
) -> None:
    predictor.set_image(blobs)
    steps = predictor.segment_steps()
    assert next(steps) == Progress(0, 6, "embedding")
    assert next(steps) == Progress(1, 6, "embedding")
    steps.close()
    assert len(embedded) == 1
    assert predictor.segment().shape == blobs.shape
    assert len(embedded) == 6
    assert [step.what for step in predictor.segment_steps()] == []


def test_progress_is_told_tile_by_tile(predictor: Predictor, blobs: np.ndarray) -> None:
    predictor.set_image(blobs)
    assert list(predictor.logits_steps(["membrane"])) == [
        *(Progress(i, 6, "embedding") for i in range(6)),
        Progress(6, 6, "segmenting"),
    ]
    assert list(predictor.logits_steps()) == [Progress(i, 6, "segmenting") for i in range(7)]


def test_work_begun_on_a_slice_ends_on_it(predictor: Predictor, blobs: np.ndarray) -> None:
    one, two = blobs[:64, :150], 255 - blobs[:64, :150]
    answers = []
    for image in (one, two):
        predictor.set_image(image, contrast=Contrast(0, 255))
        answers.append(predictor.class_logits())
    predictor.embeddings.clear()
    predictor.set_image(one, contrast=Contrast(0, 255))
    steps = predictor.logits_steps()
    next(steps)
    predictor.set_image(two, contrast=Contrast(0, 255))
    np.testing.assert_array_equal(drive(steps), answers[0])
    np.testing.assert_array_equal(predictor.class_logits(), answers[1])


@pytest.mark.parametrize(
    ("voxel_size", "tolerance"),
    [(None, 1.5), ((8, 8), 1.5), ((4, 4), 2.5), ((16, 16), 1.5), ((4, 16), 2.5)],
)
@pytest.mark.parametrize("point", [(40, 30), (150, 120), (199, 0)])
def test_a_click_lands_where_it_was_made(
    blobs: np.ndarray, voxel_size, tolerance: float, point: tuple[int, int]
) -> None:
    predictor = see(blobs, 96, voxel_size, nm_per_pixel=8)
    answer = predictor.predict_prompts(points=[point])
    assert answer.masks.shape == answer.logits.shape == (1, *blobs.shape)
    assert np.array_equal(answer.masks, answer.logits > 0)
    y, x = np.unravel_index(answer.logits[0].argmax(), blobs.shape)
    assert math.dist((x, y), point) <= tolerance
    zoom = predictor.slice.zoom
    area = math.pi * 64 / (zoom[0] * zoom[1])
    if point == (150, 120):
        assert answer.masks.sum() == pytest.approx(area, rel=0.2)


@pytest.mark.parametrize("voxel_size", [None, (4, 4), (16, 4)])
@pytest.mark.parametrize(
    "box", [(20, 10, 60, 50), (90, 80, 170, 140), (0, 0, 200, 160), (4, 8, 190, 150)]
)
def test_a_box_covers_what_it_was_drawn_round(
    blobs: np.ndarray, voxel_size, box: tuple[int, ...]
) -> None:
    answer = see(blobs, 96, voxel_size, nm_per_pixel=8).predict_prompts(boxes=box)
    drawn = np.zeros(blobs.shape, bool)
    drawn[box[1] : box[3], box[0] : box[2]] = True
    assert (answer.masks[0] & drawn).sum() / (answer.masks[0] | drawn).sum() > 0.85


def test_many_objects_are_answered_in_order(blobs: np.ndarray) -> None:
    answer = see(blobs, 512).predict_prompts(boxes=[(0, 0, 20, 20), (100, 100, 130, 120)])
    assert answer.masks.shape == (2, *blobs.shape)
    assert answer.masks[0, 10, 10]
    assert answer.masks[1, 110, 115]
    assert not answer.masks[0, 110, 115]
    assert answer.quality.tolist() == [0, 1]


def test_the_real_network_answers_clicks_and_boxes(predictor: Predictor, blobs: np.ndarray) -> None:
    predictor.set_image(blobs, voxel_size=(6, 6))
    answer = predictor.predict_prompts(
        points=[[(60, 60), (70, 60)], [(20, 20), (30, 20)]],
        labels=[[1, 0], [1, 1]],
        boxes=[(50, 50, 80, 80)] * 2,
    )
    assert answer.masks.shape == (2, *blobs.shape)
    assert (answer.masks.dtype, answer.logits.dtype, answer.quality.dtype) == (
        bool,
        np.float32,
        np.float32,
    )
    assert answer.quality.shape == (2,)


def test_a_second_click_starts_from_the_first_answer(
    predictor: Predictor,
    embedded: list[tuple[int, ...]],
    blobs: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    predictor.set_image(blobs, voxel_size=(8, 8))
    ask, given = predictor.model.prompt_logits, []

    def heard(embedding: Embedding, points=None, boxes=None, masks=None) -> tuple[Tensor, Tensor]:
        given.append(masks)
        return ask(embedding, points, boxes, masks)

    monkeypatch.setattr(predictor.model, "prompt_logits", heard)
    first = predictor.predict_prompts(points=[(60, 60)])
    second = predictor.predict_prompts(points=[(60, 60), (66, 20)], labels=[1, 0], masks=first)
    assert given[0] is None
    assert given[1].shape == (1, 1, first.tile.height // 4, first.tile.width // 4)
    pooled = F.avg_pool2d(torch.from_numpy(first.window), 4)
    assert np.abs(given[1][0].numpy() - pooled.numpy()).mean() < 0.1 * pooled.numpy().std()
    assert second.tile == first.tile
    assert len(embedded) == 1
    plain = predictor.predict_prompts(points=[(60, 60), (66, 20)], labels=[1, 0])
    assert not np.allclose(second.logits, plain.logits)
    far = predictor.predict_prompts(points=[(60, 60), (198, 20)], labels=[1, 0], masks=second)
    assert far.tile.contains(20, 198)
    assert far.masks.shape == (1, *blobs.shape)


def test_points_in_a_box_correct_the_answer_to_the_box(
    blobs: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor, asked = see(blobs, 512), []
    ask = predictor.model.prompt_logits
    monkeypatch.setattr(
        predictor.model, "prompt_logits", lambda _, *given: asked.append(given) or ask(_, *given)
    )
    alone = predictor.predict_prompts(boxes=[40, 40, 80, 80])
    asked.clear()
    predictor.predict_prompts(
        points=[(60, 60), (70, 50), (95, 60)], labels=[1, 0, 1], boxes=[40, 40, 80, 80]
    )
    (points, boxes, masks), ((_, labels), again, earlier) = asked
    assert points is None
    assert masks is None
    assert torch.equal(boxes, again)
    assert labels.tolist() == [[-1, 0, 1]], "the first lies inside already"
    assert torch.equal(earlier, alone.tile_logits)


def test_an_answer_about_other_objects_cannot_be_refined(blobs: np.ndarray) -> None:
    predictor = see(blobs, 512)
    answer = predictor.predict_prompts(points=[(20, 20)])
    with pytest.raises(UserError, match="the earlier answer has 1 masks"):
        predictor.predict_prompts(boxes=[(0, 0, 20, 20), (100, 100, 130, 120)], masks=answer)


def test_a_click_on_a_large_slice_makes_nothing_large(blobs: np.ndarray) -> None:
    answer = see(np.tile(blobs, (12, 10)), 128).predict_prompts(points=[(700, 900)])
    assert answer.shape == (1920, 2000)
    assert answer.window.shape == (1, 128, 128)
    y, x = np.unravel_index(answer.logits[0].argmax(), answer.shape)
    assert math.dist((x, y), (700, 900)) <= 1.5


@pytest.mark.parametrize(
    "ask",
    [
        lambda p: p.segment(),
        lambda p: p.class_logits(),
        lambda p: p.predict_prompts(points=[(1, 1)]),
        lambda p: p.teach("a", np.ones((2, 2))),
        lambda p: p.tiles(),
    ],
)
def test_without_an_image_there_is_one_sentence(
    predictor: Predictor, ask: Callable[[Predictor], object]
) -> None:
    with pytest.raises(UserError, match="no image is set; call set_image first"):
        ask(predictor)


def test_sizes_of_sections_are_judged_where_the_pixel_size_is_known(
    predictor: Predictor, blobs: np.ndarray
) -> None:
    plain = predictor.model.classes
    predictor.set_image(blobs)
    found = predictor.segment()
    shown = next(spec for spec in plain if (found == spec.id).any())
    predictor.model.classes = tuple(
        replace(spec, smallest=1e12) if spec is shown else spec for spec in plain
    )  # nothing is as large
    predictor.set_image(blobs, 8.0)
    assert not (predictor.segment() == shown.id).any()
    predictor.set_image(blobs)  # the same pixels; nobody says how large they are
    np.testing.assert_array_equal(predictor.segment(), found)
    predictor.model.classes = plain


def test_a_predictor_that_is_dropped_is_gone_at_once(random_model: ScSAM) -> None:
    predictor = Predictor(random_model, "cpu")
    kept = weakref.ref(predictor)
    gc.disable()  # a circle would wait for it, for as long as napari lets it wait
    try:
        del predictor
        assert kept() is None
    finally:
        gc.enable()
