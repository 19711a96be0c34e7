from __future__ import annotations

import pytest
import torch
from segment_anything.modeling import MaskDecoder, TwoWayTransformer

from napari_scsam.model.mask_decoder import Decoded, DetailPath, PromptMaskDecoder
from napari_scsam.model.prompt_transformer import PromptTransformer


@pytest.fixture(scope="module")
def twins() -> tuple[MaskDecoder, PromptMaskDecoder]:
    """The original and ours with the same random weights, 32 channels wide."""
    torch.manual_seed(0)
    original, ours = (
        kind(
            transformer_dim=32,
            transformer=transformer(depth=2, embedding_dim=32, mlp_dim=64, num_heads=4),
        ).eval()
        for kind, transformer in (
            (MaskDecoder, TwoWayTransformer),
            (PromptMaskDecoder, PromptTransformer),
        )
    )
    for weights in original.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    ours.load_state_dict(original.state_dict())
    return original, ours


@pytest.fixture
def prompts() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two images of 5×3 cells, their positions, and three prompts an image."""
    torch.manual_seed(1)
    return (
        torch.randn(2, 32, 5, 3),
        torch.randn(1, 32, 5, 3),
        torch.randn(6, 4, 32),
        torch.randn(6, 32, 5, 3),
    )


@torch.inference_mode()
def test_many_prompts_of_many_images_equal_sam_image_by_image(twins, prompts) -> None:
    original, ours = twins
    images, positions, sparse, dense = prompts
    decoded = ours(images, positions, sparse, dense)
    for image in range(2):
        rows = slice(3 * image, 3 * image + 3)
        masks, quality = original(
            images[image : image + 1], positions, sparse[rows], dense[rows], multimask_output=False
        )
        assert torch.allclose(decoded.logits[rows], masks, rtol=1e-5, atol=1e-4)
        assert torch.allclose(decoded.quality[rows], quality, rtol=1e-5, atol=1e-4)
    assert decoded.logits.shape == (6, 1, 20, 12)
    assert decoded.quality.shape == (6, 1)
    assert decoded.token.shape == (6, 32)


@torch.inference_mode()
def test_a_batch_equals_one_by_one(twins, prompts) -> None:
    images, positions, sparse, dense = prompts
    expanded = images.repeat_interleave(3, 0)
    together = twins[1](images, positions, sparse, dense)
    for row in range(6):
        one = slice(row, row + 1)
        for batch, alone in zip(
            together, twins[1](expanded[one], positions, sparse[one], dense[one]), strict=True
        ):
            assert torch.allclose(batch[one], alone, rtol=1e-5, atol=1e-4)


@torch.inference_mode()
def test_the_first_answer_of_sams_quality_head_is_the_quality(twins, prompts) -> None:
    original, ours = twins
    images, positions, sparse, dense = prompts
    decoded = ours(images[:1], positions, sparse[:1], dense[:1])
    _, every = original.predict_masks(images[:1], positions, sparse[:1], dense[:1])
    assert torch.allclose(decoded.quality[:, 0], every[:, 0], atol=1e-4)
    assert not torch.allclose(every[:, 0], every[:, 1], atol=1e-2)


@pytest.fixture
def path() -> DetailPath:
    torch.manual_seed(0)
    return DetailPath((2, 4, 8), (6, 10, 24), dim=32, width=8).eval()


def decoded(count: int) -> Decoded:
    return Decoded(torch.randn(count, 1, 8, 12), torch.rand(count, 1), torch.randn(count, 32))


@torch.inference_mode()
def test_untrained_the_detail_path_adds_nothing(path: DetailPath) -> None:
    answer, features = decoded(6), torch.randn(2, 8, 16, 24)
    coarse = torch.nn.functional.interpolate(
        answer.logits.view(2, 3, 8, 12), (32, 48), mode="bilinear", align_corners=False
    )
    assert torch.equal(path(answer, features), coarse)
    assert torch.equal(path(answer, features, torch.randn(3, 32)), coarse)


@torch.inference_mode()
def test_each_token_filters_the_details_of_its_own_image(path: DetailPath) -> None:
    path.filters.layers[-1].reset_parameters()
    answer, features = decoded(6), torch.randn(2, 8, 16, 24)
    together = path(answer, features)
    for image in range(2):
        rows = slice(3 * image, 3 * image + 3)
        alone = path(Decoded(*(part[rows] for part in answer)), features[image : image + 1])
        assert torch.allclose(together[image : image + 1], alone, atol=1e-5)
    assert not torch.allclose(together, path(answer, features.flip(0)), atol=1e-2)


@torch.inference_mode()
def test_each_prototype_filters_the_details_of_every_image(path: DetailPath) -> None:
    path.class_filters.reset_parameters()
    answer, features, prototypes = decoded(6), torch.randn(2, 8, 16, 24), torch.randn(3, 32)
    coarse = path(answer, features)
    fine = path(answer, features, prototypes) - coarse
    assert fine.shape == (2, 3, 32, 48)
    filters = path.class_filters(prototypes).view(3, 4, 9)
    for number in range(4):  # one filter for each pixel of a cell
        row, column = divmod(number, 2)
        expected = (
            torch.einsum("kc,bchw->bkhw", filters[:, number, :8], features)
            + filters[None, :, number, 8, None, None]
        )
        assert torch.allclose(fine[:, :, row::2, column::2], expected, atol=1e-5)


@torch.inference_mode()
def test_without_levels_details_come_from_what_is_fused() -> None:
    torch.manual_seed(0)
    path, fused = DetailPath((), (), dim=32, width=8).eval(), torch.randn(1, 32, 2, 3)
    features = path.features(fused, ())
    assert features.shape == (1, 8, 16, 24)
    assert not torch.allclose(features, path.features(-fused, ()), atol=1e-3)


@torch.inference_mode()
def test_details_come_from_every_level(path: DetailPath) -> None:
    fused, levels = (
        torch.randn(1, 32, 2, 3),
        (torch.randn(1, 6, 16, 24), torch.randn(1, 10, 8, 12), torch.randn(1, 24, 4, 6)),
    )
    features = path.features(fused, levels)
    assert features.shape == (1, 8, 16, 24)
    for index in range(3):
        others = tuple(-level if i == index else level for i, level in enumerate(levels))
        assert not torch.allclose(features, path.features(fused, others), atol=1e-3)
    assert not torch.allclose(features, path.features(-fused, levels), atol=1e-3)


@torch.inference_mode()
def test_a_level_as_coarse_as_sams_own_is_left_to_fusion() -> None:
    path = DetailPath((2, 4, 16), (6, 10, 24), dim=32, width=8)
    assert list(path.lateral) == ["4", "2"]
    levels = (torch.randn(1, 6, 16, 24), torch.randn(1, 10, 8, 12), torch.randn(1, 24, 2, 3))
    assert path.features(torch.randn(1, 32, 2, 3), levels).shape == (1, 8, 16, 24)
