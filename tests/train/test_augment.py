"""Augmentation: geometry that keeps labels on their pixels, greys that stay in range, chance that a seed fixes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from napari_scsam.train.augment import (
    Augmentation,
    coarsen,
    decoy,
    gaussian_blur,
    mass,
    phase_noise,
    random_grid,
    restain,
    sample,
    sheathe,
    tone_curve,
    uneven_light,
    uniform,
    vary_grey,
    window,
)

RIGID = Augmentation(zoom=1, stretch=1)


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def straight_grid(side: int) -> Tensor:
    """Offsets of a crop that is neither turned nor zoomed."""
    steps = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x, y], -1)


def picture(height: int, width: int) -> Tensor:
    return torch.rand(2, height, width, generator=chance(5))


def test_numbers_lie_between_the_limits_and_fill_them() -> None:
    generator = chance()
    numbers = [uniform(generator, -2, 3) for _ in range(500)]
    assert -2 <= min(numbers) < -1.8
    assert 2.8 < max(numbers) <= 3


def test_a_straight_grid_cuts_out_the_crop() -> None:
    plane = picture(30, 40)
    crop = sample(plane, (11.5, 20.5), straight_grid(8), "bilinear")
    torch.testing.assert_close(crop, plane[:, 8:16, 17:25])


def test_without_zoom_and_stretch_a_grid_only_turns() -> None:
    for seed in range(5):
        grid = random_grid(16, RIGID, chance(seed))
        torch.testing.assert_close(grid.norm(dim=-1), straight_grid(16).norm(dim=-1))


def test_half_of_the_grids_are_mirrored() -> None:
    turns = []
    for seed in range(60):
        grid = random_grid(4, RIGID, chance(seed))
        along_x, along_y = grid[0, 1] - grid[0, 0], grid[1, 0] - grid[0, 0]
        turns.append(float(along_x[0] * along_y[1] - along_x[1] * along_y[0]))
    assert 15 < sum(t > 0 for t in turns) < 45


def test_pixel_size_spans_the_zoom_both_ways() -> None:
    sizes = []
    for seed in range(200):
        grid = random_grid(4, Augmentation(zoom=2, stretch=1), chance(seed))
        sizes.append(float((grid[0, 1] - grid[0, 0]).norm()))
    assert 0.5 <= min(sizes) < 0.55
    assert 1.8 < max(sizes) <= 2.0001
    assert abs(sum(map(math.log, sizes)) / 200) < 0.1


def test_labels_and_image_move_together_and_labels_stay_whole() -> None:
    labels = torch.zeros(1, 64, 64)
    labels[:, 20:40, 25:50] = 3
    grid = random_grid(32, Augmentation(zoom=1.5), chance(3))
    near = sample(labels, (30, 35), grid, "nearest")
    smooth = sample(labels, (30, 35), grid, "bilinear")
    assert set(near.unique().tolist()) == {0, 3}
    assert float((near - smooth).abs().mean()) < 0.15


@pytest.mark.parametrize("shape", [(40, 50), (200, 300)])
@pytest.mark.parametrize("where", [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (0.0, 1.0)])
def test_the_window_alone_gives_the_same_crop(
    shape: tuple[int, int], where: tuple[float, float]
) -> None:
    plane = picture(*shape)
    centre = (where[0] * (shape[0] - 1), where[1] * (shape[1] - 1))
    for seed in range(4):
        grid = random_grid(24, Augmentation(), chance(seed)) * torch.tensor([1.5, 0.7])
        part, inside = window(shape, centre, grid)
        expected = sample(plane, centre, grid, "bilinear")
        torch.testing.assert_close(
            sample(plane[(slice(None), *part)], inside, grid, "bilinear"),
            expected,
            atol=1e-3,
            rtol=1e-3,
        )


def test_the_window_of_a_large_plane_is_small() -> None:
    grid = straight_grid(32)
    rows, columns = window((10, 50_000, 50_000), (25_000, 3), grid)[0]
    assert rows.stop - rows.start < 50
    assert columns.stop - columns.start < 50


def test_greys_stay_in_range_and_a_seed_fixes_them() -> None:
    image = torch.rand(1, 32, 32, generator=chance(1))
    looks = [vary_grey(image, Augmentation(invert=0.3), chance(seed)) for seed in range(12)]
    assert all(float(look.min()) >= 0 and float(look.max()) <= 1 for look in looks)
    torch.testing.assert_close(
        vary_grey(image, Augmentation(invert=0.3), chance(7)), looks[7], rtol=0, atol=0
    )
    assert len({round(float(look.mean()), 4) for look in looks}) > 8


def test_inversion_swaps_dark_and_bright() -> None:
    image = torch.linspace(0, 1, 32).expand(1, 32, 32)
    plain = Augmentation(contrast=0, brightness=0, gamma=0, blur=0, noise=0, tone=0, coarse=1)
    inverted = replace(plain, invert=1)
    torch.testing.assert_close(
        vary_grey(image, inverted, chance(2)), 1 - vary_grey(image, plain, chance(2))
    )
    assert float(vary_grey(image, plain, chance(2))[0, :, -4:].mean()) > 0.7


def test_blur_keeps_the_mean_and_has_its_sigma() -> None:
    torch.testing.assert_close(
        gaussian_blur(torch.full((2, 20, 20), 0.3), 1.2), torch.full((2, 20, 20), 0.3)
    )
    point = torch.zeros(1, 31, 31)
    point[0, 15, 15] = 1
    row = gaussian_blur(point, 1.5)[0].sum(0)
    steps = torch.arange(31) - 15.0
    assert float(row.sum()) == pytest.approx(1, abs=1e-4)
    assert float((row * steps**2).sum()) ** 0.5 == pytest.approx(1.5, abs=0.05)


@pytest.mark.parametrize("spread", [0.1, 0.4, 1.5])
def test_a_tone_curve_rises_and_keeps_its_ends(spread: float) -> None:
    greys = torch.linspace(0, 1, 257)
    curves = [tone_curve(greys, spread, chance(seed)) for seed in range(10)]
    for curve in curves:
        assert curve[0].item() == pytest.approx(0, abs=1e-6)
        assert curve[-1].item() == pytest.approx(1, abs=1e-6)
        assert float(curve.diff().min()) > 0
    assert float(torch.stack(curves).std(0).max()) > 0.05 * spread
    assert not torch.allclose(curves[0], greys, atol=1e-3)


def test_no_spread_is_a_straight_tone_curve() -> None:
    greys = torch.rand(1, 8, 8, generator=chance())
    torch.testing.assert_close(tone_curve(greys, 0, chance(1)), greys)


def test_coarser_pixels_keep_shape_and_mean_but_no_detail() -> None:
    image = torch.rand(1, 48, 60, generator=chance())
    looks = [coarsen(image, Augmentation(noise=0), chance(seed)) for seed in range(6)]
    for look in looks:
        assert look.shape == image.shape
        assert float(look.mean()) == pytest.approx(float(image.mean()), abs=0.01)
        assert float(look.std()) <= float(image.std())
    assert min(float(look.std()) for look in looks) < 0.6 * float(image.std())
    torch.testing.assert_close(coarsen(image, Augmentation(noise=0, coarse=1), chance()), image)
    assert coarsen(torch.rand(1, 8, 8), Augmentation(coarse=9), chance()).shape == (1, 8, 8)


def test_uneven_light_is_slow() -> None:
    light = uneven_light(torch.Size((64, 64)), 0.1, chance())
    assert light.shape == (1, 64, 64)
    assert float(light.std()) > 0.01
    assert float(light.diff(dim=2).abs().max()) < 0.05


def test_each_class_takes_its_own_stain():
    labels = torch.zeros(48, 48, dtype=torch.long)
    labels[:, 24:] = 1
    image = torch.full((1, 48, 48), 0.5)
    stained = restain(image, labels, 0.2, chance())
    left, right = stained[0, :, :16], stained[0, :, 32:]
    assert left.std() < 1e-3
    assert right.std() < 1e-3
    assert abs(float(left.mean() - right.mean())) > 0.02
    assert torch.allclose(restain(image, labels, 0.0, chance()), image, atol=1e-5)


def test_a_decoy_hides_what_was_there_and_says_where():
    image = torch.rand((1, 64, 64), generator=chance())
    changed, hidden = decoy(image, chance())
    assert hidden.shape == (64, 64)
    assert 0.01 < float(hidden.float().mean()) < 0.5
    far = gaussian_blur(hidden[None].float(), 6.0)[0] < 1e-3
    assert torch.allclose(changed[0, far], image[0, far], atol=1e-4)
    assert float((changed[0, hidden] - image[0, hidden]).abs().mean()) > 0.05


def test_a_mass_is_even_large_and_often_dark():
    image = torch.rand((1, 96, 96), generator=chance())
    levels, shares = [], []
    for seed in range(30):
        changed, hidden = mass(image, chance(seed))
        inside = gaussian_blur(hidden[None].float(), 3.0)[0] > 0.999
        far = gaussian_blur(hidden[None].float(), 6.0)[0] < 1e-3
        assert torch.allclose(changed[0, far], image[0, far], atol=1e-4)
        shares.append(float(hidden.float().mean()))
        if inside.sum() > 200:
            smooth = gaussian_blur(changed, 3.0)[0, inside]
            assert float(smooth.std()) < 0.12  # nothing in it
            levels.append(float(smooth.mean()))
    assert max(shares) > 0.45
    assert min(levels) < 0.1 < 0.4 < max(levels)
    assert sum(level < 0.35 for level in levels) > len(levels) / 2


def test_a_soft_decoy_ends_gently():
    image = torch.full((1, 128, 128), 0.5)
    slopes = [
        float(decoy(image, chance(2), soft)[0].diff(dim=2).abs().max()) for soft in (0.7, 40.0)
    ]
    assert slopes[1] < slopes[0] / 3


def test_a_sheath_is_a_dark_band_that_leaves_the_inside():
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    profile, image = ((y - 32) ** 2 + (x - 32) ** 2) < 20**2, torch.full((1, 64, 64), 0.8)
    for seed in range(5):
        wrapped, band = sheathe(image, profile, chance(seed))
        assert band.any()
        assert not (band & ~profile).any()
        assert not band[32, 32]
        assert float(wrapped[0, band].mean()) < 0.6
        outside = gaussian_blur(band[None].float(), 2.0)[0] < 1e-3
        assert torch.allclose(wrapped[0, outside], image[0, outside], atol=1e-3)


def test_a_sheath_may_be_thicker():
    profile, image = torch.ones((200, 200), dtype=torch.bool), torch.full((1, 200, 200), 0.8)
    profile[:2] = profile[-2:] = profile[:, :2] = profile[:, -2:] = False
    widths = {
        thick: max(
            int(sheathe(image, profile, chance(seed), thick)[1][100].sum()) for seed in range(8)
        )
        / 2
        for thick in (10.0, 60.0)
    }
    assert widths[10.0] <= 10 < 30 < widths[60.0] <= 60


def test_noise_by_phase_keeps_the_grain():
    image = torch.rand((1, 64, 64), generator=chance())
    noise = phase_noise(image, chance())
    assert abs(float(noise.mean())) < 1e-4
    assert float(noise.std()) == pytest.approx(float(image.std()), rel=0.1)
    assert float((noise - image + image.mean()).abs().mean()) > 0.1
