"""Pre-training of the MAE branch on unlabelled volumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

from napari_scsam.checkpoints.mae_file import load_mae, save_mae
from napari_scsam.config import UserError, VoxelSize
from napari_scsam.infer.device import choose_device, precision
from napari_scsam.io.volumes import Volume
from napari_scsam.model.mae import MaskedAutoencoder, build_mae_encoder
from napari_scsam.train.augment import Augmentation, random_grid, sample, uniform, vary_grey, window
from napari_scsam.train.drawing import draw_steps, step_seed
from napari_scsam.train.labelled_volume import grey_slices
from napari_scsam.train.loop import Trainer, TrainingRun, create_optimiser, training_steps
from napari_scsam.train.pictures import eval_mode, reconstruction_picture
from napari_scsam.train.resume import state_file
from napari_scsam.train.schedule import TrainStep

MAX_ANISOTROPY = 1.5
"""Largest ratio between voxel sides at which a volume is also sliced along y and x."""

MIN_SIDE = 64
"""Fewest voxels along each axis of a volume that is sliced along y and x."""


@dataclass(frozen=True)
class PretrainConfig:
    """Settings of a pre-training run."""

    encoder: str = "hybrid"
    steps: int = 2000
    batch: int = 16
    crop: int = 224
    hidden: float = 0.6
    """Share of the 16 px blocks that is hidden."""
    rate: float = 1e-3
    seed: int = 0
    save_every: int = 200
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(invert=0.15))
    start: str | None = None
    """Encoder of an earlier run to start from."""


class UnlabelledCrops:
    """Random crops from volumes, along every axis that is sharp enough.

    Parameters
    ----------
    volumes
        Read once into memory as 8-bit grey, each by its own contrast.
    """

    def __init__(self, volumes: Sequence[Volume], config: PretrainConfig) -> None:
        if not volumes:
            raise UserError("no volume to pre-train on; give at least one")
        self.config = config
        self.stacks = [stack for volume in volumes for stack in stacks_along_axes(volume)]
        sizes = np.array([float(s.size) for s in self.stacks])
        # A volume ten times as big is seen three times as often, not ten.
        self.weights = torch.from_numpy(np.sqrt(sizes) / np.sqrt(sizes).sum())

    def batch(self, generator: torch.Generator) -> Tensor:
        """Return B×1×crop×crop in 0..1."""
        return torch.stack([self.crop(generator) for _ in range(self.config.batch)])

    def crop(self, generator: torch.Generator) -> Tensor:
        """Return one augmented crop, 1×crop×crop."""
        stack = self.stacks[int(torch.multinomial(self.weights, 1, generator=generator))]
        plane = stack[int(uniform(generator, 0, len(stack) - 1e-3))]
        centre = uniform(generator, 0, plane.shape[0]), uniform(generator, 0, plane.shape[1])
        grid = random_grid(self.config.crop, self.config.augmentation, generator)
        part, centre = window(plane.shape, centre, grid)
        pixels = torch.from_numpy(plane[part].astype(np.float32) / 255)[None]
        return vary_grey(
            sample(pixels, centre, grid, "bilinear"), self.config.augmentation, generator
        )


def stacks_along_axes(volume: Volume) -> list[NDArray[np.uint8]]:
    """Return a volume as 8-bit stacks, one for each axis it can be sliced along."""
    grey = grey_slices(volume, range(volume.depth))
    if not is_isotropic(volume.voxel_size) or min(grey.shape) < MIN_SIDE:
        return [grey]
    return [grey, grey.transpose(1, 0, 2), grey.transpose(2, 0, 1)]


def is_isotropic(size: VoxelSize | None) -> bool:
    """Whether voxels are known to be nearly cubes."""
    return size is not None and max(size) / min(size) <= MAX_ANISOTROPY


def shown_crops(
    model: MaskedAutoencoder, crops: UnlabelledCrops, device: torch.device
) -> NDArray[np.uint8]:
    """Draw the reconstruction of the same crops, hidden in the same places, every time."""
    torch.manual_seed(crops.config.seed)  # each step sets its own again
    image = crops.batch(torch.Generator().manual_seed(crops.config.seed)).to(device)
    with eval_mode(model):
        return reconstruction_picture(model, image, crops.config.hidden)


def pretrain(
    volumes: Sequence[Volume],
    out: Path,
    config: PretrainConfig | None = None,
    device: str = "auto",
    processes: int = 0,
    on_restart: Callable[[str], object] | None = None,
) -> Iterator[TrainStep]:
    """Train a masked autoencoder and write its encoder.

    A generator: each step is yielded, and closing it stops the run with what was saved last.
    Started again with the same `out`, it resumes there.

    Parameters
    ----------
    volumes
        Unlabelled EM, of any dtype and pixel size.
    out
        Where to write the encoder (``.safetensors``).
    config
        Settings; defaults are those of the shipped encoder.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    processes
        How many draw crops ahead; they change nothing but the time.
    on_restart
        Receives a sentence when a stopped run into `out`, with other settings or volumes, is
        discarded.

    Raises
    ------
    UserError
        When there was such a run, and `on_restart` is not given.
    """
    config = config or PretrainConfig()
    state_file(out)  # now: a run that cannot be written never starts
    where = choose_device(device)
    if config.steps < 1:
        raise UserError(f"{config.steps} steps train nothing; give at least 1")
    torch.manual_seed(config.seed)
    crops = UnlabelledCrops(volumes, config)
    model = start_autoencoder(config).to(where).to(memory_format=torch.channels_last)
    run = describe_run(volumes, out, config, where)
    trainer = Trainer(
        model,
        optimiser_of(model, config, where),
        batches=lambda steps: draw_images(crops, steps, processes),
        losses_of=lambda image: reconstruction_loss(model, image.to(where), config),
        save=lambda steps: save_encoder(run, model, crops, steps),
    )
    yield from training_steps(run, trainer, on_restart)


def start_autoencoder(config: PretrainConfig) -> MaskedAutoencoder:
    """Create the autoencoder, with the encoder of an earlier run if the settings name one."""
    model = MaskedAutoencoder(build_mae_encoder(config.encoder)).train()
    if config.start is not None:
        load_mae(config.start, model.encoder)
    return model


def optimiser_of(
    model: MaskedAutoencoder, config: PretrainConfig, device: torch.device
) -> Optimizer:
    """Create the optimiser, with the settings of He et al. 2022 (arXiv 2111.06377)."""
    group = {"params": list(model.parameters()), "peak": config.rate}
    return create_optimiser([group], device, betas=(0.9, 0.95), weight_decay=0.05)


def describe_run(
    volumes: Sequence[Volume], out: Path, config: PretrainConfig, device: torch.device
) -> TrainingRun:
    """Return what a run writes and reads; its record names the start without its folder."""
    settings = {"volumes": [v.name for v in volumes], **asdict(config)}
    files = [v.path for v in volumes if v.path is not None]
    record = dict(settings)
    if config.start is not None:
        start = Path(config.start)
        files.append(start)
        record["start"] = start.name
    return TrainingRun(out, settings, record, tuple(files), device, config.steps, config.save_every)


def draw_images(crops: UnlabelledCrops, steps: range, processes: int) -> Iterator[Tensor]:
    """Draw the batch of each step, and seed torch's own generator, which hides the blocks."""
    seed = crops.config.seed
    drawn = draw_steps(crops, seed, steps, processes)
    for step, (image, _) in zip(steps, drawn, strict=True):
        torch.manual_seed(step_seed(seed, step))
        yield image


def reconstruction_loss(
    model: MaskedAutoencoder, image: Tensor, config: PretrainConfig
) -> dict[str, Tensor]:
    """Return the loss of B×1×H×W images of which some blocks are hidden."""
    with precision(image.device):
        return {"loss": model(image, config.hidden)}


def save_encoder(
    run: TrainingRun, model: MaskedAutoencoder, crops: UnlabelledCrops, steps: int
) -> NDArray[np.uint8]:
    """Write the encoder, and return a picture of what the autoencoder reconstructs."""
    save_mae(run.out, model.encoder, crops.config.encoder, {**run.record, "steps": steps})
    return shown_crops(model, crops, run.device)
