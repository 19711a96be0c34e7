from __future__ import annotations

import pytest
import torch

from napari_scsam.model.class_prompt import SCALE, ClassPromptEncoder, cosine


@pytest.fixture
def encoder() -> ClassPromptEncoder:
    torch.manual_seed(0)
    return ClassPromptEncoder(classes=3, dim=16, hidden=8, tokens=2).eval()


@torch.inference_mode()
def test_similarity_is_a_cosine(encoder: ClassPromptEncoder) -> None:
    fused, prototypes = torch.randn(2, 16, 5, 7), torch.randn(3, 16)
    fused[0, :, 1, 2] = 4 * prototypes[1]
    fused[0, :, 3, 3] = -prototypes[2]
    cosine = encoder.similarity(fused, prototypes)
    assert cosine.shape == (2, 3, 5, 7)
    assert cosine.abs().max() <= 1 + 1e-6
    assert cosine[0, 1, 1, 2].item() == pytest.approx(1)
    assert cosine[0, 2, 3, 3].item() == pytest.approx(-1)
    assert torch.allclose(cosine, encoder.similarity(9 * fused, 0.1 * prototypes), atol=1e-6)


@torch.inference_mode()
@pytest.mark.parametrize("grid", [(1, 1), (4, 4), (3, 9)])
def test_all_classes_of_all_images_in_one_batch(
    encoder: ClassPromptEncoder, grid: tuple[int, int]
) -> None:
    fused = torch.randn(2, 16, *grid)
    sparse, dense = encoder(fused, encoder.prototypes)
    assert sparse.shape == (6, 2, 16)
    assert dense.shape == (6, 16, *grid)
    for image in range(2):
        for row in range(3):
            one_sparse, one_dense = encoder(
                fused[image : image + 1], encoder.prototypes[row : row + 1]
            )
            assert torch.allclose(sparse[3 * image + row], one_sparse[0], atol=1e-5)
            assert torch.allclose(dense[3 * image + row], one_dense[0], atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_a_feature_counts_by_its_scaled_cosine(encoder: ClassPromptEncoder, scale: float) -> None:
    prototype = torch.nn.functional.normalize(torch.randn(1, 16), dim=1)
    encoder.log_scale = torch.nn.Parameter(torch.tensor(scale).log())
    against = -prototype[0, :, None, None].expand(1, 16, 2, 2)
    _, dense = encoder(against, prototype)
    assert torch.allclose(dense, encoder.dense((1 - scale) * against), atol=1e-5)


@torch.inference_mode()
def test_features_read_once_give_what_each_class_would_read(encoder: ClassPromptEncoder) -> None:
    fused = torch.randn(2, 16, 4, 6)
    sparse, dense = encoder(fused, encoder.prototypes)
    activated = (
        fused[:, None] * (1 + SCALE * encoder.similarity(fused, encoder.prototypes)[:, :, None])
    ).flatten(0, 1)
    assert torch.allclose(dense, encoder.dense(activated), atol=1e-5)
    cells = activated.flatten(2).transpose(1, 2)
    gathered = encoder.sparse(
        torch.softmax(encoder.queries @ cells.transpose(1, 2) / 4, dim=-1) @ cells
    )
    names = encoder.identity(torch.nn.functional.normalize(encoder.prototypes, dim=1)).repeat(2, 1)
    assert torch.allclose(sparse, gathered + names[:, None], atol=1e-5)


@torch.inference_mode()
def test_sparse_tokens_do_not_depend_on_places(encoder: ClassPromptEncoder) -> None:
    fused, weight = torch.randn(1, 16, 4, 6), torch.rand(1, 3, 4, 6) + 0.5
    pooled = encoder.pool(fused, weight)
    assert torch.allclose(pooled, encoder.pool(fused.flip(2, 3), weight.flip(2, 3)), atol=1e-6)
    assert not torch.allclose(pooled[:, :, 0], pooled[:, :, 1], atol=1e-3)


@torch.inference_mode()
def test_the_raw_product_grows_with_both(encoder: ClassPromptEncoder) -> None:
    plain, fused = ClassPromptEncoder(classes=3, dim=16, similarity="dot"), torch.randn(2, 16, 5, 7)
    product = plain.similarity(fused, encoder.prototypes)
    assert product.shape == (2, 3, 5, 7)
    assert product[1, 2, 3, 4].item() == pytest.approx(
        float(fused[1, :, 3, 4] @ encoder.prototypes[2]), abs=1e-5
    )
    assert torch.allclose(
        plain.similarity(3 * fused, 2 * encoder.prototypes), 6 * product, atol=1e-4
    )
    assert plain.log_scale is None
    _, dense = plain(fused, encoder.prototypes)
    assert torch.allclose(
        dense, plain.dense((fused[:, None] * (1 + product[:, :, None])).flatten(0, 1)), atol=1e-5
    )


@torch.inference_mode()
def test_unscaled_is_a_cosine_as_it_is(encoder: ClassPromptEncoder) -> None:
    unscaled, fused = (
        ClassPromptEncoder(classes=3, dim=16, hidden=8, similarity="unscaled"),
        torch.randn(2, 16, 5, 7),
    )
    assert set(encoder.state_dict()) - set(unscaled.state_dict()) == {"log_scale"}
    unscaled.load_state_dict({k: v for k, v in encoder.state_dict().items() if k != "log_scale"})
    _, dense = unscaled(fused, unscaled.prototypes)
    assert torch.equal(
        dense, unscaled.dense_prompts(fused, 1 + encoder.similarity(fused, encoder.prototypes))
    )


@torch.inference_mode()
def test_weights_without_a_scale_give_what_they_gave(encoder: ClassPromptEncoder) -> None:
    holder, fused = torch.nn.ModuleDict({"class_prompt": encoder}), torch.randn(2, 16, 5, 7)
    holder.load_state_dict(
        {k: v for k, v in holder.state_dict().items() if not k.endswith("log_scale")}
    )
    weight = 1 + encoder.similarity(fused, encoder.prototypes)
    _, dense = encoder(fused, encoder.prototypes)
    assert torch.equal(dense, encoder.dense_prompts(fused, weight))


def test_the_scale_is_saved_and_learned(encoder: ClassPromptEncoder) -> None:
    assert encoder.log_scale is not None
    assert encoder.log_scale.exp().item() == pytest.approx(SCALE)
    sparse, dense = encoder(torch.randn(1, 16, 5, 7), encoder.prototypes)
    (sparse.square().sum() + dense.square().sum()).backward()
    assert encoder.log_scale.grad is not None
    assert encoder.log_scale.grad.abs() > 0
    changed = {**encoder.state_dict(), "log_scale": torch.tensor(0.5)}
    encoder.load_state_dict(changed)
    assert encoder.log_scale.item() == 0.5


def test_prototypes_begin_at_unit_length(encoder: ClassPromptEncoder) -> None:
    assert torch.allclose(encoder.prototypes.norm(dim=1), torch.ones(3))


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["softmax", "several", "relations"])
def test_a_class_is_prompted_alike_alone_and_with_others(kind: str) -> None:
    torch.manual_seed(0)
    encoder = ClassPromptEncoder(classes=3, dim=16, hidden=8, tokens=2, similarity=kind).eval()
    fused = torch.randn(2, 16, 3, 5)
    sparse, dense = encoder(fused, encoder.prototypes)
    one_sparse, one_dense = encoder(fused, encoder.prototypes[1:2])
    tokens = 3 if kind == "relations" else 2
    assert sparse.shape == (6, tokens, 16)
    assert torch.allclose(sparse[1::3], one_sparse, atol=1e-5)
    assert torch.allclose(dense[1::3], one_dense, atol=1e-5)


@torch.inference_mode()
def test_shares_of_classes_and_background_make_up_less_than_all() -> None:
    torch.manual_seed(0)
    encoder = ClassPromptEncoder(classes=3, dim=16, similarity="softmax")
    shares = encoder.similarity(torch.randn(2, 16, 3, 5), encoder.prototypes)
    assert (shares > 0).all()
    assert (shares.sum(1) < 1).all()


@torch.inference_mode()
def test_the_nearest_of_several_prototypes_counts() -> None:
    torch.manual_seed(0)
    encoder = ClassPromptEncoder(classes=3, dim=16, similarity="several")
    own = torch.nn.functional.normalize(encoder.prototypes, dim=1)
    near = (own[1] + encoder.offsets[2])[None, :, None, None]
    assert float(encoder.similarity(near, encoder.prototypes)[0, 1]) == pytest.approx(1, abs=1e-5)


def test_prototypes_are_rounded_after_they_are_normalised() -> None:
    fused = torch.randn(1, 256, 4, 4).bfloat16()
    prototypes = torch.randn(5, 256) * 3
    exact = torch.nn.functional.normalize(prototypes, dim=1).bfloat16()
    wanted = torch.einsum("bchw,kc->bkhw", torch.nn.functional.normalize(fused, dim=1), exact)
    assert torch.equal(cosine(fused, prototypes), wanted)
