from __future__ import annotations

import json
import re

import pytest
import torch
from segment_anything import sam_model_registry
from torch import Tensor
from torch.nn import functional as F

from napari_scsam.config import ClassSpec, UserError
from napari_scsam.model import EncoderFeatures, ScSAM, ScSAMConfig

CLASSES = [ClassSpec(1, "mitochondrion"), ClassSpec(2, "membrane")]

PARAMETERS = {"vit_b": (93_735_472, 314), "vit_l": (312_342_832, 482), "vit_h": (641_090_608, 594)}
"""Parameters and state-dict keys of the official models."""


@pytest.mark.parametrize("name", ["vit_b", "vit_l", "vit_h"])
def test_sams_parts_have_sams_keys_and_shapes(name: str) -> None:
    with torch.device("meta"):
        official, ours = sam_model_registry[name](), ScSAM(ScSAMConfig(sam=name), CLASSES)
    sams = ("image_encoder.", "prompt_encoder.", "mask_decoder.")
    expected = {k: v.shape for k, v in official.state_dict().items()}
    assert {k: v.shape for k, v in ours.state_dict().items() if k.startswith(sams)} == expected
    assert (sum(p.numel() for p in official.parameters()), len(expected)) == PARAMETERS[name]
    assert (
        sum(p.numel() for k, p in ours.named_parameters() if k.startswith(sams))
        == PARAMETERS[name][0]
    )


@pytest.fixture(scope="module")
def untrained(official_sam) -> ScSAM:
    """A fresh ScSAM with the weights of a SAM."""
    torch.manual_seed(2)
    model = ScSAM(ScSAMConfig(sam="vit_b"), CLASSES)
    missing, unexpected = model.load_state_dict(official_sam.state_dict(), strict=False)
    assert not unexpected
    assert not [
        k for k in missing if k.startswith(("image_encoder", "prompt_encoder", "mask_decoder"))
    ]
    return model.eval()


def ask(count: int, size: tuple[int, int], what: str) -> dict[str, object]:
    """SAM's prompts for `count` objects on an image of that size."""
    scale = torch.tensor([size[1], size[0]])
    points = (torch.rand(count, 3, 2) * scale, torch.tensor([[1.0, 0.0, -1.0]]).repeat(count, 1))
    low, high = (torch.rand(count, 2) * scale / 2 for _ in range(2))
    boxes, masks = (
        torch.cat([low, low + high], 1),
        torch.randn(count, 1, size[0] // 4, size[1] // 4),
    )
    every = {"points": points, "boxes": boxes, "masks": masks}
    return {k: v for k, v in every.items() if k in what.split()}


def official_answer(
    sam, embedding: Tensor, size: tuple[int, int], prompts: dict[str, object]
) -> tuple[Tensor, Tensor]:
    """What plain segment_anything says, brought to full resolution."""
    grid = (size[0] // 16, size[1] // 16)
    sam.prompt_encoder.image_embedding_size, sam.prompt_encoder.input_image_size = grid, size
    sparse, dense = sam.prompt_encoder(**{"points": None, "boxes": None, "masks": None} | prompts)
    masks, quality = sam.mask_decoder(
        image_embeddings=embedding,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=False,
    )
    upsampled = F.interpolate(masks, size, mode="bilinear", align_corners=False)
    return upsampled[:, 0], quality[:, 0]


@torch.inference_mode()
@pytest.mark.parametrize(
    "what", ["points", "boxes", "masks", "points boxes", "points masks", "points boxes masks"]
)
def test_untrained_it_answers_prompts_as_sam_does(
    official_sam, untrained: ScSAM, what: str
) -> None:
    torch.manual_seed(3)
    size = (96, 128)
    features = EncoderFeatures(torch.randn(1, 256, 6, 8), untrained.mae(torch.rand(1, 1, *size)))
    embedding = untrained.fuse(features)
    assert torch.equal(embedding.fused, features.sam)
    prompts = ask(3, size, what)
    logits, quality = untrained.prompt_logits(embedding, **prompts)
    expected, iou = official_answer(official_sam, features.sam, size, prompts)
    assert torch.allclose(logits[0], expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())
    assert torch.allclose(quality[0], iou, atol=1e-5)
    assert expected.std() > 1e-3


@torch.inference_mode()
def test_untrained_it_is_sam_from_the_pixels_on(
    official_sam, untrained: ScSAM, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A block with windows and one that sees the whole image: the others repeat these two.
    for encoder in (official_sam.image_encoder, untrained.image_encoder):
        monkeypatch.setattr(encoder, "blocks", encoder.blocks[1:3])
    torch.manual_seed(4)
    size = (1024, 1024)
    image = torch.rand(1, 1, *size)
    rgb = (image * 255).expand(1, 3, *size)
    features = untrained.encode(image)
    embedding = untrained.fuse(features)
    assert torch.equal(embedding.fused, features.sam)
    expected_embedding = official_sam.image_encoder(
        torch.stack([official_sam.preprocess(x) for x in rgb])
    )
    assert (embedding.fused - expected_embedding).abs().max() <= 1e-4
    for what in ("points", "points boxes masks"):
        prompts = ask(1, size, what)
        logits, quality = untrained.prompt_logits(embedding, **prompts)
        expected, iou = official_answer(official_sam, expected_embedding, size, prompts)
        assert torch.allclose(
            logits[0], expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item()
        )
        assert torch.allclose(quality[0], iou, atol=1e-4)


@torch.inference_mode()
def test_prompts_of_two_images_equal_one_by_one(random_model: ScSAM) -> None:
    torch.manual_seed(5)
    images = torch.rand(2, 1, 64, 96)
    embedding = random_model.fuse(random_model.encode(images))
    prompts = ask(6, (64, 96), "points boxes")
    logits, quality = random_model.prompt_logits(embedding, **prompts)
    assert logits.shape == (2, 3, 64, 96)
    assert quality.shape == (2, 3)
    (coordinates, labels), boxes = prompts["points"], prompts["boxes"]
    for image in range(2):
        alone = random_model.fuse(random_model.encode(images[image : image + 1]))
        for n in range(3):
            row = slice(3 * image + n, 3 * image + n + 1)
            mask, iou = random_model.prompt_logits(
                alone, (coordinates[row], labels[row]), boxes[row]
            )
            assert torch.allclose(logits[image, n], mask[0, 0], atol=1e-4)
            assert torch.allclose(quality[image, n], iou[0, 0], atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("size", [(16, 16), (64, 112), (96, 48)])
def test_all_classes_in_one_batch_equal_class_by_class(
    random_model: ScSAM, size: tuple[int, int]
) -> None:
    torch.manual_seed(6)
    images = torch.rand(2, 1, *size)
    logits = random_model(images)
    assert logits.shape == (2, 3, *size)
    embedding = random_model.fuse(random_model.encode(images))
    full = random_model.class_logits(embedding)
    assert full.shape == (2, 3, *size)
    for row in range(3):
        one = random_model.class_logits(embedding, [row])
        assert torch.allclose(full[:, row : row + 1], one, atol=1e-5)
    assert torch.allclose(logits[1:], random_model(images[1:]), atol=1e-4)
    assert (logits[:, 0] - logits[:, 1]).abs().max() > 1e-4


@torch.inference_mode()
def test_only_the_direction_of_a_prototype_counts(random_model: ScSAM) -> None:
    embedding = random_model.fuse(random_model.encode(torch.rand(1, 1, 32, 48)))
    prototypes = random_model.class_prompt.prototypes
    assert torch.allclose(
        random_model.prototype_logits(embedding, 7 * prototypes),
        random_model.class_logits(embedding),
        atol=1e-4,
    )


def test_grey_becomes_sams_colours(random_model: ScSAM, official_sam) -> None:
    image = torch.rand(1, 1, 32, 32)
    expected = (255 * image - official_sam.pixel_mean) / official_sam.pixel_std
    assert torch.allclose(random_model.sam_input(image), expected)


@torch.inference_mode()
def test_positions_are_those_of_the_grid_at_hand(random_model: ScSAM) -> None:
    positions = random_model.positions(torch.zeros(1, 256, 4, 9))
    assert positions.shape == (1, 256, 4, 9)
    assert torch.equal(positions[0], random_model.prompt_encoder.pe_layer((4, 9)))


def test_a_class_is_added_at_the_end(model: ScSAM) -> None:
    before = model.class_prompt.prototypes.detach().clone()
    prototype = torch.randn(256)
    spec = model.add_class("granule", prototype)
    assert (spec.id, spec.name) == (6, "granule")
    assert [c.name for c in model.classes] == ["mitochondrion", "membrane", "vesicle", "granule"]
    assert torch.equal(model.class_prompt.prototypes[:3], before)
    assert torch.equal(model.class_prompt.prototypes[3], prototype)
    assert model.class_prompt.prototypes.requires_grad
    assert model(torch.rand(1, 1, 32, 32)).shape[1] == 4
    assert model.thresholds.tolist() == [0, 0, 0, 0]


def test_classes_stand_in_the_order_of_their_ids_as_a_checkpoint_is_read(model: ScSAM) -> None:
    before, prototypes = model.class_prompt.prototypes.detach().clone(), torch.randn(2, 256)
    model.thresholds += 1
    model.add_class(ClassSpec(8, "granule"), prototypes[0])
    model.add_class(ClassSpec(3, "er"), prototypes[1])
    assert [c.id for c in model.classes] == [1, 2, 3, 5, 8]
    assert torch.equal(
        model.class_prompt.prototypes,
        torch.stack([*before[:2], prototypes[1], before[2], prototypes[0]]),
    )
    assert model.thresholds.tolist() == [1, 1, 0, 1, 0]


def test_a_class_of_a_known_name_is_renewed_in_any_case(model: ScSAM) -> None:
    prototype = torch.randn(256)
    spec = model.add_class("Membrane", prototype)
    assert (spec.id, spec.name) == (2, "membrane")
    assert len(model.classes) == len(model.class_prompt.prototypes) == 3
    assert torch.equal(model.class_prompt.prototypes[1], prototype)


def test_a_class_without_a_name_changes_nothing(model: ScSAM) -> None:
    with pytest.raises(UserError, match="has no name"):
        model.add_class(" ", torch.randn(256))
    assert len(model.classes) == len(model.class_prompt.prototypes) == 3


def test_config_travels_as_json_values() -> None:
    config = ScSAMConfig(
        sam="vit_b",
        nm_per_pixel=5.0,
        tile=256,
        branches="sam",
        fusion="sum",
        similarity="dot",
        detail=False,
    )
    assert ScSAMConfig(**json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("setting", "choices"),
    [
        ("branches", "sam+mae, sam, mae"),
        ("fusion", "gated, sum"),
        ("similarity", "cosine, unscaled, dot"),
    ],
)
def test_an_unknown_choice_is_told(setting: str, choices: str) -> None:
    with pytest.raises(
        UserError, match=f"{setting} = 'both' is unknown; choose from {re.escape(choices)}"
    ):
        ScSAMConfig(**{setting: "both"})


@torch.inference_mode()
def test_a_branch_that_is_off_says_nothing(random_model: ScSAM) -> None:
    image = torch.rand(1, 1, 32, 48)
    sam, mae = (ScSAM(ScSAMConfig(branches=name), CLASSES).eval() for name in ("sam", "mae"))
    features = sam.encode(image)
    assert features.mae == ()
    assert torch.equal(sam.fuse(features).fused, features.sam)
    features = mae.encode(image)
    assert features.sam.shape == (1, 256, 2, 3)
    assert not features.sam.any()
    assert len(features.mae) == 3
    assert mae.fuse(features).fused.std() > 1e-3  # not zero, though the sum begins with nothing
    for model in (sam, mae):
        assert model(image).shape == (1, 2, 32, 48)


@torch.inference_mode()
def test_without_the_detail_path_masks_stay_at_sams_stride() -> None:
    torch.manual_seed(0)
    model = ScSAM(ScSAMConfig(detail=False), CLASSES).eval()
    embedding = model.fuse(model.encode(torch.rand(2, 1, 64, 96)))
    assert model.class_logits(embedding).shape == (2, 2, 16, 24)
    logits, quality = model.prompt_logits(embedding, **ask(6, (64, 96), "points"))
    assert logits.shape == (2, 3, 16, 24)
    assert quality.shape == (2, 3)
    assert model(torch.rand(1, 1, 64, 96)).shape == (1, 2, 64, 96)


def test_a_fresh_model_is_not_calibrated(random_model: ScSAM) -> None:
    assert random_model.temperature.item() == 1
    assert random_model.thresholds.tolist() == [0, 0, 0]
