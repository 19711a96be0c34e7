from __future__ import annotations

import pytest
import torch

from napari_scsam.model.fusion import Alignment, Fusion


@pytest.fixture
def features() -> tuple[torch.Tensor, torch.Tensor]:
    """SAM's 2×32×4×6 and the MAE's 2×24×8×12."""
    torch.manual_seed(0)
    return torch.randn(2, 32, 4, 6), torch.randn(2, 24, 8, 12)


@torch.inference_mode()
def test_untrained_it_is_sam(features: tuple[torch.Tensor, torch.Tensor]) -> None:
    sam, mae = features
    fusion = Fusion(24, 8, dim=32)
    assert torch.equal(fusion(sam, mae), sam)
    assert torch.equal(fusion(sam, 1e6 * mae), sam)


@torch.inference_mode()
def test_trained_it_listens_to_the_prior(features: tuple[torch.Tensor, torch.Tensor]) -> None:
    sam, mae = features
    fusion = Fusion(24, 8, dim=32)
    fusion.out.reset_parameters()
    both = fusion(sam, mae)
    assert both.shape == sam.shape
    assert not torch.allclose(both, fusion(sam, -mae), atol=1e-3)
    assert torch.allclose(both[1:], fusion(sam[1:], mae[1:]), atol=1e-5)


def test_the_first_step_already_teaches_it(features: tuple[torch.Tensor, torch.Tensor]) -> None:
    sam, mae = features
    fusion = Fusion(24, 8, dim=32)
    fusion(sam, mae).square().mean().backward()
    assert fusion.out.weight.grad is not None
    assert fusion.out.weight.grad.abs().max() > 0


@torch.inference_mode()
def test_the_gate_is_a_share_of_each_channel_and_place(
    features: tuple[torch.Tensor, torch.Tensor],
) -> None:
    sam, _ = features
    gate = Fusion(24, 8, dim=32).gate(sam, torch.randn_like(sam))
    assert gate.shape == sam.shape
    assert 0 < gate.min() < gate.max() < 1


@torch.inference_mode()
@pytest.mark.parametrize(("stride", "grid"), [(1, (8, 12)), (2, (4, 6)), (1, (5, 7)), (2, (9, 3))])
def test_any_grid_is_brought_to_sams(
    features: tuple[torch.Tensor, torch.Tensor], stride: int, grid: tuple[int, int]
) -> None:
    aligned = Alignment(24, stride, dim=32)(features[1], grid)
    assert aligned.shape == (2, 32, *grid)
    assert aligned.isfinite().all()


@torch.inference_mode()
def test_a_plain_sum_has_no_gates(features: tuple[torch.Tensor, torch.Tensor]) -> None:
    sam, mae = features
    fusion = Fusion(24, 8, dim=32, kind="sum")
    assert torch.equal(fusion(sam, mae), sam)
    fusion.out.reset_parameters()
    added = fusion(sam, mae) - sam
    assert added.abs().max() > 1e-2
    assert torch.allclose(fusion(0 * sam, mae), added, atol=1e-5)  # whatever SAM says


@torch.inference_mode()
def test_a_plain_sum_adds_the_aligned_prior(features: tuple[torch.Tensor, torch.Tensor]) -> None:
    sam, mae = features
    fusion = Fusion(24, 8, dim=32, kind="sum")
    fusion.out.weight[:] = torch.eye(32)[:, :, None, None]
    prior = fusion.align_mae(mae, (4, 6))
    assert prior.abs().max() > 0.1
    assert torch.allclose(fusion(sam, mae), sam + prior, atol=1e-5)


@torch.inference_mode()
def test_the_gate_weighs_what_is_added(features: tuple[torch.Tensor, torch.Tensor]) -> None:
    sam, mae = features
    fusion = Fusion(24, 8, dim=32)
    fusion.out.weight[:] = torch.eye(32)[:, :, None, None]
    prior = fusion.align_mae(mae, (4, 6))
    gate = fusion.gate(fusion.align_sam(sam), prior)
    assert torch.allclose(fusion(sam, mae), sam + gate * prior, atol=1e-5)


def test_a_batch_of_one_trains() -> None:
    assert not [
        m for m in Fusion(24, 8).modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)
    ]
